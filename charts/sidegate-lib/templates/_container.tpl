{{- /*
The sidecar, as an item of spec.initContainers. Put it first: what starts before
it, starts without it.

      initContainers:
        {{- include "sidegate.container" . | nindent 8 }}

Like every template here it reads .Values.sidegate and nothing else, so a chart
with two gates calls it with the values of each:

        {{- include "sidegate.container" (dict "Values" (dict "sidegate" .Values.hooks)) | nindent 8 }}
*/ -}}
{{- define "sidegate.container" -}}
{{- include "sidegate.lib.check" . }}
{{- with .Values.sidegate -}}
- name: sidegate
  image: {{ include "sidegate.lib.image" .image | quote }}
  imagePullPolicy: {{ (.image | default dict).pullPolicy | default "IfNotPresent" }}
  {{- /* An init container that never ends is a sidecar: it starts before the
  application and ends after it. */}}
  restartPolicy: Always
  args:
    {{- include "sidegate.lib.args" . | nindent 4 }}
  ports:
    - name: mtls
      containerPort: 8443
    - name: sidegate-health
      containerPort: 9901
  startupProbe:
    httpGet:
      path: /startz
      port: 9901
    periodSeconds: 1
    failureThreshold: 60
  readinessProbe:
    httpGet:
      path: /readyz
      port: 9901
    periodSeconds: 5
  livenessProbe:
    httpGet:
      path: /livez
      port: 9901
    periodSeconds: 10
  lifecycle:
    preStop:
      exec:
        command:
          - /sidegate
          - drain
  terminationMessagePolicy: FallbackToLogsOnError
  resources:
    {{- include "sidegate.lib.resources" .resources | nindent 4 }}
  securityContext:
    {{- include "sidegate.lib.securityContext" .securityContext | nindent 4 }}
  volumeMounts:
    {{- range include "sidegate.lib.mounts" . | fromJsonArray }}
    - name: sidegate-{{ .place }}
      mountPath: /etc/sidegate/{{ .place }}
      readOnly: true
    {{- end }}
    {{- /* It never calls the API. Where something is mounted already, the API
    server mounts no token of the pod's ServiceAccount. */}}
    - name: sidegate-no-token
      mountPath: /var/run/secrets/kubernetes.io/serviceaccount
      readOnly: true
{{- end }}
{{- end }}

{{- /* The image reference. A digest says which image on its own; the default tag beside it would only mislead. */ -}}
{{- define "sidegate.lib.image" -}}
{{- $image := . | default dict }}
{{- with $image.registry }}{{ trimSuffix "/" . }}/{{ end }}
{{- $image.repository | default "sidegate/sidegate" }}
{{- if $image.tag }}:{{ $image.tag }}{{ else if not $image.digest }}:0.1.0{{ end }}
{{- with $image.digest }}@{{ . }}{{ end }}
{{- end }}

{{- /*
The arguments. Kubernetes expands $(VAR) in them and reads $$ as $, so every $ of
a Subject is doubled: it must reach Sidegate as it was written.
*/ -}}
{{- define "sidegate.lib.args" -}}
{{- if .config -}}
- run
- --config=/etc/sidegate/config/sidegate.yaml
{{- else -}}
- run
- --upstream=http://127.0.0.1:{{ include "sidegate.lib.text" .upstreamPort | default "8080" }}
- --certificate=/etc/sidegate/tls
- --client-ca=/etc/sidegate/ca
{{- $crl := .crl | default dict }}
{{- if or $crl.configMap $crl.secret }}
- --crl=/etc/sidegate/crl
{{- end }}
{{- range .allow }}
- {{ printf "--allow-subject=%s" (include "sidegate.lib.subject" .) | replace "$" "$$" | quote }}
{{- end }}
{{- range .extraArgs }}
- {{ . | replace "$" "$$" | quote }}
{{- end }}
{{- end }}
{{- end }}

{{- /*
A Subject without the blanks around it. One behind a backslash is part of the
Subject, and so is what only trim takes for blank, such as a no-break space.
*/ -}}
{{- define "sidegate.lib.subject" -}}
{{- regexFind `(?s)[^ \t\r\n].*` . | regexFind `(?s)^([ \t\r\n]*(\\.|[^\\ \t\r\n]|\\$))*` }}
{{- end }}

{{- define "sidegate.lib.resources" -}}
{{- $given := . | default dict -}}
requests:
  {{- include "sidegate.lib.overlay" (dict "given" $given.requests "defaults" (dict "cpu" "10m" "memory" "32Mi")) | nindent 2 }}
limits:
  {{- include "sidegate.lib.overlay" (dict "given" $given.limits "defaults" (dict "memory" "256Mi")) | nindent 2 }}
{{- end }}

{{- /* It fulfils the Pod Security Standard "restricted". */ -}}
{{- define "sidegate.lib.securityContext" -}}
{{- include "sidegate.lib.overlay" (dict "given" . "defaults" (dict
  "runAsNonRoot" true
  "runAsUser" 65532
  "runAsGroup" 65532
  "readOnlyRootFilesystem" true
  "allowPrivilegeEscalation" false
  "capabilities" (dict "drop" (list "ALL"))
  "seccompProfile" (dict "type" "RuntimeDefault"))) }}
{{- end }}

{{- /* .given laid over .defaults; an empty text takes a default away. */ -}}
{{- define "sidegate.lib.overlay" -}}
{{- $result := deepCopy .defaults }}
{{- range $key, $value := .given | default dict }}
{{- if eq (include "sidegate.lib.text" $value) "" }}
{{- $_ := unset $result $key }}
{{- else }}
{{- $_ := set $result $key $value }}
{{- end }}
{{- end }}
{{- toYaml $result }}
{{- end }}

{{- /* A value as text: nothing at all if it is not set. */ -}}
{{- define "sidegate.lib.text" -}}
{{- if not (kindIs "invalid" .) }}{{ toString . }}{{ end }}
{{- end }}
