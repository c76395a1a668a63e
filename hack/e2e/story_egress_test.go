//go:build e2e

package e2e

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/sidegate/sidegate/proxy/minica"
	"github.com/sidegate/sidegate/proxy/policy"
)

// bothWays are the annotations of a pod that is called and calls: every object that
// a sidecar can mount.
var bothWays = map[string]string{
	"sidegate.dev/tls-secret":        "orders-tls",
	"sidegate.dev/client-ca":         "configmap/orders-ca",
	"sidegate.dev/config":            "orders-gate",
	"sidegate.dev/client-tls-secret": "orders-client-tls",
	"sidegate.dev/server-ca":         "configmap/partner-servers",
}

// Orders is called by a partner and calls one, with a certificate of its own for
// either: one Secret more and one list of CAs more. The partner that it calls
// has a gate, too, whose application sees who calls.
func TestAPodThatIsCalledAndCallsAPartner(t *testing.T) {
	t.Parallel()
	measured.story(t)
	ns := namespace(t, injected)
	partner := newGate(t, ns, app{Name: "partner"})
	orders := newCaller(t, ns, partner)
	partner.ready(t)
	orders.ready(t)
	address, pod := orders.atPod(t), orders.pod(t)

	t.Run("partners are let in as by any gate", func(t *testing.T) { orders.lets(t, address) })
	t.Run("the partner is called with the certificate of the second Secret", func(t *testing.T) {
		mustCallAs(t, orders, address, partner.allowed)
	})
	t.Run("once the Secret is renewed, calls are made with the new certificate", func(t *testing.T) {
		renewed := issue(t, partner.ca, minica.Options{Subject: allowedSubject})
		apply(t, ns, secretManifest("orders-client-tls", renewed.ChainPEM(), renewed.KeyPEM()))
		patched := time.Now()
		eventually(t, 20*time.Second, func() error {
			return callsAs(t, orders, address, renewed, partner.allowed)
		})
		measured.say("Secret of an egress applied → a call with the new certificate, with the controller", "%s", seconds(time.Since(patched)))
		mustCallAs(t, orders, address, renewed)
		if now := orders.pod(t); now != pod {
			t.Errorf("the pod is %s, was %s", now, pod)
		}
	})
	t.Run("a server of a CA that was taken away is not called", func(t *testing.T) {
		apply(t, ns, configMapManifest("partner-servers", map[string]string{"ca.crt": string(orders.servers.PEM())}))
		eventually(t, 20*time.Second, func() error {
			a, err := call(t.Context(), address, orders.as(orders.allowed), "/partner")
			if err != nil || a.status != 502 {
				return fmt.Errorf("%+v %w, want 502", a, err)
			}
			return nil
		})
	})
}

// A pod that nobody calls has no server certificate and no clients.
func TestAPodThatOnlyCallsMountsNothingElse(t *testing.T) {
	t.Parallel()
	measured.story(t)
	ns := namespace(t, injected)
	annotations := maps.Clone(bothWays)
	delete(annotations, "sidegate.dev/tls-secret")
	delete(annotations, "sidegate.dev/client-ca")
	p := barePod{Name: "calls", Labels: map[string]string{"sidegate.dev/inject": "true"}, Annotations: annotations, Ports: []map[string]any{}}
	mounts, err := kube.command(t.Context(), manifest(t, "pod.yaml", p), kube.kubectl, "create", "-n", ns, "-f", "-", "--dry-run=server",
		"-o", `jsonpath={range .spec.initContainers[0].volumeMounts[*]}{.name} {.mountPath}{"\n"}{end}`)
	if err != nil {
		t.Fatal(err)
	}
	const want = `sidegate-config /etc/sidegate/config
sidegate-client /etc/sidegate/client
sidegate-partner-ca /etc/sidegate/partner-ca
sidegate-no-token /var/run/secrets/kubernetes.io/serviceaccount
`
	if mounts != want {
		t.Errorf("it mounts\n%s, want\n%s", mounts, want)
	}
}

// newCaller deploys the gate "orders", which calls partner.
func newCaller(t *testing.T, ns string, partner *gate) *gate {
	t.Helper()
	upstream := serviceAddress(t, ns, partner.name)
	apply(t, ns, strings.Join([]string{
		configMapManifest("orders-gate", map[string]string{"sidegate.yaml": rulesFor(allowedSubject) + egressTo(upstream)}),
		configMapManifest("partner-servers", map[string]string{"ca.crt": string(partner.servers.PEM())}),
		secretManifest("orders-client-tls", partner.allowed.ChainPEM(), partner.allowed.KeyPEM()),
	}, "\n---\n"))
	return newGate(t, ns, app{Annotations: bothWays})
}

// egressTo is the part of a sidegate.yaml that says whom to call.
func egressTo(address string) string {
	return fmt.Sprintf(`egress:
  - name: partner
    upstream: https://%s
    serverName: %s
    certificate: /etc/sidegate/client
    serverCA: [/etc/sidegate/partner-ca]
    serverSubject: CN=%[2]s
`, address, serverName)
}

// mustCallAs fails the test unless the application gets through to the partner,
// which sees the certificate want.
func mustCallAs(t *testing.T, g *gate, address string, want *minica.Cert) {
	t.Helper()
	if err := callsAs(t, g, address, want, nil); err != nil {
		t.Error(err)
	}
}

// callsAs has the application of g call the partner once. No call may fail, and
// none be made with another certificate than want, or old while it is not renewed.
func callsAs(t *testing.T, g *gate, address string, want, old *minica.Cert) error {
	t.Helper()
	a, err := call(t.Context(), address, g.as(g.allowed), "/partner")
	if err != nil {
		t.Fatalf("call orders: %v", err)
	}
	sees := func(c *minica.Cert) bool {
		return c != nil && strings.Contains(a.body, "X-Client-Serial: "+policy.SerialOf(c.Leaf)+"\n")
	}
	if a.status != 200 || !strings.HasPrefix(a.body, "GET /orders\n") || !strings.Contains(a.body, "X-Client-Subject: "+allowedSubject+"\n") || !sees(want) && !sees(old) {
		t.Fatalf("the call to the partner: status %d\n%s", a.status, a.body)
	}
	if !sees(want) {
		return fmt.Errorf("the partner sees %s, want serial %x", a.body, want.Leaf.SerialNumber)
	}
	return nil
}
