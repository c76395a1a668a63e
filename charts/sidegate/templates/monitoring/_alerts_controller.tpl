{{- define "sidegate.alerts.controller" -}}
{{- $warning := include "sidegate.alertLabels" (dict "root" . "severity" "warning") -}}
{{- $name := include "sidegate.controllerName" . -}}
- alert: SidegateObjectFaulty
  # What has ended has alerts of its own.
  expr: max by (namespace, kind, name, reason) (sidegate_controller_object_faults{reason!~"certificate-expir.*|revocation-list-expired"}) == 1
  for: 2m
  {{- $warning | nindent 2 }}
  annotations:
    summary: A Secret or ConfigMap cannot be used as it is.
    description: {{ `"{{ $labels.kind }} {{ $labels.namespace }}/{{ $labels.name }}: {{ $labels.reason }}. Running sidecars keep what they have; new pods will not start. Its Events say more."` }}
- alert: SidegateRevocationListExpired
  expr: time() - min by (namespace, kind, name, key) (sidegate_controller_crl_next_update_timestamp_seconds) > 0
  {{- $warning | nindent 2 }}
  annotations:
    summary: A revocation list is out of date.
    description: {{ `"{{ $labels.key }} in {{ $labels.kind }} {{ $labels.namespace }}/{{ $labels.name }} should have been replaced {{ $value | humanizeDuration }} ago. Clients of its CA are refused, unless a crlGrace lets them in for a while. Store the CA's present list; nothing has to be restarted."` }}
- alert: SidegateControllerLeaderless
  expr: absent(sidegate_controller_leader{job="{{ $name }}", namespace="{{ .Release.Namespace }}"} == 1)
  for: 5m
  {{- $warning | nindent 2 }}
  annotations:
    summary: No controller leads.
    description: Requests are served as before. Renewed certificates take a minute to reach their pods, and nobody tells of the ones that expire. Look at the Deployment {{ .Release.Namespace }}/{{ $name }}.
- alert: SidegateControllerFails
  expr: sum(increase(sidegate_controller_pod_syncs_total{result="error", job="{{ $name }}", namespace="{{ .Release.Namespace }}"}[15m])) > 0
  for: 15m
  {{- $warning | nindent 2 }}
  annotations:
    summary: The controller cannot have pods synced.
    description: Renewed certificates take a minute to reach some pods. The log of {{ .Release.Namespace }}/{{ $name }} names them.
{{- end -}}
