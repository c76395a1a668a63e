{{/* Faults of the rest of the pod: what would break the sidecar, or lead around it. */}}
{{- define "sidegate.review.podFaults" -}}
- name: takenPorts
  expression: |
    variables.others
      .map(c, c.?ports.orValue([])
        .filter(p, p.containerPort in [8443, 9901, 9902] && p.?protocol.orValue("TCP") == "TCP")
        .map(p, "container " + c.name + " declares port " + string(p.containerPort)
          + ", on which the sidecar listens (8443, 9901, 9902): have it listen on another"))
      .flatten()
# A Service that targets the port "mtls" would take the application's for it, and
# lead its callers around the gate.
- name: takenPortNames
  expression: |
    variables.others
      .map(c, c.?ports.orValue([])
        .filter(p, p.?name.orValue("") in ["mtls", "sidegate-health"])
        .map(p, "container " + c.name + " names a port " + p.name
          + ", which is the sidecar's: name it otherwise, or Services lead around the sidecar"))
      .flatten()
- name: takenContainerName
  expression: |
    variables.others.exists(c, c.name == "sidegate")
      ? ["a container called sidegate is there that is not the sidecar: rename it"]
      : []
- name: takenVolumeNames
  expression: |
    variables.sidecars.size() > 0 ? [] :
    variables.volumes
      .filter(v, v.name in variables.ownVolumes)
      .map(v, "volume " + v.name + " is there, but not the sidecar that mounts it: remove the volume, the injector adds it")
# One holds the private key.
- name: takenMounts
  expression: |
    variables.others
      .map(c, c.?volumeMounts.orValue([])
        .filter(m, m.name in variables.ownVolumes)
        .map(m, "container " + c.name + " mounts volume " + m.name
          + ", which is for the sidecar alone: remove the mount, or add a volume of its own"))
      .flatten()
- name: unfitPod
  expression: |
    (variables.pod.spec.?hostNetwork.orValue(false)
      ? ["hostNetwork: true gives the application the node's loopback address, so that everything on the node"
         + " reaches it past the sidecar: remove hostNetwork"]
      : [])
    + (variables.pod.spec.?os.?name.orValue("") == "windows"
      ? ["the sidecar does not run on Windows nodes: remove the label sidegate.dev/inject"]
      : [])
{{- end -}}
