//go:build e2e

package e2e

import (
	"context"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sidegate/sidegate/proxy/minica"
)

// trials is how often a renewal is measured, with the controller and without.
const trials = 10

// This story has the cluster to itself, because its times are a promise.
func TestRenewedSecretIsServedAtOnce(t *testing.T) {
	measured.story(t)
	g := newGate(t, namespace(t, injected), app{})
	g.ready(t)
	l := startLoad(t, g.atService(t), g.as(g.allowed))
	address := g.atPod(t)
	var took []time.Duration
	for range trials {
		pause(2*time.Second, 4*time.Second)
		took = append(took, g.renew(t, address, 20*time.Millisecond))
	}
	l.end(t, fmt.Sprintf("%d renewals under load", trials))
	measured.durations("Secret patched → new certificate served, with the controller", took)
	if m, worst := median(took), slices.Max(took); m > time.Second || worst > 2*time.Second {
		t.Errorf("median %v and worst %v, want at most 1 s and 2 s; all: %v", m, worst, took)
	}
}

// Without the controller kubelet comes round by itself in more than a minute.
// Ten pods are patched, each at a moment of its own in kubelet's round, so that
// they need not wait for one another.
func TestRenewedSecretIsServedInAMinuteWithoutTheController(t *testing.T) {
	measured.story(t)
	ns := namespace(t, injected)
	gates := make([]*gate, trials)
	for i := range gates {
		gates[i] = newGate(t, ns, app{Name: fmt.Sprintf("orders-%d", i)})
	}
	addresses := make([]string, trials)
	for i, g := range gates {
		g.ready(t)
		addresses[i] = g.atPod(t)
	}
	withoutController(t)
	took := make([]time.Duration, trials)
	var all sync.WaitGroup
	for i, g := range gates {
		all.Go(func() {
			pause(0, 75*time.Second)
			took[i] = g.renew(t, addresses[i], 250*time.Millisecond)
		})
	}
	all.Wait()
	measured.durations("Secret patched at a random moment → new certificate served, without the controller", took)
}

// withoutController takes the controller away for as long as the test lasts.
func withoutController(t *testing.T) {
	t.Helper()
	const controller = "deployment/" + release + "-controller"
	scale := func(ctx context.Context, replicas string) error {
		_, err := try(ctx, "-n", releaseNamespace, "scale", controller, "--replicas="+replicas)
		return err
	}
	was := kubectl(t, "-n", releaseNamespace, "get", controller, "-o", "jsonpath={.spec.replicas}")
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		err := scale(ctx, was)
		if err == nil {
			_, err = try(ctx, "-n", releaseNamespace, "rollout", "status", controller, "--timeout=50s")
		}
		if err != nil {
			t.Errorf("bring the controller back: %v", err)
		}
	})
	if err := scale(t.Context(), "0"); err != nil {
		t.Fatal(err)
	}
	eventually(t, 40*time.Second, func() error {
		pods := kubectl(t, "-n", releaseNamespace, "get", "pods", "-l", controllerLabel, "-o", "name")
		if pods != "" {
			return fmt.Errorf("the controller still has %s", pods)
		}
		return nil
	})
}

// pause lets a random time pass before a trial, so that trials have nothing to
// do with one another. In a cluster they are weeks apart, and kubelet looks at
// the same pod once a second at most: one right after the other waits for that.
func pause(least, most time.Duration) {
	<-time.After(least + time.Duration(rand.Int64N(int64(most-least))))
}

// renew replaces the gate's certificate as a user does, and returns the time
// from the moment when kubectl comes back to the first connection that is
// served with the new one. It is 0 if that does not come, and the test fails.
func (g *gate) renew(t *testing.T, address string, pause time.Duration) time.Duration {
	t.Helper()
	next := g.server(t)
	if err := g.patch(t, next.ChainPEM(), next.KeyPEM()); err != nil {
		t.Error(err)
		return 0
	}
	patched := time.Now()
	want := next.Leaf.SerialNumber.String()
	tick, deadline := time.NewTicker(pause), time.After(150*time.Second)
	defer tick.Stop()
	for {
		a, err := call(t.Context(), address, g.as(g.allowed), "/")
		if err != nil {
			t.Errorf("while the certificate changes: %v", err)
			return 0
		}
		if a.serial == want {
			g.now = next
			return time.Since(patched)
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Errorf("%s still serves the old certificate %v after the change", g.name, time.Since(patched))
			return 0
		}
	}
}

// patch replaces both files of the gate's Secret.
func (g *gate) patch(t *testing.T, certificate, key []byte) error {
	t.Helper()
	_, err := try(t.Context(), "-n", g.ns, "patch", "secret", g.secret(), "--type=merge", "-p",
		fmt.Sprintf(`{"data":{"tls.crt":%q,"tls.key":%q}}`, base64.StdEncoding.EncodeToString(certificate), base64.StdEncoding.EncodeToString(key)))
	return err
}

func TestWithdrawnCAEndsOpenConnections(t *testing.T) {
	measured.story(t)
	g := newGate(t, namespace(t, injected), app{})
	g.ready(t)
	c := &caller{address: g.atPod(t), config: g.as(g.allowed)}
	defer c.hangUp()
	var took []time.Duration
	for range 5 {
		pause(2*time.Second, 4*time.Second)
		g.trust(t, g.ca)
		eventually(t, 10*time.Second, func() error {
			a, err := c.get(t.Context(), "/")
			if err != nil || a.status != 200 {
				return fmt.Errorf("not trusted yet: %+v %w", a, err)
			}
			return nil
		})
		pause(2*time.Second, 4*time.Second)
		g.trust(t, newCA(t, "CN=Another CA"))
		took = append(took, untilRefused(t, c))
	}
	measured.durations("CA withdrawn → open connection refused, with the controller", took)
	if worst := slices.Max(took); worst > 3*time.Second {
		t.Errorf("worst %v, want a few seconds at most; all: %v", worst, took)
	}
	t.Run("new connections are refused, too", func(t *testing.T) {
		if a, err := c.get(t.Context(), "/"); err == nil || !strings.Contains(err.Error(), "remote error: tls:") {
			t.Errorf("%+v %v, want a TLS alert", a, err)
		}
	})
}

// trust replaces the gate's CAs by this one.
func (g *gate) trust(t *testing.T, ca *minica.CA) {
	t.Helper()
	apply(t, g.ns, configMapManifest(g.name+"-ca", map[string]string{"partner.crt": string(ca.PEM())}))
}

// untilRefused asks again and again on the connection that c has, and returns
// the time until the answer is 401.
func untilRefused(t *testing.T, c *caller) time.Duration {
	t.Helper()
	began, open := time.Now(), c.conn
	if open == nil {
		t.Fatal("the connection was closed before anything was withdrawn")
	}
	eventually(t, 30*time.Second, func() error {
		if c.conn != open {
			t.Fatal("the connection was closed without a 401")
		}
		a, err := c.get(t.Context(), "/")
		switch {
		case err != nil:
			t.Fatalf("on the open connection: %v", err)
		case a.status == 401:
			return nil
		}
		return fmt.Errorf("still %d", a.status)
	})
	return time.Since(began)
}
