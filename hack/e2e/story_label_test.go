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
