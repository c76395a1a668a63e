//go:build e2e

package e2e

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sidegate/sidegate/proxy/minica"
)

// A partner's key was stolen. Its CA says so in the next revocation list, which
// somebody puts into the ConfigMap.
func TestARevokedClientIsRefusedOnItsOpenConnection(t *testing.T) {
	t.Parallel()
	measured.story(t)
	annotations := complete("orders")
	annotations["sidegate.dev/crl"] = "configmap/orders-crl"
	g := newGate(t, namespace(t, injected), app{Annotations: annotations})
	g.publish(t, minica.CRLOptions{})
	g.ready(t)
	address, pod := g.atPod(t), g.pod(t)

	t.Run("while the list is empty partners are let in as ever", func(t *testing.T) { g.lets(t, address) })
	t.Run("once it is on the list its open connection is refused", func(t *testing.T) {
		c := &caller{address: address, config: g.as(g.allowed)}
		defer c.hangUp()
		if a, err := c.get(t.Context(), "/"); err != nil || a.status != 200 {
			t.Fatalf("before: %+v %v, want 200", a, err)
		}
		open := c.conn
		g.publish(t, minica.CRLOptions{Number: 2, Revoked: []minica.Revoked{{Serial: g.allowed.Leaf.SerialNumber, Reason: 1}}}) // keyCompromise
		applied := time.Now()
		eventually(t, 20*time.Second, func() error {
			if open == nil || c.conn != open {
				t.Fatal("the connection is not the one from before")
			}
			a, err := c.get(t.Context(), "/")
			switch {
			case err != nil:
				t.Fatalf("no answer on the open connection: %v", err)
			case a.status == 200:
				return errors.New("it is still let in")
			case a.status != 401 || !strings.Contains(a.body, "revoked"):
				t.Fatalf("status %d %q, want 401 revoked", a.status, a.body)
			}
			return nil
		})
		measured.say("Revocation list applied → the client refused on its open connection, with the controller", "%s", seconds(time.Since(applied)))
	})
	t.Run("the same partner with a new certificate is let in by the same pod", func(t *testing.T) {
		renewed := issue(t, g.ca, minica.Options{Subject: allowedSubject})
		if a, err := call(t.Context(), address, g.as(renewed), "/"); err != nil || a.status != 200 {
			t.Errorf("%+v %v, want 200", a, err)
		}
		if now := g.pod(t); now != pod {
			t.Errorf("the pod is %s, was %s", now, pod)
		}
	})
}

// publish makes ConfigMap NAME-crl hold a list of the partners' CA.
func (g *gate) publish(t *testing.T, o minica.CRLOptions) {
	t.Helper()
	list, err := g.ca.CRLPEM(o)
	if err != nil {
		t.Fatal(err)
	}
	apply(t, g.ns, configMapManifest(g.name+"-crl", map[string]string{"partner.crl": string(list)}))
}
