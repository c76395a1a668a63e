//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestProbesNeedNoClientCertificate(t *testing.T) {
	t.Parallel()
	measured.story(t)
	g := newGate(t, namespace(t, injected), app{})
	g.ready(t) // so the probes have passed
	ip := g.podIP(t)

	t.Run("the pod is Ready and nothing was restarted", func(t *testing.T) {
		got := kubectl(t, "-n", g.ns, "get", "pod", g.pod(t), "-o",
			`jsonpath={.status.conditions[?(@.type=="Ready")].status} {.status.initContainerStatuses[0].restartCount}`)
		if got != "True 0" {
			t.Errorf("Ready and restarts of the sidecar: %q, want %q", got, "True 0")
		}
	})
	t.Run("health and metrics answer on the pod's address", func(t *testing.T) {
		for path, want := range map[string]string{"/livez": "", "/readyz": "", "/startz": "", "/metrics": "sidegate_build_info"} {
			body, err := plainGet("http://" + net.JoinHostPort(ip, "9901") + path)
			if err != nil || !strings.Contains(body, want) {
				t.Errorf("%s: %v, %.80q", path, err, body)
			}
		}
	})
	t.Run("the status page does not, and neither does the application", func(t *testing.T) {
		for _, port := range []string{"9902", "8080"} {
			conn, err := net.DialTimeout("tcp", net.JoinHostPort(ip, port), 5*time.Second)
			if err == nil {
				conn.Close()
			}
			if !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("port %s: %v, want connection refused", port, err)
			}
		}
	})
}

func TestRestrictedNamespaceTakesInjectedPods(t *testing.T) {
	t.Parallel()
	measured.story(t)
	ns := namespace(t, injected, restricted)
	t.Run("a pod that is not restricted is refused there", func(t *testing.T) {
		if err := tryApply(t.Context(), ns, manifest(t, "root.yaml", nil)); err == nil || !strings.Contains(err.Error(), "PodSecurity") {
			t.Errorf("%v, want a refusal by PodSecurity", err)
		}
	})
	t.Run("one with the sidecar runs and serves", func(t *testing.T) {
		g := newGate(t, ns, app{})
		g.ready(t)
		g.lets(t, g.atPod(t))
	})
}

func TestJobWithTheSidecarEnds(t *testing.T) {
	t.Parallel()
	measured.story(t)
	ns, p := namespace(t, injected), newParties(t)
	server := p.server(t)
	apply(t, ns, secretManifest("batch-tls", server.ChainPEM(), server.KeyPEM()))
	apply(t, ns, configMapManifest("batch-ca", map[string]string{"partner.crt": string(p.ca.PEM())}))
	apply(t, ns, manifest(t, "job.yaml", map[string]string{"Allow": allowedSubject}))
	kubectl(t, "-n", ns, "wait", "--for=condition=Complete", "--timeout=60s", "job/batch")
	got := kubectl(t, "-n", ns, "get", "pods", "-o", "jsonpath={.items[*].status.phase} {.items[*].status.initContainerStatuses[0].name}")
	if got != "Succeeded sidegate" {
		t.Errorf("phase and sidecar of the pod: %q, want %q", got, "Succeeded sidegate")
	}
}

func TestAppThatStartsLate(t *testing.T) {
	t.Parallel()
	measured.story(t)
	g := newGate(t, namespace(t, injected), app{StartAfter: "15s"})
	g.ready(t)
	c := &caller{address: g.atPod(t), config: g.as(g.allowed)}
	defer c.hangUp()

	t.Run("callers are told 503 until it listens, and are never refused a connection", func(t *testing.T) {
		a, err := c.get(t.Context(), "/")
		if err != nil {
			t.Fatal(err)
		}
		if a.status != 503 {
			t.Fatalf("status %d %q, want 503", a.status, a.body)
		}
		eventually(t, 40*time.Second, func() error {
			a, err := c.get(t.Context(), "/")
			switch {
			case err != nil || a.status != 200 && a.status != 503:
				t.Fatalf("while it starts: %+v %v", a, err)
			case a.status == 503:
				return errors.New("still 503")
			}
			return nil
		})
	})
	t.Run("when it dies the sidecar says so, and it comes back into the same pod", func(t *testing.T) {
		before := g.pod(t)
		if a, err := c.send(t.Context(), "POST", "/exit"); err != nil || a.status != 502 && a.status != 503 {
			t.Fatalf("while it dies: %+v %v, want 502 or 503", a, err)
		}
		eventually(t, 40*time.Second, func() error {
			a, err := c.get(t.Context(), "/")
			if err != nil || a.status != 200 {
				return fmt.Errorf("%+v %w", a, err)
			}
			return nil
		})
		if after := g.pod(t); after != before {
			t.Errorf("the pod is %s, was %s", after, before)
		}
	})
}
