//go:build e2e

package e2e

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"text/template"
	"time"

	"github.com/sidegate/sidegate/proxy/minica"
)

// A gate is an application with the sidecar before it, in a namespace.
type gate struct {
	*parties
	ns   string
	name string
	now  *minica.Cert // what it serves
}

// An app says what is special about the application; the zero value is one
// replica of an ordinary one that lets allowedSubject in.
type app struct {
	Name        string // empty: "orders"
	Replicas    int
	Annotations map[string]string // nil: those of complete
	StartAfter  string            // a duration; empty: at once
}

// newGate deploys an app to a namespace, with new certificates in
// Secret NAME-tls and ConfigMap NAME-ca. It does not wait for its pods.
func newGate(t *testing.T, ns string, a app) *gate {
	t.Helper()
	a.Name, a.Replicas = cmp.Or(a.Name, "orders"), cmp.Or(a.Replicas, 1)
	if a.Annotations == nil {
		a.Annotations = complete(a.Name)
	}
	g := &gate{parties: newParties(t), ns: ns, name: a.Name}
	g.now = g.server(t)
	apply(t, ns, strings.Join([]string{
		secretManifest(g.secret(), g.now.ChainPEM(), g.now.KeyPEM()),
		configMapManifest(a.Name+"-ca", map[string]string{"partner.crt": string(g.ca.PEM())}),
		manifest(t, "gate.yaml", a),
	}, "\n---\n"))
	return g
}

// complete are the annotations that are enough.
func complete(name string) map[string]string {
	return map[string]string{
		"sidegate.dev/tls-secret":    name + "-tls",
		"sidegate.dev/client-ca":     "configmap/" + name + "-ca",
		"sidegate.dev/allow-subject": allowedSubject,
	}
}

func (g *gate) secret() string { return g.name + "-tls" }

// ready waits for the Deployment to be complete.
func (g *gate) ready(t *testing.T) {
	t.Helper()
	kubectl(t, "-n", g.ns, "rollout", "status", "deployment/"+g.name, "--timeout=90s")
}

// pod returns the name of a pod that is not about to leave.
func (g *gate) pod(t *testing.T) string {
	t.Helper()
	names := kubectl(t, "-n", g.ns, "get", "pods", "-l", "app="+g.name,
		"-o", `go-template={{range .items}}{{if not .metadata.deletionTimestamp}}{{.metadata.name}} {{end}}{{end}}`)
	fields := strings.Fields(names)
	if len(fields) == 0 {
		t.Fatalf("%s has no pod", g.name)
	}
	return fields[0]
}

// podIP returns the address of that pod, without a port.
func (g *gate) podIP(t *testing.T) string {
	t.Helper()
	var ip string
	eventually(t, 60*time.Second, func() error {
		ip = kubectl(t, "-n", g.ns, "get", "pod", g.pod(t), "-o", "jsonpath={.status.podIP}")
		if ip == "" {
			return fmt.Errorf("pod of %s has no address yet", g.name)
		}
		return nil
	})
	return ip
}

// atPod returns where the gate of a pod listens.
func (g *gate) atPod(t *testing.T) string { return net.JoinHostPort(g.podIP(t), "8443") }

// atService returns where all of them are reached.
func (g *gate) atService(t *testing.T) string { return serviceAddress(t, g.ns, g.name) }

func serviceAddress(t *testing.T, ns, service string) string {
	t.Helper()
	return net.JoinHostPort(kubectl(t, "-n", ns, "get", "service", service, "-o", "jsonpath={.spec.clusterIP}"), "443")
}

// lets checks that the allowed partner gets through and the other does not.
func (p *parties) lets(t *testing.T, address string) {
	t.Helper()
	a, err := call(t.Context(), address, p.as(p.allowed), "/")
	if err != nil {
		t.Fatalf("the allowed partner: %v", err)
	}
	if a.status != 200 || !strings.Contains(a.body, "X-Client-Subject: "+allowedSubject+"\n") {
		t.Errorf("the allowed partner: status %d, and the application saw\n%s", a.status, a.body)
	}
	a, err = call(t.Context(), address, p.as(p.other), "/")
	if err != nil {
		t.Fatalf("the other partner: %v", err)
	}
	if a.status != 403 || !strings.Contains(a.body, "subject-not-allowed") {
		t.Errorf("the other partner: status %d %q, want 403 subject-not-allowed", a.status, a.body)
	}
}

// manifest fills in a template of testdata.
func manifest(t *testing.T, name string, data any) string {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	quoted := func(v any) (string, error) { b, err := json.Marshal(v); return string(b), err }
	filled, err := template.New(name).Funcs(template.FuncMap{"json": quoted}).Option("missingkey=error").Parse(string(text))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := filled.Execute(&out, data); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// secretManifest is a Secret as "kubectl create secret tls" makes it. JSON is
// YAML, too.
func secretManifest(name string, certificate, key []byte) string {
	return string(encode(map[string]any{
		"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
		"metadata": map[string]any{"name": name},
		"data":     map[string][]byte{"tls.crt": certificate, "tls.key": key},
	}))
}

func configMapManifest(name string, data map[string]string) string {
	return string(encode(map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": name}, "data": data,
	}))
}
