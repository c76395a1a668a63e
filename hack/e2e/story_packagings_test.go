//go:build e2e

package e2e

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// These stories need no injector: any Kubernetes with native sidecars will do.
// Each starts from a copy of the folder that a user copies, and changes what the
// user is told to change.

func TestPlainManifestsRunAndServe(t *testing.T) {
	t.Parallel()
	measured.story(t)
	ns, p := namespace(t, restricted), newParties(t)
	dir := copied(t, "deploy", p)
	server := p.server(t)
	apply(t, ns, secretManifest("webhook-tls", server.ChainPEM(), server.KeyPEM()))
	kubectl(t, "-n", ns, "apply", "-k", filepath.Join(dir, "plain"))
	kubectl(t, "-n", ns, "rollout", "status", "deployment/webhook", "--timeout=90s")
	p.lets(t, serviceAddress(t, ns, "webhook"))
}

func TestKustomizeComponentRunsAndServes(t *testing.T) {
	t.Parallel()
	measured.story(t)
	ns, p := namespace(t, restricted), newParties(t)
	dir := copied(t, "deploy", p)
	server := p.server(t)
	apply(t, ns, secretManifest("sidegate-tls", server.ChainPEM(), server.KeyPEM()))
	apply(t, ns, configMapManifest("sidegate-ca", map[string]string{"partner-ca.crt": string(p.ca.PEM())}))
	kubectl(t, "-n", ns, "apply", "-k", filepath.Join(dir, "example"))
	kubectl(t, "-n", ns, "rollout", "status", "deployment/orders", "--timeout=90s")
	p.lets(t, serviceAddress(t, ns, "orders"))
}

func TestLibraryChartExampleRunsAndServes(t *testing.T) {
	t.Parallel()
	measured.story(t)
	ns, p := namespace(t, restricted), newParties(t)
	chart := filepath.Join(copied(t, "charts", p), "sidegate-lib-example")
	server := p.server(t)
	apply(t, ns, secretManifest("orders-tls", server.ChainPEM(), server.KeyPEM()))
	apply(t, ns, configMapManifest("partner-ca", map[string]string{"partner-ca.crt": string(p.ca.PEM())}))
	values := filepath.Join(t.TempDir(), "values.yaml")
	if err := os.WriteFile(values, encode(map[string]any{
		"image": imageValues(appImage),
		"sidegate": map[string]any{
			"tlsSecret": "orders-tls", "clientCA": map[string]string{"configMap": "partner-ca"},
			"allow": []string{allowedSubject}, "image": imageValues(sidecarImage),
		},
	}), 0o644); err != nil {
		t.Fatal(err)
	}
	helm(t, "dependency", "update", chart)
	helm(t, "install", "orders", chart, "--namespace", ns, "--values", values, "--wait", "--timeout", "90s")
	p.lets(t, serviceAddress(t, ns, "orders-app"))
	t.Run("its container is the one that would be injected", func(t *testing.T) {
		const written = "jsonpath={.items[0].spec.initContainers[0]}"
		if diff := cmp.Diff(injectedContainer(t), container(t, kubectl(t, "-n", ns, "get", "pods", "-o", written))); diff != "" {
			t.Errorf("the library's container differs from the injected one (-injected +library):\n%s", diff)
		}
	})
	helm(t, "uninstall", "orders", "--namespace", ns)
}

// injectedContainer returns the sidecar as the API server puts it into a pod that
// asks for what the stories of the packagings ask for.
func injectedContainer(t *testing.T) map[string]any {
	t.Helper()
	p := barePod{Name: "compared", Labels: map[string]string{"sidegate.dev/inject": "true"}, Annotations: complete("orders"), Ports: []map[string]any{}}
	ns := namespace(t, injected)
	text, err := kube.command(t.Context(), manifest(t, "pod.yaml", p), kube.kubectl,
		"create", "-n", ns, "-f", "-", "--dry-run=server", "-o", "jsonpath={.spec.initContainers[0]}")
	if err != nil {
		t.Fatal(err)
	}
	return container(t, text)
}

func container(t *testing.T, text string) map[string]any {
	t.Helper()
	var c map[string]any
	if err := json.Unmarshal([]byte(text), &c); err != nil || c["name"] != "sidegate" {
		t.Fatalf("this is not the sidecar: %v: %s", err, text)
	}
	return c
}

// copied returns a copy of a folder of the repository, with our images in it
// and the placeholders filled in.
func copied(t *testing.T, folder string, p *parties) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), folder)
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(kube.root, folder))); err != nil {
		t.Fatal(err)
	}
	pem := strings.ReplaceAll(strings.TrimSpace(string(p.ca.PEM())), "\n", "\n    ")
	fill := strings.NewReplacer(
		"image: sidegate/sidegate:0.1.0", "image: "+sidecarImage,
		"image: sidegate/example-app #", "image: "+appImage+" #",
		"REPLACE-ME: the Subject of the partner's certificate", allowedSubject,
		"REPLACE-ME: the CA certificate of the partner, in PEM", pem)
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".yaml" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(path, []byte(fill.Replace(string(text))), 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// imageValues are an image as our charts want it in their values.
func imageValues(image string) map[string]string {
	repository, tag, _ := strings.Cut(image, ":")
	return map[string]string{"repository": repository, "tag": tag, "pullPolicy": "Never"}
}
