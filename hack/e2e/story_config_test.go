//go:build e2e

package e2e

import (
	"encoding/base64"
	"fmt"
	"testing"
	"time"
)

// A Secret of cert-manager has the server's certificate and the CA that issued
// it in one object, and may be both to a gate. The rules are in a ConfigMap.
func TestWholeConfigurationAndASecretOfCertManager(t *testing.T) {
	t.Parallel()
	measured.story(t)
	ns := namespace(t, injected)
	apply(t, ns, configMapManifest("rules", map[string]string{"sidegate.yaml": rulesFor(allowedSubject)}))
	g := newGate(t, ns, app{Annotations: map[string]string{
		"sidegate.dev/tls-secret": "orders-tls",
		"sidegate.dev/client-ca":  "secret/orders-tls",
		"sidegate.dev/config":     "rules",
	}})
	kubectl(t, "-n", ns, "patch", "secret", g.secret(), "--type=merge", "-p",
		fmt.Sprintf(`{"data":{"ca.crt":%q}}`, base64.StdEncoding.EncodeToString(g.ca.PEM())))
	g.ready(t)
	address, pod := g.atPod(t), g.pod(t)

	t.Run("its ca.crt is the CA of the partners", func(t *testing.T) { g.lets(t, address) })
	t.Run("a new rule is in force without a restart", func(t *testing.T) {
		apply(t, ns, configMapManifest("rules", map[string]string{"sidegate.yaml": rulesFor(otherSubject)}))
		patched := time.Now()
		eventually(t, 20*time.Second, func() error {
			a, err := call(t.Context(), address, g.as(g.other), "/")
			if err != nil || a.status != 200 {
				return fmt.Errorf("the other partner: %+v %w", a, err)
			}
			return nil
		})
		measured.say("ConfigMap applied → new rule in force, with the controller", "%s", seconds(time.Since(patched)))
		if now := g.pod(t); now != pod {
			t.Errorf("the pod is %s, was %s", now, pod)
		}
	})
}

// rulesFor is a sidegate.yaml that lets one Subject in.
func rulesFor(subject string) string {
	return fmt.Sprintf(`ingress:
  - listen: ":8443"
    upstream: http://127.0.0.1:8080
    certificate: /etc/sidegate/tls
    clientCA: [/etc/sidegate/ca]
    allow:
      - name: partner
        subject: %q
`, subject)
}
