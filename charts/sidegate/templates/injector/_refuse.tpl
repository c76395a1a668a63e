{{/* The sentence that refuses. Six at once fit into a message, however long the
     values that they show. */}}
{{- define "sidegate.refusal" -}}
- expression: variables.refusals.size() == 0
  messageExpression: |
    {{ with .where }}{{ toJson . }} + {{ end }}(variables.refusals.size() <= 6 ? variables.refusals :
      variables.refusals.slice(0, 6) + [string(variables.refusals.size() - 6) + " more after these"]).join("; ")
  reason: Forbidden
{{- end -}}

{{/* A sidecar that is there already must do what the annotations say: a manifest
     copied from a running pod, and then edited, would let in the old Subjects. */}}
{{- define "sidegate.review.stale" -}}
# The arguments and volumes that annotations decide; what the chart's values add to
# them may differ between releases.
- name: decided
  expression: |
    ["--config=", "--upstream=", "--certificate=", "--client-ca=", "--allow-subject="]
- name: present
  expression: |
    variables.volumes.filter(v, v.name in ["sidegate-tls", "sidegate-ca", "sidegate-config"]).map(v,
      v.name + " " + (has(v.secret) ? "secret/" + v.secret.secretName
        : has(v.configMap) ? "configmap/" + v.configMap.name : "other")).sort()
- name: stale
  expression: |
    variables.sidecars.all(c,
      c.?args.orValue([]).filter(a, variables.decided.exists(prefix, a.startsWith(prefix))) == variables.args
      && variables.present == variables.mounted.map(name, "sidegate-" + name + " " + variables.mounts[name]).sort())
      ? []
      : ["the sidecar in this manifest is not the one that its annotations ask for:"
         + " remove the init container sidegate and the volumes sidegate-tls, -ca and -config, the injector adds them anew"]
{{- end -}}
