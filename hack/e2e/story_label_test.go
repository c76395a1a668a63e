//go:build e2e

package e2e

import (
	"strings"
	"testing"
)

func TestLabelAPodAndTheSidecarIsThere(t *testing.T) {
	t.Parallel()
	measured.story(t)
	g := newGate(t, namespace(t, injected), app{})
	g.ready(t)
	address := g.atPod(t)

	t.Run("the sidecar is the first init container and goes on running", func(t *testing.T) {
		got := kubectl(t, "-n", g.ns, "get", "pod", g.pod(t), "-o",
			`jsonpath={.spec.initContainers[0].name} {.spec.initContainers[0].restartPolicy} {.metadata.labels.sidegate\.dev/sidecar}`)
		if got != "sidegate Always true" {
			t.Errorf("the pod has %q, want %q", got, "sidegate Always true")
		}
	})
	t.Run("it has no token for the API, which the application has", func(t *testing.T) {
		asks := barePod{Name: "token", Labels: map[string]string{"sidegate.dev/inject": "true"}, Annotations: complete("orders"), Ports: []map[string]any{}}
		pod := strings.Replace(manifest(t, "pod.yaml", asks), "automountServiceAccountToken: false", "automountServiceAccountToken: true", 1)
		got, err := kube.command(t.Context(), pod, kube.kubectl, "create", "-n", g.ns, "-f", "-", "--dry-run=server", "-o",
			`jsonpath={.spec['initContainers','containers'][0].volumeMounts[?(@.mountPath=="/var/run/secrets/kubernetes.io/serviceaccount")].name}`)
		if err != nil || !strings.HasPrefix(got, "sidegate-no-token kube-api-access-") {
			t.Errorf("the sidecar and the application mount %q (%v), want sidegate-no-token and kube-api-access-…", got, err)
		}
	})
	t.Run("what says who may call stays as it is while the pod runs", func(t *testing.T) {
		for change, want := range map[string]string{
			"label sidegate.dev/inject-":                        "label sidegate.dev/inject stays as long as the pod",
			"label sidegate.dev/sidecar=false --overwrite":      "label sidegate.dev/sidecar stays as long as the pod",
			"annotate sidegate.dev/allow-subject=x --overwrite": "annotation sidegate.dev/allow-subject is read when a pod is created",
			"annotate sidegate.dev/config=x":                    "annotation sidegate.dev/config is read when a pod is created",
			"annotate sidegate.dev/tls-secret-":                 "annotation sidegate.dev/tls-secret is read when a pod is created",
			"label team=orders":                                 "",
			"annotate team=orders":                              "",
		} {
			verb, rest, _ := strings.Cut(change, " ")
			args := append([]string{"-n", g.ns, verb, "pod", g.pod(t)}, strings.Fields(rest)...)
			if _, err := try(t.Context(), args...); want == "" && err != nil {
				t.Errorf("%s: %v", change, err)
			} else if want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
				t.Errorf("%s: %v, want a refusal with %q", change, err, want)
			}
		}
	})
	t.Run("a pod that runs without the sidecar cannot be labelled as if it had it", func(t *testing.T) {
		apply(t, g.ns, manifest(t, "pod.yaml", barePod{Name: "bare", Ports: []map[string]any{}}))
		_, err := try(t.Context(), "-n", g.ns, "label", "pod", "bare", "sidegate.dev/inject=true")
		if err == nil || !strings.Contains(err.Error(), "label sidegate.dev/inject comes too late for this pod") {
			t.Errorf("it says %v", err)
		}
	})
	t.Run("an allowed partner gets through and the application knows who it is; another gets 403", func(t *testing.T) {
		g.lets(t, address)
		g.lets(t, g.atService(t))
	})
	t.Run("a caller without a certificate is refused", func(t *testing.T) {
		if a, err := call(t.Context(), address, g.as(nil), "/"); err == nil {
			t.Errorf("it got %d", a.status)
		} else if !strings.Contains(err.Error(), "remote error: tls: certificate required") {
			t.Errorf("%v, want a TLS alert", err)
		}
	})
	t.Run("a caller with a certificate of another CA is refused", func(t *testing.T) {
		stranger := newParties(t)
		if a, err := call(t.Context(), address, g.as(stranger.allowed), "/"); err == nil {
			t.Errorf("it got %d", a.status)
		} else if !strings.Contains(err.Error(), "remote error: tls: bad certificate") {
			t.Errorf("%v, want a TLS alert", err)
		}
	})
}
