{{/* What makes pods, by way of a template. Jobs cannot be changed, so only their
     creation counts. */}}
{{- define "sidegate.workloadRules" -}}
- {apiGroups: [apps], apiVersions: [v1], resources: [deployments, statefulsets, daemonsets], operations: [CREATE, UPDATE], scope: Namespaced}
- {apiGroups: [batch], apiVersions: [v1], resources: [jobs], operations: [CREATE], scope: Namespaced}
- {apiGroups: [batch], apiVersions: [v1], resources: [cronjobs], operations: [CREATE, UPDATE], scope: Namespaced}
{{- end -}}

{{/* The pod template of .object. dyn, because the kinds differ in where they have it. */}}
{{- define "sidegate.podTemplate" -}}
(has(dyn({{ . }}).spec.jobTemplate) ? dyn({{ . }}).spec.jobTemplate.spec.template : dyn({{ . }}).spec.template)
{{- end -}}

{{/* What is running already may be scaled, annotated and deleted as before; only a
     new template is judged. */}}
{{- define "sidegate.templateIsNew" -}}
oldObject == null || {{ include "sidegate.podTemplate" "object" }} != {{ include "sidegate.podTemplate" "oldObject" }}
{{- end -}}

{{/* Whether the pods of this request's namespace may ask for the sidecar, as far as
     labels say so. */}}
{{- define "sidegate.review.namespace" -}}
- name: excluded
  expression: request.namespace in {{ include "sidegate.excludedNamespaces" . }}
- name: namespaceLabels
  expression: namespaceObject.metadata.?labels.orValue({})
- name: enabled
  expression: |
    !variables.excluded
    {{- range $key, $value := .Values.injector.namespaceSelector.matchLabels }}
    && variables.namespaceLabels[?{{ toJson $key }}].orValue("") == {{ toJson $value }}
    {{- end }}
# The command that enables it.
- name: enabling
  expression: |
    "kubectl label namespace " + request.namespace
    {{- range $key, $value := .Values.injector.namespaceSelector.matchLabels }} + {{ printf " %s=%s" $key $value | toJson }}{{ end }}
{{- end -}}
