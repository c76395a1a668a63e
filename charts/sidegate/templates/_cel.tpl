{{/* A value of the chart as a CEL literal: maps become objects of the type that
     the API gives to the field at .path, such as Object.spec.initContainers.resources.
     .between stands between the fields of the outermost one. */}}
{{- define "sidegate.cel.literal" -}}
{{- $path := .path -}}
{{- $between := default ", " .between -}}
{{- if kindIs "map" .value -}}
{{ $path }}{{ "{" }}{{ with .between }}{{ trimPrefix "," . }}{{ end }}
{{- $first := true -}}
{{- range $key, $value := .value -}}
{{- if not (kindIs "invalid" $value) -}}
{{- if not $first }}{{ $between }}{{ end }}{{ $first = false -}}
{{ $key }}: {{ include "sidegate.cel.literal" (dict "path" (printf "%s.%s" $path $key) "value" $value) }}
{{- end -}}
{{- end -}}
}
{{- else if kindIs "slice" .value -}}
[{{ range $i, $value := .value }}{{ if $i }}, {{ end }}{{ include "sidegate.cel.literal" (dict "path" $path "value" $value) }}{{ end }}]
{{- else -}}
{{ toJson .value }}
{{- end -}}
{{- end -}}

{{/* Requests or limits: the values, each overridden by the annotation of its
     name. .kind is "request" or "limit". What has no value is left out. */}}
{{- define "sidegate.cel.quantities" -}}
{{- $kind := .kind -}}
{{- $values := default dict .values -}}
{
{{- range $i, $resource := list "cpu" "memory" }}{{ if $i }},{{ end }}
      "{{ $resource }}": variables.annotations[?"sidegate.dev/{{ $resource }}-{{ $kind }}"].orValue({{ get $values $resource | default "" | toString | toJson }})
{{- end }}
{{- range $resource, $quantity := omit $values "cpu" "memory" }},
      {{ toJson $resource }}: {{ toString $quantity | toJson }}
{{- end }}
    }.transformMap(resource, quantity, quantity != "", quantity)
{{- end -}}
