{{/* Labels of an alert: .severity, and the user's. */}}
{{- define "sidegate.alertLabels" -}}
labels:
  severity: {{ .severity | quote }}
  {{- with .root.Values.prometheusRule.alertLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* When certificates end. The controller knows the object that has to be renewed;
     without it, the sidecars know the certificate. */}}
{{- define "sidegate.alerts.notAfter" -}}
{{- if .Values.controller.enabled -}}
min by (namespace, kind, name, key) (sidegate_controller_certificate_expiry_timestamp_seconds)
{{- else -}}
min by (namespace, role, subject, serial) (sidegate_certificate_not_after_seconds)
{{- end -}}
{{- end -}}

{{- define "sidegate.alerts.which" -}}
{{- if .Values.controller.enabled -}}
{{ `{{ $labels.key }} in {{ $labels.kind }} {{ $labels.namespace }}/{{ $labels.name }}` }}
{{- else -}}
{{ `The {{ $labels.role }} {{ $labels.subject }} (serial {{ $labels.serial }}) in namespace {{ $labels.namespace }}` }}
{{- end -}}
{{- end -}}

{{/* One alert a certificate at any time: each begins where the next smaller ends. */}}
{{- define "sidegate.alerts.expiry" -}}
{{- $root := . -}}
{{- $notAfter := include "sidegate.alerts.notAfter" . -}}
{{- $severities := dict -}}
{{- $days := list -}}
{{- range .Values.prometheusRule.expiry -}}
{{- $days = append $days (int .days) -}}
{{- $_ := set $severities (toString (int .days)) .severity -}}
{{- end -}}
{{- range $end := $days -}}
{{- $begin := 0 -}}
{{- range $other := $days }}{{ if and (lt $other $end) (gt $other $begin) }}{{ $begin = $other }}{{ end }}{{ end -}}
- alert: SidegateCertificateExpiring
  expr: |
    {{ $notAfter }} - time() < {{ $end }} * 86400
    and
    {{ $notAfter }} - time() >= {{ $begin }} * 86400
  {{- include "sidegate.alertLabels" (dict "root" $root "severity" (get $severities (toString $end))) | nindent 2 }}
  annotations:
    summary: A certificate expires within {{ $end }} {{ ternary "day" "days" (eq $end 1) }}.
    description: {{ printf "%s expires in {{ $value | humanizeDuration }}. Renew it and replace the object; nothing has to be restarted." (include "sidegate.alerts.which" $root) | quote }}
{{ end -}}
- alert: SidegateCertificateExpired
  expr: time() - {{ $notAfter }} > 0
  {{- include "sidegate.alertLabels" (dict "root" $root "severity" "critical") | nindent 2 }}
  annotations:
    summary: A certificate has expired.
    description: {{ printf "%s expired {{ $value | humanizeDuration }} ago." (include "sidegate.alerts.which" $root) | quote }}
{{- end -}}
