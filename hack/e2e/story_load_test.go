//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestPodsComeAndGoUnderLoad(t *testing.T) {
	measured.story(t)
	g := newGate(t, namespace(t, injected), app{Replicas: 2})
	g.ready(t)
	address, partner := g.atService(t), g.as(g.allowed)

	t.Run("a rolling update fails no request", func(t *testing.T) {
		l := startLoad(t, address, partner)
		kubectl(t, "-n", g.ns, "rollout", "restart", "deployment/"+g.name)
		g.ready(t)
		g.settled(t, 2)
		l.end(t, "rolling update of 2 pods under load")
	})
	t.Run("deleting pods one after the other fails no request", func(t *testing.T) {
		l := startLoad(t, address, partner)
		for range 2 {
			kubectl(t, "-n", g.ns, "delete", "pod", g.pod(t))
			g.ready(t)
			g.settled(t, 2)
		}
		l.end(t, "deletion of 2 pods under load")
	})
}

// settled waits until the application has this number of pods and no other is
// still on its way out.
func (g *gate) settled(t *testing.T, pods int) {
	t.Helper()
	eventually(t, 90*time.Second, func() error { return g.hasPods(t, pods) })
}

// hasPods reports whether the application has exactly this number of pods,
// those on their way out counted too.
func (g *gate) hasPods(t *testing.T, want int) error {
	t.Helper()
	names := strings.Fields(kubectl(t, "-n", g.ns, "get", "pods", "-l", "app="+g.name, "-o", "jsonpath={.items[*].metadata.name}"))
	if len(names) != want {
		return fmt.Errorf("%s has the pods %q, want %d", g.name, names, want)
	}
	return nil
}
