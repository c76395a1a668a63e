//go:build e2e

package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const controllerAccount = "system:serviceaccount:" + releaseNamespace + ":" + release + "-controller"

// RBAC knows no smaller right than to patch pods. The chart's
// ValidatingAdmissionPolicy takes the rest of it away again.
func TestControllerMayTouchOneAnnotation(t *testing.T) {
	t.Parallel()
	measured.story(t)
	g := newGate(t, namespace(t, injected), app{})
	g.ready(t)
	apply(t, g.ns, manifest(t, "pod.yaml", barePod{Name: "bare", Ports: []map[string]any{}}))
	pod := g.pod(t)

	t.Run("it may set sidegate.dev/synced-generation", func(t *testing.T) {
		if err := patchPodAs(t, controllerAccount, g.ns, pod, `{"metadata":{"annotations":{"sidegate.dev/synced-generation":"0123456789abcdef"}}}`); err != nil {
			t.Error(err)
		}
	})
	for _, tt := range []struct{ name, pod, json string }{
		{"another annotation", pod, `{"metadata":{"annotations":{"sidegate.dev/allow-subject":"CN=mallory"}}}`},
		{"removing an annotation", pod, `{"metadata":{"annotations":{"sidegate.dev/tls-secret":null}}}`},
		{"a label", pod, `{"metadata":{"labels":{"app":"another"}}}`},
		{"a finalizer", pod, `{"metadata":{"finalizers":["example.com/stay"]}}`},
		{"the spec", pod, `{"spec":{"activeDeadlineSeconds":1}}`},
		{"a pod without the sidecar", "bare", `{"metadata":{"annotations":{"sidegate.dev/synced-generation":"0123456789abcdef"}}}`},
	} {
		t.Run("it may not touch "+tt.name, func(t *testing.T) {
			err := patchPodAs(t, controllerAccount, g.ns, tt.pod, tt.json)
			if err == nil {
				t.Fatal("the API server took it")
			}
			if !strings.Contains(err.Error(), "ValidatingAdmissionPolicy") || !strings.Contains(err.Error(), "the controller") {
				t.Errorf("%v, want a refusal by the policy", err)
			}
		})
	}
	for _, question := range []string{"delete pods", "create pods", "list nodes", "update secrets", "patch configmaps", "create pods/exec"} {
		t.Run("RBAC does not let it "+question, func(t *testing.T) {
			args := append([]string{"-n", g.ns, "auth", "can-i"}, strings.Fields(question)...)
			if out, err := try(t.Context(), append(args, "--as="+controllerAccount)...); err == nil || strings.TrimSpace(out) != "no" {
				t.Errorf("kubectl auth can-i says %q", out)
			}
		})
	}
}

// patchPodAs patches a pod with a JSON merge patch, as somebody else. It speaks
// to the API server itself, because kubectl would read the pod first, which the
// controller may not.
func patchPodAs(t *testing.T, account, ns, pod, patch string) error {
	t.Helper()
	client, token := kube.apiClient(t)
	url := "https://" + net.JoinHostPort(nodeIP, "6443") + "/api/v1/namespaces/" + ns + "/pods/" + pod
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, url, strings.NewReader(patch))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Impersonate-User", account)
	request.Header.Set("Content-Type", "application/merge-patch+json")
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusOK {
		return nil
	}
	body, _ := io.ReadAll(response.Body)
	return fmt.Errorf("%s: %s", response.Status, body)
}

// apiClient returns a client that trusts the API server, and the administrator's
// token.
func (c *cluster) apiClient(t *testing.T) (*http.Client, string) {
	t.Helper()
	ca, err := os.ReadFile(filepath.Join(c.node.run, "pki", "ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	tokens, err := os.ReadFile(filepath.Join(c.node.run, "pki", "tokens.csv"))
	if err != nil {
		t.Fatal(err)
	}
	token, _, _ := strings.Cut(string(tokens), ",")
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true}
	return &http.Client{Transport: transport, Timeout: 30 * time.Second}, token
}
