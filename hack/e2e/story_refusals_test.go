//go:build e2e

package e2e

import (
	"maps"
	"strings"
	"testing"
)

// A barePod fills in pod.yaml.
type barePod struct {
	Name                string
	Labels, Annotations map[string]string
	HostNetwork         bool
	Ports               []map[string]any
}

func TestBadAnnotationsAreRefusedByName(t *testing.T) {
	t.Parallel()
	measured.story(t)
	ns := namespace(t, injected)
	tests := []struct {
		name   string
		change func(p *barePod)
		want   []string // in the refusal
	}{
		{"no annotation at all", func(p *barePod) { p.Annotations = nil }, []string{"tls-secret is missing", "client-ca is missing", "allow-subject is missing"}},
		{"nobody is let in", without("allow-subject"), []string{"sidegate.dev/allow-subject is missing or empty", "one a line"}},
		{"only blank lines are let in", with("allow-subject", " \n "), []string{"sidegate.dev/allow-subject is missing or empty"}},
		{"no Subject in a line", with("allow-subject", "CN=a,C=BE\npartner"), []string{"allow-subject", `"partner"`}},
		{"a Subject that ends in a no-break space", with("allow-subject", "CN=a\u00a0"), []string{"invisible character", `begins with "CN=a"`}},
		{"a Subject with a line separator in it", with("allow-subject", "CN=a\u2028CN=b"), []string{"invisible character", `begins with "CN=a"`}},
		{"a list that belongs in a ConfigMap", with("allow-subject", strings.Repeat("CN=web\n", 5000)), []string{"allow-subject is longer than 32768 characters"}},
		{"an image without end", with("image", strings.Repeat("x", 301)), []string{"image is longer than 300 characters"}},
		{"CA without its kind", with("client-ca", "orders-ca"), []string{"configmap/NAME or secret/NAME"}},
		{"CA of an unknown kind", with("client-ca", "vault/orders"), []string{"configmap/NAME or secret/NAME"}},
		{"a path for a Secret", with("tls-secret", "../orders"), []string{"sidegate.dev/tls-secret", "name of a Secret"}},
		{"a port that is none", with("upstream-port", "http"), []string{"upstream-port", `"http"`, "1 to 65535"}},
		{"a port of the sidecar", with("upstream-port", "9902"), []string{"upstream-port", "9902", "another"}},
		{"a configuration and a Subject", with("config", "orders-config"), []string{"config and sidegate.dev/allow-subject contradict"}},
		{"a client certificate and no configuration", with("client-tls-secret", "orders-client"), []string{"client-tls-secret is for calls to a partner", "sidegate.dev/config"}},
		{"a partner and nothing else", func(p *barePod) { p.Annotations = map[string]string{"sidegate.dev/server-ca": "secret/ca"} }, []string{"request: annotation sidegate.dev/server-ca is for calls to a partner, which take a whole configuration: name the ConfigMap with the egress in sidegate.dev/config, or remove sidegate.dev/server-ca"}},
		{"a partner's CA without its kind", calling("server-ca", "partner-ca"), []string{`server-ca is "partner-ca", without its kind: write configmap/NAME or secret/NAME`}},
		{"a path for a client's Secret", calling("client-tls-secret", "../orders"), []string{"client-tls-secret", "name of a Secret"}},
		{"revocation lists without their kind", with("crl", "partner-crl"), []string{`crl is "partner-crl", without its kind: write configmap/NAME or secret/NAME`}},
		{"revocation lists that are nowhere", with("crl", ""), []string{`crl is ""`, "configmap/NAME or secret/NAME"}},
		{"a typing error", with("allow-subjects", "CN=x"), []string{"sidegate.dev/allow-subjects is unknown", "allow-subject"}},
		{"a label as an annotation", with("inject", "true"), []string{"sidegate.dev/inject is a label"}},
		{"a quantity that is none", with("memory-limit", "lots"), []string{"memory-limit", `"lots"`}},
		{"a label that says yes", func(p *barePod) { p.Labels["sidegate.dev/inject"] = "yes" }, []string{`"yes"`, `"true" or "false"`}},
		{"the node's network", func(p *barePod) { p.HostNetwork = true }, []string{"hostNetwork"}},
		{"an application on the sidecar's port", func(p *barePod) { p.Ports = []map[string]any{{"containerPort": 8443}} }, []string{"8443", "app"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := barePod{Name: "refused", Labels: map[string]string{"sidegate.dev/inject": "true"}, Annotations: complete("orders"), Ports: []map[string]any{}}
			tt.change(&p)
			mustRefuse(t, ns, manifest(t, "pod.yaml", p), tt.want...)
		})
	}
	t.Run("a Deployment whose pods would be refused", func(t *testing.T) {
		mustRefuse(t, ns, manifest(t, "gate.yaml", app{Name: "orders", Replicas: 1, Annotations: map[string]string{}}),
			"deployments", "allow-subject is missing")
	})
	t.Run("a namespace that is not enabled", func(t *testing.T) {
		p := barePod{Name: "refused", Labels: map[string]string{"sidegate.dev/inject": "true"}, Annotations: complete("orders"), Ports: []map[string]any{}}
		mustRefuse(t, "default", manifest(t, "pod.yaml", p), "default is not enabled", "sidegate.dev/injection=enabled")
	})
	t.Run("a pod that does not ask is left alone", func(t *testing.T) {
		p := barePod{Name: "alone", Labels: map[string]string{"sidegate.dev/inject": "false"}, Ports: []map[string]any{}}
		apply(t, ns, manifest(t, "pod.yaml", p))
		if got := kubectl(t, "-n", ns, "get", "pod", "alone", "-o", "jsonpath={.spec.initContainers}"); got != "" {
			t.Errorf("it got the init containers %s", got)
		}
	})
}

// A sidecar can be in the manifest already, because that was copied from a running
// pod. Then it must be the one that would be injected.
func TestASidecarThatIsNotOursIsRefused(t *testing.T) {
	t.Parallel()
	measured.story(t)
	ns := namespace(t, injected)
	const notOurs = "the sidecar in this manifest is not the one that its annotations ask for"
	refuseCopies(t, ns, complete("orders"), []edit{
		{"unchanged", "", "", ""},
		{"another image, as from a mirror", sidecarImage, "mirror/sidegate:1", ""},
		{"behind another sidecar", `"initContainers": [`, `"initContainers": [{"name": "early", "image": "early", "securityContext": {"runAsNonRoot": true}},`, ""},
		{"one more Subject", `"run",`, `"run", "--allow-subject", "CN=evil",`, notOurs},
		{"one more Subject, with one dash", `"run",`, `"run", "-allow-subject=CN=evil",`, notOurs},
		{"a command", `"name": "sidegate",`, `"name": "sidegate", "command": ["/sidegate"],`, notOurs},
		{"another Secret", `"secretName": "orders-tls"`, `"secretName": "evil-tls"`, notOurs},
		{"a part of the CAs", `"name": "orders-ca"`, `"name": "orders-ca", "items": [{"key": "a", "path": "b"}]`, notOurs},
		{"files elsewhere", `"/etc/sidegate/ca"`, `"/etc/sidegate"`, notOurs},
		{"with the token of the pod", `"/var/run/secrets/kubernetes.io/serviceaccount"`, `"/none"`, notOurs},
		{"as root", `"runAsUser": 65532`, `"runAsUser": 0`, notOurs},
		{"with the port of the application", `"containerPort": 8443`, `"containerPort": 8080`, notOurs},
		{"beside an application with the key", `"name": "app",`, `"name": "app", "volumeMounts": [{"name": "sidegate-tls", "mountPath": "/key"}],`, "container app mounts volume sidegate-tls"},
	})
	checked := complete("orders")
	checked["sidegate.dev/crl"] = "configmap/orders-crl"
	refuseCopies(t, ns, checked, []edit{
		{"unchanged, with revocation lists", "", "", ""},
		{"other revocation lists", `"name": "orders-crl"`, `"name": "orders-ca"`, notOurs},
		{"revocation lists that are not looked at", `"--crl=/etc/sidegate/crl"`, `"--http2"`, notOurs},
		{"an empty folder for revocation lists", `"/etc/sidegate/crl"`, `"/etc/none"`, notOurs},
	})
	refuseCopies(t, ns, bothWays, []edit{
		{"unchanged, with an egress", "", "", ""},
		{"another certificate for calls", `"secretName": "orders-client-tls"`, `"secretName": "orders-tls"`, notOurs},
		{"other CAs of the partner", `"name": "partner-servers"`, `"name": "orders-ca"`, notOurs},
		{"the partner's CAs elsewhere", `"/etc/sidegate/partner-ca"`, `"/etc/ssl/certs"`, notOurs},
		{"beside an application with the client's key", `"name": "app",`, `"name": "app", "volumeMounts": [{"name": "sidegate-client", "mountPath": "/key"}],`, "container app mounts volume sidegate-client"},
	})
}

// An edit is what somebody changed in a manifest.
type edit struct {
	name     string
	old, new string // of the manifest
	want     string // in the refusal; empty: it is taken
}

// refuseCopies makes a pod with these annotations, and its manifest anew with
// each of the edits.
func refuseCopies(t *testing.T, ns string, annotations map[string]string, tests []edit) {
	t.Helper()
	p := barePod{Name: "copied", Labels: map[string]string{"sidegate.dev/inject": "true"}, Annotations: annotations, Ports: []map[string]any{}}
	copied, err := kube.command(t.Context(), manifest(t, "pod.yaml", p), kube.kubectl, "create", "-n", ns, "-f", "-", "--dry-run=server", "-o", "json")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			changed := strings.ReplaceAll(copied, tt.old, tt.new)
			if tt.old == "" {
				changed = copied
			} else if changed == copied {
				t.Fatalf("nothing to change: no %s in\n%s", tt.old, copied)
			}
			_, err := kube.command(t.Context(), changed, kube.kubectl, "create", "-n", ns, "-f", "-", "--dry-run=server")
			if tt.want == "" && err != nil {
				t.Error(err)
			}
			if tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("it says %v, want a refusal with %q", err, tt.want)
			}
		})
	}
}

// mustRefuse applies a manifest, which must be refused in these words.
func mustRefuse(t *testing.T, ns, manifest string, want ...string) {
	t.Helper()
	err := tryApply(t.Context(), ns, manifest)
	if err == nil {
		t.Fatal("the API server took it")
	}
	for _, words := range want {
		if !strings.Contains(err.Error(), words) {
			t.Errorf("the refusal lacks %q:\n%v", words, err)
		}
	}
}

func with(name, value string) func(*barePod) {
	return func(p *barePod) { p.Annotations["sidegate.dev/"+name] = value }
}

// calling is with for a pod that has a configuration.
func calling(name, value string) func(*barePod) {
	return func(p *barePod) {
		p.Annotations = map[string]string{"sidegate.dev/config": "orders-gate", "sidegate.dev/" + name: value}
	}
}

func without(name string) func(*barePod) {
	return func(p *barePod) {
		maps.DeleteFunc(p.Annotations, func(key, _ string) bool { return key == "sidegate.dev/"+name })
	}
}
