{{- /*
The volumes of the sidecar, as items of spec.volumes:

      volumes:
        {{- include "sidegate.volumes" . | nindent 8 }}

Whole objects, because kubelet does not bring changes to a subPath mount.
*/ -}}
{{- define "sidegate.volumes" -}}
{{- include "sidegate.lib.check" . }}
{{- with .Values.sidegate }}
{{- $mode := ternary "0440" "0444" (.podHasFSGroup | default false) }}
{{- range $i, $mount := include "sidegate.lib.mounts" . | fromJsonArray }}
{{- if $i }}{{ "\n" }}{{ end -}}
- name: sidegate-{{ .place }}
  {{ .kind }}:
    {{ ternary "secretName" "name" (eq .kind "secret") }}: {{ toYaml .name }}
    defaultMode: {{ $mode }}
{{- end }}
- name: sidegate-no-token
  emptyDir: {}
{{- end }}
{{- end }}

{{- /*
The labels of the pod: by this one the controller, the PodMonitor and the
NetworkPolicy of the chart sidegate find the pods that run the sidecar.
*/ -}}
{{- define "sidegate.podLabels" -}}
sidegate.dev/sidecar: "true"
{{- end }}

{{- /*
The annotations of the pod: from them the controller knows which objects the pod
mounts, without reading its spec.
*/ -}}
{{- define "sidegate.podAnnotations" -}}
{{- include "sidegate.lib.check" . }}
{{- range $i, $mount := include "sidegate.lib.mounts" .Values.sidegate | fromJsonArray }}
{{- if $i }}{{ "\n" }}{{ end -}}
{{ .annotation }}: {{ toYaml .value }}
{{- end }}
{{- end }}

{{- /*
What is mounted, as a JSON list: the place below /etc/sidegate, the kind and name
of the object, and the annotation that says so.
*/ -}}
{{- define "sidegate.lib.mounts" -}}
{{- $mounts := list }}
{{- with .tlsSecret }}
{{- $mounts = append $mounts (dict "place" "tls" "kind" "secret" "name" . "annotation" "sidegate.dev/tls-secret" "value" .) }}
{{- end }}
{{- range $kind := list "configMap" "secret" }}
{{- with get ($.clientCA | default dict) $kind }}
{{- $mounts = append $mounts (dict "place" "ca" "kind" $kind "name" . "annotation" "sidegate.dev/client-ca" "value" (printf "%s/%s" (lower $kind) .)) }}
{{- end }}
{{- end }}
{{- with .config }}
{{- $mounts = append $mounts (dict "place" "config" "kind" "configMap" "name" . "annotation" "sidegate.dev/config" "value" .) }}
{{- end }}
{{- with .clientTLSSecret }}
{{- $mounts = append $mounts (dict "place" "client" "kind" "secret" "name" . "annotation" "sidegate.dev/client-tls-secret" "value" .) }}
{{- end }}
{{- range $kind := list "configMap" "secret" }}
{{- with get ($.serverCA | default dict) $kind }}
{{- $mounts = append $mounts (dict "place" "partner-ca" "kind" $kind "name" . "annotation" "sidegate.dev/server-ca" "value" (printf "%s/%s" (lower $kind) .)) }}
{{- end }}
{{- end }}
{{- range $kind := list "configMap" "secret" }}
{{- with get ($.crl | default dict) $kind }}
{{- $mounts = append $mounts (dict "place" "crl" "kind" $kind "name" . "annotation" "sidegate.dev/crl" "value" (printf "%s/%s" (lower $kind) .)) }}
{{- end }}
{{- end }}
{{- toJson $mounts }}
{{- end }}
