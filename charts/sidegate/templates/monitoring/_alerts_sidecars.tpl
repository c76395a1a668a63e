{{- define "sidegate.alerts.sidecars" -}}
{{- $warning := include "sidegate.alertLabels" (dict "root" . "severity" "warning") -}}
{{- $info := include "sidegate.alertLabels" (dict "root" . "severity" "info") -}}
{{- $perSecond := .Values.prometheusRule.refusalsPerSecond -}}
- alert: SidegateMountedNotServed
  expr: max by (namespace, pod, listener) (sidegate_mounted_not_served) == 1
  for: 2m
  {{- $warning | nindent 2 }}
  annotations:
    summary: A changed certificate or CA cannot be used.
    description: {{ `"Pod {{ $labels.namespace }}/{{ $labels.pod }} keeps serving the last good files of listener {{ $labels.listener }}. Its log, and Events at the Secret, say what is wrong with the new ones."` }}
- alert: SidegateConfigFault
  expr: max by (namespace, pod) (sidegate_config_fault) == 1
  for: 2m
  {{- $warning | nindent 2 }}
  annotations:
    summary: A changed configuration cannot be used.
    description: {{ `"Pod {{ $labels.namespace }}/{{ $labels.pod }} keeps the last good configuration. Its log names the line."` }}
- alert: SidegateRequestsRefused
  expr: |
    sum by (namespace) (rate(sidegate_requests_total{result=~"subject-.*|method-not-allowed|path-.*"}[5m])) > {{ $perSecond }}
  for: 5m
  {{- $warning | nindent 2 }}
  annotations:
    summary: Many requests are refused.
    description: {{ `"{{ $value | humanize }} requests a second in namespace {{ $labels.namespace }} come from clients that may not make them. The sidecars' logs have their Subjects, and the line that would let them in."` }}
- alert: SidegateHandshakesRefused
  expr: |
    sum by (namespace, reason) (rate(sidegate_handshake_failures_total{reason!~"client-closed|client-alert|not-tls|timeout"}[5m])) > {{ $perSecond }}
  for: 5m
  {{- $warning | nindent 2 }}
  annotations:
    summary: Many clients are not trusted.
    description: {{ `"{{ $value | humanize }} handshakes a second in namespace {{ $labels.namespace }} fail with {{ $labels.reason }}."` }}
- alert: SidegateApplicationDown
  expr: |
    sum by (namespace, pod) (rate(sidegate_requests_total{result=~"app-.*"}[5m])) > 0
  for: 5m
  {{- $warning | nindent 2 }}
  annotations:
    summary: An application does not answer its sidecar.
    description: {{ `"Requests to pod {{ $labels.namespace }}/{{ $labels.pod }} are let in, and not answered. Does the application listen on 127.0.0.1, on the port in sidegate.dev/upstream-port?"` }}
- alert: SidegateWatchPolling
  expr: max by (namespace, pod) (sidegate_watch_polling) == 1
  for: 30m
  {{- $info | nindent 2 }}
  annotations:
    summary: A sidecar looks at its files every second.
    description: {{ `"Pod {{ $labels.namespace }}/{{ $labels.pod }} gets no notices of changed files from the kernel. It works; raise fs.inotify.max_user_instances on the node."` }}
{{- if .Values.podMonitor.enabled }}
- alert: SidegateSidecarDown
  expr: up{job="{{ .Release.Namespace }}/{{ include "sidegate.fullname" . }}-sidecars"} == 0
  for: 5m
  {{- $warning | nindent 2 }}
  annotations:
    summary: A sidecar does not answer.
    description: {{ `"Metrics of pod {{ $labels.namespace }}/{{ $labels.pod }} cannot be read; callers are probably not answered either."` }}
{{- end }}
{{- end -}}
