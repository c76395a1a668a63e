{{/* The name of the chart's objects. It stays a DNS label of 45 characters at
     most, so that every suffix below fits into 63: dots, which releases may have,
     become dashes; names of Services begin with a letter; and what has to be cut
     gets a hash, so that two long releases stay two. */}}
{{- define "sidegate.fullname" -}}
{{- $base := default .Chart.Name .Values.nameOverride -}}
{{- $name := .Values.fullnameOverride -}}
{{- if not $name -}}
{{- $name = ternary .Release.Name (printf "%s-%s" .Release.Name $base) (contains $base .Release.Name) -}}
{{- end -}}
{{- $name = $name | replace "." "-" | trimAll "-" -}}
{{- if regexMatch "^[0-9]" $name }}{{ $name = printf "sidegate-%s" $name }}{{ end -}}
{{- if gt (len $name) 45 -}}
{{- $name = printf "%s-%s" ($name | trunc 36 | trimSuffix "-") ($name | sha256sum | trunc 8) -}}
{{- end -}}
{{- $name -}}
{{- end -}}

{{/* Names of objects that have no namespace carry that of the release: releases
     are unique within a namespace only. */}}
{{- define "sidegate.clusterName" -}}
{{ include "sidegate.fullname" .root }}{{ with .suffix }}-{{ . }}{{ end }}.{{ .root.Release.Namespace }}
{{- end -}}

{{- define "sidegate.controllerName" -}}
{{ include "sidegate.fullname" . }}-controller
{{- end -}}

{{/* As the API server knows it. */}}
{{- define "sidegate.controllerAccount" -}}
system:serviceaccount:{{ .Release.Namespace }}:{{ include "sidegate.controllerName" . }}
{{- end -}}

{{- define "sidegate.selectorLabels" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "sidegate.labels" -}}
{{ include "sidegate.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: sidegate
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" | quote }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The labels by which the controller's own pods are found. */}}
{{- define "sidegate.controllerSelector" -}}
{{ include "sidegate.selectorLabels" . }}
app.kubernetes.io/component: controller
{{- end -}}

{{/* One image reference. A digest decides alone: with a tag beside it, readers
     would believe the tag. */}}
{{- define "sidegate.imageReference" -}}
{{- $name := .image.repository -}}
{{- with .registry }}{{ $name = printf "%s/%s" (trimSuffix "/" .) $name }}{{ end -}}
{{- if .image.digest }}{{ $name }}@{{ .image.digest }}{{ else }}{{ $name }}:{{ default .appVersion .image.tag }}{{ end -}}
{{- end -}}

{{- define "sidegate.sidecarImage" -}}
{{ include "sidegate.imageReference" (dict "image" .Values.image "registry" .Values.image.registry "appVersion" .Chart.AppVersion) }}
{{- end -}}

{{- define "sidegate.controllerImage" -}}
{{- $image := .Values.controller.image -}}
{{ include "sidegate.imageReference" (dict "image" $image "registry" (default .Values.image.registry $image.registry) "appVersion" (default .Chart.AppVersion .Values.image.tag)) }}
{{- end -}}

{{/* Where pods may ask for the sidecar: the user's selector, and never the
     namespaces on which the cluster itself depends. */}}
{{- define "sidegate.namespaceSelector" -}}
{{- $injector := .Values.injector -}}
{{- with $injector.namespaceSelector.matchLabels }}
matchLabels:
  {{- toYaml . | nindent 2 }}
{{- end }}
matchExpressions:
  {{- with $injector.namespaceSelector.matchExpressions }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  - key: kubernetes.io/metadata.name
    operator: NotIn
    values: {{ include "sidegate.excludedNamespaces" . }}
{{- end -}}

{{- define "sidegate.excludedNamespaces" -}}
{{- $excluded := .Values.injector.excludeNamespaces -}}
{{- if not .Values.injector.includeReleaseNamespace }}{{ $excluded = append $excluded .Release.Namespace }}{{ end -}}
{{- /* A selector of the API may not have an empty list; no namespace has an empty name. */ -}}
{{- uniq $excluded | default (list "") | toJson -}}
{{- end -}}
