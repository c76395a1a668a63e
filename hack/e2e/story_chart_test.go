//go:build e2e

package e2e

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestHelmTestPasses(t *testing.T) {
	measured.story(t)
	out := helm(t, "test", release, "--namespace", releaseNamespace, "--timeout", "90s")
	if !strings.Contains(out, "Succeeded") {
		t.Errorf("helm test says:\n%s", out)
	}
}

// This story takes away what the others stand on, so it is alone, and puts it
// back.
func TestUpgradeAndUninstallLeaveNothingBehind(t *testing.T) {
	measured.story(t)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
		defer cancel()
		if err := kube.installChart(ctx); err != nil {
			t.Errorf("install the chart again: %v", err)
		}
	})
	g := newGate(t, namespace(t, injected), app{})
	g.ready(t)
	pod := g.pod(t)
	l := startLoad(t, g.atService(t), g.as(g.allowed))

	t.Run("an upgrade changes pods to come and none that is there", func(t *testing.T) {
		helm(t, "upgrade", release, filepath.Join("charts", "sidegate"), "--namespace", releaseNamespace, "--reuse-values",
			"--set", "injector.sidecar.resources.requests.memory=40Mi", "--set", "controller.replicas=2",
			"--set", "networkPolicy.enabled=true", "--set", "dashboard.enabled=true", "--wait", "--timeout", "2m")
		next := newGate(t, g.ns, app{Name: "later"})
		next.ready(t)
		const request = "jsonpath={.spec.initContainers[0].resources.requests.memory}"
		if got := kubectl(t, "-n", g.ns, "get", "pod", next.pod(t), "-o", request); got != "40Mi" {
			t.Errorf("a new pod's sidecar requests %q of memory, want 40Mi", got)
		}
		if now := g.pod(t); now != pod {
			t.Errorf("the pod is %s, was %s", now, pod)
		}
	})
	t.Run("what was uninstalled is gone", func(t *testing.T) {
		if err := kube.hasNothingNew(t.Context()); err == nil || !strings.Contains(err.Error(), "MutatingAdmissionPolicy") {
			t.Errorf("the objects of the chart are not seen while it is installed: %v", err)
		}
		helm(t, "uninstall", release, "--namespace", releaseNamespace, "--wait", "--timeout", "2m")
		eventually(t, 60*time.Second, func() error { return kube.hasNothingNew(t.Context()) })
	})
	t.Run("pods that have the sidecar go on serving", func(t *testing.T) {
		g.lets(t, g.atPod(t))
		if now := g.pod(t); now != pod {
			t.Errorf("the pod is %s, was %s", now, pod)
		}
	})
	l.end(t, "upgrade and uninstallation of the chart under load")
}
