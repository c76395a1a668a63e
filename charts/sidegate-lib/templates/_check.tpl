{{- /*
Checks .Values.sidegate and fails with all that is wrong with it, a line each.
The schema of this chart cannot do it: Helm applies it to these values only if
the dependency is named "sidegate" by an alias, and a schema does not say how to
mend what it refuses.
*/ -}}
{{- define "sidegate.lib.check" -}}
{{- $faults := "" }}
{{- if kindIs "map" .Values.sidegate }}
{{- $faults = include "sidegate.lib.faults" .Values.sidegate | trim }}
{{- else }}
{{- $faults = "sidegate is not set: write tlsSecret, clientCA and allow, or config, under sidegate: in the values" }}
{{- end }}
{{- if $faults }}
{{- fail (printf "\n%s\n" $faults) }}
{{- end }}
{{- end }}

{{- /* What is wrong with the values, a line each; nothing if they are right. */ -}}
{{- define "sidegate.lib.faults" -}}
{{- $known := list "tlsSecret" "clientCA" "allow" "upstreamPort" "config" "clientTLSSecret" "serverCA" "crl" "podHasFSGroup" "extraArgs" "image" "resources" "securityContext" }}
{{- include "sidegate.lib.unknown" (dict "at" "sidegate" "map" (omit . "global") "known" $known) }}
{{- include "sidegate.lib.wrongName" (dict "at" "sidegate.tlsSecret" "what" "Secret" "name" .tlsSecret) }}
{{- include "sidegate.lib.wrongName" (dict "at" "sidegate.config" "what" "ConfigMap" "name" .config) }}
{{- include "sidegate.lib.wrongName" (dict "at" "sidegate.clientTLSSecret" "what" "Secret" "name" .clientTLSSecret) }}
{{- include "sidegate.lib.wrongObject" (dict "key" "clientCA" "object" .clientCA) }}
{{- include "sidegate.lib.wrongObject" (dict "key" "serverCA" "object" .serverCA) }}
{{- include "sidegate.lib.wrongObject" (dict "key" "crl" "object" .crl) }}
{{- include "sidegate.lib.wrongAllow" .allow }}
{{- include "sidegate.lib.wrongPort" .upstreamPort }}
{{- if .config }}
{{- include "sidegate.lib.contradictions" . }}
{{- else }}
{{- $unconfigured := include "sidegate.lib.unconfigured" . }}
{{- $unconfigured | default (include "sidegate.lib.missing" .) }}
{{- end }}
{{- if not (kindIs "bool" (.podHasFSGroup | default false)) }}
sidegate.podHasFSGroup is {{ toJson .podHasFSGroup }}: write true or false
{{- end }}
{{- include "sidegate.lib.wrongArgs" .extraArgs }}
{{- include "sidegate.lib.wrongImage" .image }}
{{- include "sidegate.lib.wrongResources" .resources }}
{{- include "sidegate.lib.wrongSecurityContext" .securityContext }}
{{- end }}

{{- /*
What is for calls to a partner, which no flag describes. Whoever forgot the
configuration is told of that alone, and not of what it would make needless.
*/ -}}
{{- define "sidegate.lib.unconfigured" -}}
{{- $ca := .serverCA | default dict }}
{{- $given := list }}
{{- if .clientTLSSecret }}{{ $given = append $given "clientTLSSecret" }}{{ end }}
{{- if or (not (kindIs "map" $ca)) (get $ca "configMap") (get $ca "secret") }}{{ $given = append $given "serverCA" }}{{ end }}
{{- range $given }}
sidegate.{{ . }} is for calls to a partner, which take a whole configuration: name the ConfigMap with the egress in sidegate.config, or take sidegate.{{ . }} away
{{- end }}
{{- end }}

{{- define "sidegate.lib.missing" -}}
{{- if not .tlsSecret }}
sidegate.tlsSecret is required: name the Secret with the server certificate (tls.crt, tls.key), or set sidegate.config
{{- end }}
{{- $ca := .clientCA | default dict }}
{{- if and (kindIs "map" $ca) (not (or (get $ca "configMap") (get $ca "secret"))) }}
sidegate.clientCA is required: write clientCA: {configMap: NAME} or clientCA: {secret: NAME}, or set sidegate.config
{{- end }}
{{- if not .allow }}
sidegate.allow is required, or nobody would be let in: list whole Subjects, such as "CN=web,O=Acme,C=BE", or set sidegate.config
{{- end }}
{{- end }}

{{- define "sidegate.lib.contradictions" -}}
{{- if .allow }}
sidegate.allow contradicts sidegate.config: write the rules in the sidegate.yaml of ConfigMap {{ .config }}, or take sidegate.config away
{{- end }}
{{- if ne (include "sidegate.lib.text" .upstreamPort) "" }}
sidegate.upstreamPort contradicts sidegate.config: write upstream in the sidegate.yaml of ConfigMap {{ .config }}, or take sidegate.config away
{{- end }}
{{- if .extraArgs }}
sidegate.extraArgs contradicts sidegate.config: write what they say in the sidegate.yaml of ConfigMap {{ .config }}, or take sidegate.config away
{{- end }}
{{- end }}

{{- /* A key that is not known is refused: a misspelt one is how a gate stays open. */ -}}
{{- define "sidegate.lib.unknown" -}}
{{- range $key := keys .map | sortAlpha }}
{{- if not (has $key $.known) }}
{{ $.at }}.{{ $key }} is unknown: write one of {{ join ", " $.known }}
{{- end }}
{{- end }}
{{- end }}

{{- define "sidegate.lib.wrongName" -}}
{{- if not (kindIs "invalid" .name) }}
{{- if not (kindIs "string" .name) }}
{{ .at }} is {{ toJson .name }}: write the name of a {{ .what }} as text
{{- else if not .name }}
{{- else if or (gt (len .name) 253) (not (regexMatch "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$" .name)) }}
{{ .at }} is {{ quote .name }}, which is no name of a {{ .what }}: write lower-case letters, digits, - and .
{{- end }}
{{- end }}
{{- end }}

{{- /* .object is the value of .key: one of two kinds of object, by its name. */ -}}
{{- define "sidegate.lib.wrongObject" -}}
{{- $at := printf "sidegate.%s" .key }}
{{- if kindIs "invalid" .object }}
{{- else if not (kindIs "map" .object) }}
{{ $at }} is {{ toJson .object }}, which does not say of what kind it is: write {{ $.key }}: {configMap: NAME} or {{ $.key }}: {secret: NAME}
{{- else }}
{{- include "sidegate.lib.unknown" (dict "at" $at "map" .object "known" (list "configMap" "secret")) }}
{{- include "sidegate.lib.wrongName" (dict "at" (printf "%s.configMap" $at) "what" "ConfigMap" "name" .object.configMap) }}
{{- include "sidegate.lib.wrongName" (dict "at" (printf "%s.secret" $at) "what" "Secret" "name" .object.secret) }}
{{- if and .object.configMap .object.secret }}
{{ $at }} names both a ConfigMap and a Secret: take one of them away
{{- end }}
{{- end }}
{{- end }}

{{- define "sidegate.lib.wrongAllow" -}}
{{- if not . }}
{{- else if not (kindIs "slice" .) }}
sidegate.allow is {{ toJson . }}: write a list, one Subject an item
{{- else }}
{{- range $i, $subject := . }}
{{- if not (kindIs "string" $subject) }}
sidegate.allow[{{ $i }}] is {{ toJson $subject }}: write the Subject as text, such as "CN=web,O=Acme,C=BE"
{{- else }}
{{- $text := include "sidegate.lib.subject" $subject }}
{{- if not $text }}
sidegate.allow[{{ $i }}] is empty: write a Subject, or take the item away
{{- else if or (not (contains "=" $text)) (contains "\n" $text) }}
sidegate.allow[{{ $i }}] is {{ toJson $subject }}, not a Subject: write one an item, such as "CN=web,O=Acme,C=BE", as "sidegate subject" prints it
{{- else if regexMatch `[\p{C}\p{Zl}\p{Zp}]|^\p{Z}|[^\P{Z} ]$` $text }}
sidegate.allow[{{ $i }}] is {{ printf "%+q" $subject }}, with a control or invisible character: take it away, or write it as "sidegate subject" prints it, such as \C2\A0 for a no-break space
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "sidegate.lib.wrongPort" -}}
{{- $port := include "sidegate.lib.text" . }}
{{- if eq $port "" }}
{{- else if not (regexMatch "^[1-9][0-9]{0,4}$" $port) }}
sidegate.upstreamPort is {{ quote $port }}: write the port of your application, 1 to 65535
{{- else if gt (int $port) 65535 }}
sidegate.upstreamPort is {{ $port }}: write the port of your application, 1 to 65535
{{- else if has $port (list "8443" "9901" "9902") }}
sidegate.upstreamPort is {{ $port }}, where Sidegate listens itself: let your application listen on another port
{{- end }}
{{- end }}

{{- /* Not every flag: the probes, the ports and the rules are decided elsewhere. */ -}}
{{- define "sidegate.lib.wrongArgs" -}}
{{- if not . }}
{{- else if not (kindIs "slice" .) }}
sidegate.extraArgs is {{ toJson . }}: write a list, one flag an item
{{- else }}
{{- range $i, $arg := . }}
{{- if not (regexMatch "^--(http2|websocket|log-format|log-level)(=.*)?$" (toString $arg)) }}
sidegate.extraArgs[{{ $i }}] is {{ toJson $arg }}: write --http2, --websocket, --log-format=text or --log-level=debug, or use sidegate.config
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "sidegate.lib.wrongImage" -}}
{{- if not . }}
{{- else if not (kindIs "map" .) }}
sidegate.image is {{ toJson . }}: write image: {repository: …, tag: …}, each part under its own key
{{- else }}
{{- include "sidegate.lib.unknown" (dict "at" "sidegate.image" "map" . "known" (list "registry" "repository" "tag" "digest" "pullPolicy")) }}
{{- range $key, $value := . }}
{{- if and $value (not (kindIs "string" $value)) }}
sidegate.image.{{ $key }} is {{ toJson $value }}: write it as text, in quotes
{{- end }}
{{- end }}
{{- if and .digest (not (regexMatch "^sha256:[0-9a-f]{64}$" (toString .digest))) }}
sidegate.image.digest is {{ quote .digest }}: write sha256: and 64 hexadecimal digits
{{- end }}
{{- if not (has (.pullPolicy | default "IfNotPresent") (list "Always" "IfNotPresent" "Never")) }}
sidegate.image.pullPolicy is {{ quote .pullPolicy }}: write Always, IfNotPresent or Never
{{- end }}
{{- end }}
{{- end }}

{{- /* The sidecar never needs these, and reads what the whole Internet sends to it. */ -}}
{{- define "sidegate.lib.wrongSecurityContext" -}}
{{- if not . }}
{{- else if not (kindIs "map" .) }}
sidegate.securityContext is {{ toJson . }}: write what to set under it, such as runAsUser: 1000
{{- else }}
{{- range $key := list "privileged" "allowPrivilegeEscalation" }}
{{- if get $ $key }}
sidegate.securityContext.{{ $key }} is {{ toJson (get $ $key) }}: take it away, the sidecar needs no privileges
{{- end }}
{{- end }}
{{- if and (hasKey . "allowPrivilegeEscalation") (eq (include "sidegate.lib.text" .allowPrivilegeEscalation) "") }}
sidegate.securityContext.allowPrivilegeEscalation is empty, which Kubernetes takes for true: take it away
{{- end }}
{{- if eq (include "sidegate.lib.text" .runAsUser) "0" }}
sidegate.securityContext.runAsUser is 0: write another user, the sidecar does not run as root
{{- end }}
{{- $capabilities := .capabilities | default dict }}
{{- if and (kindIs "map" $capabilities) (get $capabilities "add") }}
sidegate.securityContext.capabilities.add is {{ toJson (get $capabilities "add") }}: take it away, the sidecar needs no capability
{{- end }}
{{- end }}
{{- end }}

{{- define "sidegate.lib.wrongResources" -}}
{{- if not . }}
{{- else if not (kindIs "map" .) }}
sidegate.resources is {{ toJson . }}: write requests: and limits: under it
{{- else }}
{{- include "sidegate.lib.unknown" (dict "at" "sidegate.resources" "map" . "known" (list "requests" "limits")) }}
{{- range $key := list "requests" "limits" }}
{{- $quantities := get $ $key }}
{{- if and $quantities (not (kindIs "map" $quantities)) }}
sidegate.resources.{{ $key }} is {{ toJson $quantities }}: write quantities under it, such as memory: 64Mi
{{- end }}
{{- end }}
{{- end }}
{{- end }}
