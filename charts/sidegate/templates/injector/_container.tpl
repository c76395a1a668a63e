{{/* The container that is injected, as an expression. The API allows objects in
     patches alone and not in variables, so it stands there in full. */}}
{{- define "sidegate.inject.container" -}}
{{- $sidecar := .Values.injector.sidecar -}}
Object.spec.initContainers{
  name: "sidegate",
  image: variables.image,
  imagePullPolicy: {{ .Values.image.pullPolicy | toJson }},
  // What makes an init container a sidecar.
  restartPolicy: "Always",
  args: ["run"] + variables.args{{ with $sidecar.extraArgs }} + (variables.usesConfig ? [] : {{ toJson . }}){{ end }},
  ports: [
    Object.spec.initContainers.ports{name: "mtls", containerPort: 8443},
    Object.spec.initContainers.ports{name: "sidegate-health", containerPort: 9901}],
  startupProbe: Object.spec.initContainers.startupProbe{
    httpGet: Object.spec.initContainers.startupProbe.httpGet{path: "/startz", port: 9901},
    periodSeconds: 1, failureThreshold: 60},
  readinessProbe: Object.spec.initContainers.readinessProbe{
    httpGet: Object.spec.initContainers.readinessProbe.httpGet{path: "/readyz", port: 9901},
    periodSeconds: 5},
  livenessProbe: Object.spec.initContainers.livenessProbe{
    httpGet: Object.spec.initContainers.livenessProbe.httpGet{path: "/livez", port: 9901},
    periodSeconds: 10},
  // Says "Connection: close" from now on, and goes on proxying.
  lifecycle: Object.spec.initContainers.lifecycle{
    preStop: Object.spec.initContainers.lifecycle.preStop{
      exec: Object.spec.initContainers.lifecycle.preStop.exec{command: ["/sidegate", "drain"]}}},
  terminationMessagePolicy: "FallbackToLogsOnError",
  resources: Object.spec.initContainers.resources{requests: variables.requests, limits: variables.limits},
  securityContext: {{ include "sidegate.cel.literal" (dict "path" "Object.spec.initContainers.securityContext" "value" $sidecar.securityContext "between" ",\n    ") }},
  volumeMounts: variables.mounted.map(name, Object.spec.initContainers.volumeMounts{
      name: "sidegate-" + name, mountPath: "/etc/sidegate/" + name, readOnly: true})
    // It never calls the API. Where something is mounted already, the API server mounts
    // no token of the pod's ServiceAccount.
    + [Object.spec.initContainers.volumeMounts{
      name: "sidegate-no-token", mountPath: "{{ include "sidegate.tokenPath" . }}", readOnly: true}]
}
{{- end -}}

{{/* A list of patches, one for each volume. Whole objects, never single keys:
     kubelet does not renew subPath mounts. */}}
{{- define "sidegate.inject.volumes" -}}
variables.mounted.map(name, JSONPatch{op: "add", path: "/spec/volumes/-", value:
  variables.mounts[name].startsWith("secret/")
    ? Object.spec.volumes{
        name: "sidegate-" + name,
        secret: Object.spec.volumes.secret{
          secretName: variables.mounts[name].split("/")[1], defaultMode: variables.fileMode}}
    : Object.spec.volumes{
        name: "sidegate-" + name,
        configMap: Object.spec.volumes.configMap{
          name: variables.mounts[name].split("/")[1], defaultMode: variables.fileMode}}})
+ [JSONPatch{op: "add", path: "/spec/volumes/-", value:
    Object.spec.volumes{name: "sidegate-no-token", emptyDir: Object.spec.volumes.emptyDir{}}}]
{{- end -}}

{{/* Where the API server mounts the token of a pod's ServiceAccount. */}}
{{- define "sidegate.tokenPath" -}}
/var/run/secrets/kubernetes.io/serviceaccount
{{- end -}}
