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
# What annotations decide, and what could undo it. Free are the image, the environment
# and mounts elsewhere than over the binary or its files, as webhooks change them (mirrors
# of registries, identities of pods, agents), the place among the init containers, and
# the flags that the chart's values may add.
- name: present
  expression: |
    variables.volumes.filter(v, v.name in variables.ownVolumes).map(v, v.name + " "
      + (has(v.secret) ? "secret/" + v.secret.secretName
        : has(v.configMap) ? "configmap/" + v.configMap.name
        : has(v.emptyDir) ? "emptyDir" : "other")
      + (v.?secret.?items.hasValue() || v.?configMap.?items.hasValue() ? " in part" : "")
      + (v.?secret.?optional.orValue(false) || v.?configMap.?optional.orValue(false) ? " or not" : "")).sort()
- name: due
  expression: |
    {"args": ["run"] + variables.args,
     "ports": ["mtls 8443", "sidegate-health 9901"],
     "mounts": (variables.mounted.map(name, "sidegate-" + name + " /etc/sidegate/" + name)
       + ["sidegate-no-token {{ include "sidegate.tokenPath" . }}"]).sort(),
     "volumes": (variables.mounted.map(name, "sidegate-" + name + " " + variables.mounts[name])
       + ["sidegate-no-token emptyDir"]).sort()}
- name: stale
  expression: |
    variables.sidecars.all(c,
      !has(c.command)
      && variables.present == variables.due.volumes
      && variables.due.args == c.?args.orValue([])
        .filter(a, !a.matches("^--(http2|websocket|log-format|log-level)(=.*)?$"))
      && variables.due.ports == c.?ports.orValue([])
        .map(p, p.?name.orValue("") + " " + string(p.containerPort))
      && variables.due.mounts == c.?volumeMounts.orValue([])
        .filter(m, m.name in variables.ownVolumes
          || m.mountPath.matches("^/*(etc/*)?$|^/*(etc/+)?sidegate|(^|/)[.][.]?(/|$)"))
        .map(m, m.name + " " + m.mountPath + (has(m.subPath) || has(m.subPathExpr) ? " in part" : "")).sort()
      && !c.?securityContext.?privileged.orValue(false)
      && !c.?securityContext.?allowPrivilegeEscalation.orValue(true)
      && c.?securityContext.?runAsUser.orValue(1) != 0
      && c.?securityContext.?capabilities.?add.orValue([]).size() == 0)
      ? []
      : ["the sidecar in this manifest is not the one that its annotations ask for:"
         + " remove the init container sidegate and the volumes sidegate-tls, -ca, -config, -client, -partner-ca, -crl and -no-token, the injector adds them anew;"
         + " if they are not in your manifest, a webhook of this cluster has changed them"]
{{- end -}}
