//go:build e2e

package e2e

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

func TestBrokenSecretIsReportedAndNotServed(t *testing.T) {
	t.Parallel()
	measured.story(t)
	g := newGate(t, namespace(t, injected), app{})
	g.ready(t)
	address, pod := g.atPod(t), g.pod(t)
	good := g.now

	stranger := g.server(t)
	faults := []struct {
		reason, metric   string
		certificate, key []byte
	}{
		{"KeyMismatch", "key-mismatch", good.ChainPEM(), stranger.KeyPEM()},
		{"NotParsable", "not-parsable", []byte("not a certificate"), good.KeyPEM()},
	}
	for _, f := range faults {
		series := fmt.Sprintf(`sidegate_controller_object_faults{kind="Secret",name=%q,namespace=%q,reason=%q}`, g.secret(), g.ns, f.metric)
		t.Run(f.reason+": an Event on the Secret and on the pod, and metrics of both", func(t *testing.T) {
			if err := g.patch(t, f.certificate, f.key); err != nil {
				t.Fatal(err)
			}
			g.told(t, "Secret/"+g.secret(), f.reason)
			g.told(t, "Pod/"+pod, f.reason)
			eventually(t, 20*time.Second, func() error { return metricIs(controllerMetrics(t), series, "1") })
			eventually(t, 20*time.Second, func() error {
				return metricIs("http://"+net.JoinHostPort(g.podIP(t), "9901")+"/metrics", "sidegate_mounted_not_served", "1")
			})
		})
		t.Run(f.reason+": the last good certificate is served", func(t *testing.T) {
			a, err := call(t.Context(), address, g.as(g.allowed), "/")
			if err != nil || a.status != 200 || a.serial != good.Leaf.SerialNumber.String() {
				t.Errorf("%+v %v, want status 200 and the certificate %s", a, err, good.Leaf.SerialNumber)
			}
		})
		t.Run(f.reason+": mended, it has recovered and the new one is served", func(t *testing.T) {
			regarding := []string{"Secret/" + g.secret(), "Pod/" + pod}
			before := []int{g.events(t, regarding[0], "Recovered"), g.events(t, regarding[1], "Recovered")}
			g.renew(t, address, 50*time.Millisecond)
			good = g.now
			for i, object := range regarding {
				eventually(t, 20*time.Second, func() error {
					if g.events(t, object, "Recovered") == before[i] {
						return fmt.Errorf("no new Event Recovered on %s", object)
					}
					return nil
				})
			}
			eventually(t, 20*time.Second, func() error { return metricIs(controllerMetrics(t), series, "") })
		})
	}
}

// told waits for an Event.
func (g *gate) told(t *testing.T, regarding, reason string) {
	t.Helper()
	eventually(t, 20*time.Second, func() error {
		if g.events(t, regarding, reason) == 0 {
			return fmt.Errorf("no Event %s on %s", reason, regarding)
		}
		return nil
	})
}

// events counts the Events with this reason on KIND/NAME.
func (g *gate) events(t *testing.T, regarding, reason string) int {
	t.Helper()
	list := kubectl(t, "-n", g.ns, "get", "events.events.k8s.io", "-o",
		`jsonpath={range .items[*]}{.regarding.kind}/{.regarding.name} {.reason}{"\n"}{end}`)
	return strings.Count(list, regarding+" "+reason+"\n")
}

// controllerMetrics returns the address of the metrics of the controller.
func controllerMetrics(t *testing.T) string {
	t.Helper()
	ip := kubectl(t, "-n", releaseNamespace, "get", "pods", "-l", controllerLabel,
		"--field-selector=status.phase=Running", "-o", "jsonpath={.items[0].status.podIP}")
	return "http://" + net.JoinHostPort(ip, "9901") + "/metrics"
}

// metricIs reports whether the page at url has a series that begins like this
// with this value; with an empty value, whether it has none or is 0.
func metricIs(url, series, value string) error {
	page, err := plainGet(url)
	if err != nil {
		return err
	}
	got := ""
	for line := range strings.Lines(page) {
		if rest, ok := strings.CutPrefix(line, series); ok {
			got = line
			if fields := strings.Fields(rest); len(fields) > 0 && fields[len(fields)-1] == value {
				return nil
			}
		}
	}
	if value == "" && (got == "" || strings.HasSuffix(got, " 0\n")) {
		return nil
	}
	return fmt.Errorf("%s: %s is %q, want %q", url, series, got, value)
}
