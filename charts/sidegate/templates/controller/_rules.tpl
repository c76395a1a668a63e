{{/* What the controller may do in the namespaces that it works in. */}}
{{- define "sidegate.controllerRules" -}}
# Finds the pods with the sidecar, by their metadata. patch: sets the annotation
# sidegate.dev/synced-generation, by which kubelet learns to sync the pod now. RBAC
# cannot say "this annotation alone": a ValidatingAdmissionPolicy of this chart does.
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch, patch]
# Sees that one changed (list, watch: their metadata), and reads the ones that pods
# with the sidecar mount (get), to tell of certificates that expire or are broken.
# Their names are the users' choice, so they cannot be listed here. Never written.
- apiGroups: [""]
  resources: [secrets, configmaps]
  verbs: [get, list, watch]
# Tells of it, at the Secret and at the pods.
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- end -}}
