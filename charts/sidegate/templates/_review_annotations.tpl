{{/* Faults of the annotations. Every sentence names the annotation and the way
     to mend it. */}}
{{- define "sidegate.review.annotationFaults" -}}
- name: known
  expression: |
    ["tls-secret", "client-ca", "allow-subject", "upstream-port", "config",
     "client-tls-secret", "server-ca", "crl",
     "image", "cpu-request", "memory-request", "cpu-limit", "memory-limit"]
# Judged before all others, which are then short enough for messages.
- name: overlong
  expression: |
    variables.known
      .filter(name, variables.annotations[?"sidegate.dev/" + name].orValue("").size()
        > (name == "allow-subject" ? 32768 : 300))
      .map(name, "annotation sidegate.dev/" + name + (name == "allow-subject"
        ? " is longer than 32768 characters: write the list in a ConfigMap, and name that in sidegate.dev/config"
        : " is longer than 300 characters: shorten it"))
# Flags describe no call to a partner. Whoever forgot the configuration is told of
# that alone, and not of what it would make needless.
- name: unconfigured
  expression: |
    variables.usesConfig ? [] :
    ["client-tls-secret", "server-ca"]
      .filter(name, "sidegate.dev/" + name in variables.annotations)
      .map(name, "annotation sidegate.dev/" + name + " is for calls to a partner, which take a whole configuration:"
        + " name the ConfigMap with the egress in sidegate.dev/config, or remove sidegate.dev/" + name)
- name: missing
  expression: |
    variables.unconfigured.size() > 0 ? [] :
    variables.usesConfig
      ? (variables.config != "" ? [] :
         ["annotation sidegate.dev/config is empty: write the name of the ConfigMap with the key sidegate.yaml"])
      : ["tls-secret", "client-ca", "allow-subject"]
        .filter(name, name == "allow-subject"
          ? variables.subjects.size() == 0
          : variables.annotations[?"sidegate.dev/" + name].orValue("") == "")
        .map(name, "annotation sidegate.dev/" + name + " is missing or empty: write " + {
          "tls-secret": "the name of the Secret with tls.crt and tls.key",
          "client-ca": "configmap/NAME or secret/NAME, the object with the CAs of the clients",
          "allow-subject": "the Subjects to let in, one a line, such as CN=web,O=Acme,C=BE"
        }[name])
- name: contradictory
  expression: |
    !variables.usesConfig ? [] :
    ["allow-subject", "upstream-port"]
      .filter(name, "sidegate.dev/" + name in variables.annotations)
      .map(name, "annotations sidegate.dev/config and sidegate.dev/" + name
        + " contradict each other: sidegate.yaml in the ConfigMap says it all, remove sidegate.dev/" + name)
# A misspelt annotation would be a rule that its author believes in and nobody obeys.
- name: unknown
  expression: |
    variables.annotations
      .map(key, key)
      .filter(key, key.startsWith("sidegate.dev/"))
      .map(key, key.substring(13))
      .filter(name, !(name in variables.known) && name != "synced-generation")
      .sort()
      .map(name, name in ["inject", "sidecar", "injection"]
        ? "sidegate.dev/" + name + " is a label, not an annotation: move it"
        : "annotation sidegate.dev/" + name + " is unknown: the ones for you are sidegate.dev/"
          + variables.known.join(", "))
- name: malformedNames
  expression: |
    ["tls-secret", "client-tls-secret", "config"]
      .filter(name, variables.annotations[?"sidegate.dev/" + name].orValue("") != "")
      .filter(name, format.dns1123Subdomain().validate(variables.annotations["sidegate.dev/" + name]).hasValue())
      .map(name, "annotation sidegate.dev/" + name + " is "
        + {{ include "sidegate.cel.shown" `variables.annotations["sidegate.dev/" + name]` | nindent 8 | trim }}
        + ", not the name of a " + (name == "config" ? "ConfigMap" : "Secret")
        + ": write the name alone, small letters, digits, dashes and dots")
# Empty, sidegate.dev/crl would be a check that its author believes in and nobody makes.
- name: malformedObjects
  expression: |
    ["sidegate.dev/client-ca", "sidegate.dev/server-ca", "sidegate.dev/crl"]
      .filter(key, variables.annotations[?key].orValue("") != ""
        || key == "sidegate.dev/crl" && key in variables.annotations)
      .filter(key, !variables.annotations[key].matches("^(configmap|secret)/[^/]*$")
        || format.dns1123Subdomain().validate(variables.annotations[key].split("/")[1]).hasValue())
      .map(key, "annotation " + key + " is "
        + {{ include "sidegate.cel.shown" "variables.annotations[key]" | nindent 8 | trim }}
        + (variables.annotations[key].contains("/")
          ? ": write configmap/NAME or secret/NAME, the kind in small letters"
          : ", without its kind: write configmap/NAME or secret/NAME"))
- name: malformedSubjects
  expression: |
    variables.subjects
      .filter(s, !s.contains("="))
      .map(s, "annotation sidegate.dev/allow-subject has the line " + {{ include "sidegate.cel.shown" "s" | nindent 8 | trim }}
        + ", not a Subject: write one a line, such as CN=web,O=Acme,C=BE, as \"sidegate subject\" prints it")
# Nobody could tell this name from another that looks the same.
- name: unseenInSubjects
  expression: |
    variables.subjects
      .filter(s, s.contains("=") && s.matches(r"[\p{C}\p{Zl}\p{Zp}]|^\p{Z}|[^\P{Z} ]$"))
      .map(s, "annotation sidegate.dev/allow-subject has a control or invisible character in the line that begins with "
        + strings.quote(s.find("^[ -~]{0,120}"))
        + ": remove it, or write it as \"sidegate subject\" prints it, such as \\C2\\A0 for a no-break space")
- name: malformedPort
  expression: |
    !variables.upstreamPort.matches("^[1-9][0-9]{0,4}$") || int(variables.upstreamPort) > 65535
      ? ["annotation sidegate.dev/upstream-port is " + {{ include "sidegate.cel.shown" "variables.upstreamPort" | nindent 8 | trim }}
         + ": write the port on which the application listens, 1 to 65535"]
    : variables.upstreamPort in ["8443", "9901", "9902"]
      ? ["annotation sidegate.dev/upstream-port is " + variables.upstreamPort
         + ", a port of the sidecar itself (8443, 9901, 9902): have the application listen on another"]
    : []
- name: malformedImage
  expression: |
    variables.image.matches("^[^[:space:]]+$") ? [] :
    ["annotation sidegate.dev/image is " + {{ include "sidegate.cel.shown" "variables.image" | nindent 8 | trim }}
     + ": write a reference such as sidegate/sidegate:0.1.0, or leave it out"]
- name: malformedQuantities
  expression: |
    ["cpu-request", "memory-request", "cpu-limit", "memory-limit"]
      .filter(name, "sidegate.dev/" + name in variables.annotations)
      .filter(name, !isQuantity(variables.annotations["sidegate.dev/" + name])
        || !quantity(variables.annotations["sidegate.dev/" + name]).isGreaterThan(quantity("0")))
      .map(name, "annotation sidegate.dev/" + name + " is "
        + {{ include "sidegate.cel.shown" `variables.annotations["sidegate.dev/" + name]` | nindent 8 | trim }}
        + ": write a quantity, such as " + (name.startsWith("cpu") ? "50m" : "64Mi"))
- name: requestsAboveLimits
  expression: |
    variables.malformedQuantities.size() > 0 ? [] :
    ["cpu", "memory"]
      .filter(r, r in variables.requests && r in variables.limits)
      .filter(r, quantity(variables.requests[r]).isGreaterThan(quantity(variables.limits[r])))
      .map(r, "the sidecar's " + r + " request " + variables.requests[r] + " is above its limit " + variables.limits[r]
        + ": set sidegate.dev/" + r + "-request and sidegate.dev/" + r + "-limit to go together")
{{- end -}}
