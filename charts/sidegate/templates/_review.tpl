{{/*
How a pod asks for the sidecar, and what can be wrong with it.

These CEL variables are the same in the policy that injects and in the ones that
refuse. They read variables.pod, a pod or the pod template of a workload, and end
in variables.faults: a list of sentences. The injector adds the sidecar if the
list is empty, the others refuse if it is not, so there is no pod that both skip.

Values are quoted and cut short in sentences: a message of the API has one line
and 5 KiB at most.
*/}}
{{- define "sidegate.review.variables" -}}
{{ include "sidegate.review.reading" . }}
{{ include "sidegate.review.wanted" . }}
{{ include "sidegate.review.annotationFaults" . }}
{{ include "sidegate.review.podFaults" . }}
- name: faults
  expression: |
    variables.overlong.size() > 0 ? variables.overlong :
    variables.missing + variables.contradictory + variables.unconfigured + variables.unknown
    + variables.malformedNames + variables.malformedObjects
    + variables.malformedSubjects + variables.unseenInSubjects
    + variables.malformedPort + variables.malformedImage
    + variables.malformedQuantities + variables.requestsAboveLimits
    + variables.takenPorts + variables.takenPortNames + variables.takenContainerName
    + variables.takenVolumeNames + variables.takenMounts + variables.unfitPod
{{- end -}}

{{/* A value of the user's in a sentence; it may end up on somebody's terminal. */}}
{{- define "sidegate.cel.shown" -}}
({{ . }}.matches(r"[\p{C}\p{Zl}\p{Zp}]") ? "a text with control or invisible characters"
  : strings.quote({{ . }}.size() > 120 ? {{ . }}.substring(0, 120) + "…" : {{ . }}))
{{- end -}}

{{/* What the pod says, with nothing left that may be absent. */}}
{{- define "sidegate.review.reading" -}}
- name: annotations
  expression: variables.pod.?metadata.?annotations.orValue({})
- name: initContainers
  expression: variables.pod.spec.?initContainers.orValue([])
- name: volumes
  expression: variables.pod.spec.?volumes.orValue([])
# Those that the injector adds.
- name: ownVolumes
  expression: |
    ["sidegate-tls", "sidegate-ca", "sidegate-config", "sidegate-client", "sidegate-partner-ca", "sidegate-crl",
     "sidegate-no-token"]
# The sidecar that is there already: injected a moment ago, or copied from another pod.
- name: sidecars
  expression: |
    variables.initContainers.filter(c, c.name == "sidegate" && c.?restartPolicy.orValue("") == "Always")
- name: others
  expression: |
    variables.pod.spec.containers
    + variables.initContainers.filter(c, !(c.name == "sidegate" && c.?restartPolicy.orValue("") == "Always"))
- name: tlsSecret
  expression: variables.annotations[?"sidegate.dev/tls-secret"].orValue("")
- name: clientCA
  expression: variables.annotations[?"sidegate.dev/client-ca"].orValue("")
- name: clientTLSSecret
  expression: variables.annotations[?"sidegate.dev/client-tls-secret"].orValue("")
- name: serverCA
  expression: variables.annotations[?"sidegate.dev/server-ca"].orValue("")
- name: crl
  expression: variables.annotations[?"sidegate.dev/crl"].orValue("")
- name: config
  expression: variables.annotations[?"sidegate.dev/config"].orValue("")
- name: usesConfig
  expression: |
    "sidegate.dev/config" in variables.annotations
- name: upstreamPort
  expression: variables.annotations[?"sidegate.dev/upstream-port"].orValue("8080")
- name: image
  expression: variables.annotations[?"sidegate.dev/image"].orValue({{ include "sidegate.sidecarImage" . | toJson }})
# Each line from its first character that is no blank to its last; a blank behind a
# backslash is part of the Subject. trim() would take away characters that are, too:
# to it, a no-break space is blank.
- name: subjects
  expression: |
    variables.annotations[?"sidegate.dev/allow-subject"].orValue("")
      .split("\n")
      .map(line, line.find(r"[^ \t\r].*"))
      .map(line, line.find(r"^([ \t\r]*(\\.|[^\\ \t\r]|\\$))*"))
      .filter(line, line != "")
{{- end -}}

{{/* What follows from it for the sidecar. */}}
{{- define "sidegate.review.wanted" -}}
# Kubernetes expands $(NAME) in arguments, and reads $$ as $: a $ in a Subject is
# doubled, or the pod's author could not write it.
- name: args
  expression: |
    variables.usesConfig
      ? ["--config=/etc/sidegate/config/sidegate.yaml"]
      : ["--upstream=http://127.0.0.1:" + variables.upstreamPort,
         "--certificate=/etc/sidegate/tls",
         "--client-ca=/etc/sidegate/ca"]
        + (variables.crl == "" ? [] : ["--crl=/etc/sidegate/crl"])
        + variables.subjects.map(s, "--allow-subject=" + s.replace("$", "$$"))
# What is mounted, each below /etc/sidegate, from an object of the pod's namespace.
- name: mounts
  expression: |
    {"tls": variables.tlsSecret == "" ? "" : "secret/" + variables.tlsSecret,
     "ca": variables.clientCA,
     "config": variables.config == "" ? "" : "configmap/" + variables.config,
     "client": variables.clientTLSSecret == "" ? "" : "secret/" + variables.clientTLSSecret,
     "partner-ca": variables.serverCA,
     "crl": variables.crl}
- name: mounted
  expression: |
    ["tls", "ca", "config", "client", "partner-ca", "crl"].filter(name, variables.mounts[name] != "")
{{- $resources := .Values.injector.sidecar.resources }}
- name: requests
  expression: |
    {{ include "sidegate.cel.quantities" (dict "kind" "request" "values" $resources.requests) }}
- name: limits
  expression: |
    {{ include "sidegate.cel.quantities" (dict "kind" "limit" "values" $resources.limits) }}
{{- end -}}
