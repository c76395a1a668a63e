package proxy_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"math/big"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sidegate/sidegate/proxy/minica"
)

// servedSerial returns the serial of the certificate that a new connection
// without a session cache is served.
func (g *gate) servedSerial() *big.Int {
	g.t.Helper()
	c := g.dial(g.partner, nil)
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0].SerialNumber
}

// renew issues a new server certificate, mounts it and returns how long it took
// until it was served.
func (g *gate) renew() time.Duration {
	g.t.Helper()
	g.server = issue(g.t, g.serverCA, minica.Options{Subject: "CN=localhost", DNS: []string{"localhost"}})
	start := time.Now()
	g.write()
	eventually(g.t, "the new certificate", func() bool { return g.servedSerial().Cmp(g.server.Leaf.SerialNumber) == 0 },
		func() string { return fmt.Sprintf("%+v", g.store.Status()) })
	return time.Since(start)
}

func TestRenewedSecretIsServedWithinASecond(t *testing.T) {
	g := openGate(t)
	best := time.Hour
	for range 5 {
		took := g.renew()
		best = min(best, took)
		t.Logf("served %v after the swap", took)
	}
	// The bound is on the best of five: a busy machine makes single ones slow.
	if best > time.Second {
		t.Errorf("the fastest of five swaps was served after %v, want 1 s at most", best)
	}
	g.logs.wait(t, map[string]any{"msg": "certificates replaced", "newGeneration": 6})
}

func TestBusyConnectionsSurviveTwoHundredSwaps(t *testing.T) {
	g := openGate(t)
	var sent, failed atomic.Int64
	stop := make(chan struct{})
	var busy sync.WaitGroup
	for i := range 32 {
		client := g.client(g.partner, false)
		client.Transport.(*http.Transport).DisableKeepAlives = i%8 == 0 // four of them shake hands anew each time
		busy.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				sent.Add(1)
				res, err := client.Get(g.url("/"))
				if err != nil || res.StatusCode != 200 {
					failed.Add(1)
					t.Errorf("request failed: %v %v", res, err)
					return
				}
				readAll(t, res)
			}
		})
	}
	for i := range 200 {
		g.server = issue(t, g.serverCA, minica.Options{Subject: "CN=localhost", DNS: []string{"localhost"}})
		g.write()
		if i%4 == 3 { // three swaps in a burst, the fourth is waited for
			g.waitServed(g.server)
		}
	}
	close(stop)
	busy.Wait()
	t.Logf("%d requests during 200 swaps, %d failed, generation %d", sent.Load(), failed.Load(), g.store.Current().Generation)
	if g.store.Current().Generation < 50 {
		t.Errorf("only generation %d after 200 swaps", g.store.Current().Generation)
	}
	if f := g.store.Status().Failures; f != 0 {
		t.Errorf("%d readings saw a mixed pair", f)
	}
}

func (g *gate) waitServed(want *minica.Cert) {
	g.t.Helper()
	eventually(g.t, "the mounted certificate in use",
		func() bool { return bytes.Equal(g.store.Current().Certificate.Certificate[0], want.Leaf.Raw) },
		func() string { return fmt.Sprintf("%+v", g.store.Status()) })
}

func TestBrokenSecretChangesNothing(t *testing.T) {
	g := openGate(t)
	serial := g.servedSerial()
	other := issue(t, g.serverCA, minica.Options{Subject: "CN=localhost"})
	crt, key, ca := g.server.ChainPEM(), g.server.KeyPEM(), g.clientCA.PEM()
	tests := []struct {
		secret string
		files  map[string][]byte
	}{
		{"a key of another certificate", map[string][]byte{"tls.crt": crt, "tls.key": other.KeyPEM(), "ca.crt": ca}},
		{"a truncated certificate", map[string][]byte{"tls.crt": crt[:len(crt)/2], "tls.key": key, "ca.crt": ca}},
		{"an empty CA file", map[string][]byte{"tls.crt": crt, "tls.key": key, "ca.crt": nil}},
		{"no key", map[string][]byte{"tls.crt": crt, "ca.crt": ca}},
	}
	for i, test := range tests {
		t.Run(test.secret, func(t *testing.T) {
			g.mountFiles(test.files)
			eventually(t, "the failure counted", func() bool { return g.store.Status().Failures == uint64(i+1) },
				func() string { return fmt.Sprintf("%+v", g.store.Status()) })
			if g.store.Status().Fault == nil {
				t.Error("the fault is not shown")
			}
			eventually(t, "one error line for each broken Secret", func() bool { return g.logs.count("level", "ERROR") == i+1 },
				func() string { return fmt.Sprint(g.logs.lines()) })
			if got := g.servedSerial(); got.Cmp(serial) != 0 {
				t.Errorf("serial %x is served, want the last good one, %x", got, serial)
			}
			if status, _ := g.get(g.client(g.partner, false), "/"); status != 200 {
				t.Errorf("status %d, want 200 as before", status)
			}
			if v := g.metric("sidegate_mounted_not_served"); v != 1 {
				t.Errorf("sidegate_mounted_not_served = %v, want 1", v)
			}
			if v := g.metric("sidegate_reload_failures_total"); v != float64(i+1) {
				t.Errorf("sidegate_reload_failures_total = %v, want %d", v, i+1)
			}
		})
	}
	g.renew()
	if v := g.metric("sidegate_mounted_not_served"); v != 0 {
		t.Errorf("sidegate_mounted_not_served = %v after a good Secret, want 0", v)
	}
}

// metric returns the value of the one series of a metric without further labels.
func (g *gate) metric(name string) float64 {
	g.t.Helper()
	all := g.series(name)
	for _, value := range all {
		if len(all) == 1 {
			return value
		}
	}
	g.t.Fatalf("metric %s is not there once", name)
	return 0
}

func TestRemovedCAClosesOpenConnections(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		t.Run(fmt.Sprintf("HTTP/2 %v", h2), func(t *testing.T) {
			g := openGate(t, func(g *gate) { g.set.HTTP2 = true })
			stays := newCA(t, "CN=Stays")
			staying := issue(t, stays, minica.Options{Subject: partnerDN})
			files := map[string][]byte{"tls.crt": g.server.ChainPEM(), "tls.key": g.server.KeyPEM()}
			files["ca.crt"] = append(g.clientCA.PEM(), stays.PEM()...)
			g.mountFiles(files)
			g.waitGeneration(2)
			leaving, remaining := g.client(g.partner, h2), g.client(staying, h2)
			for _, c := range []*http.Client{leaving, remaining} {
				if status, _ := g.get(c, "/"); status != 200 {
					t.Fatalf("status %d before the change", status)
				}
			}

			files["ca.crt"] = stays.PEM()
			g.mountFiles(files)
			start, refused := time.Now(), 0
			eventually(t, "the refusal", func() bool {
				// The client keeps its connection: what it gets is the answer to
				// one more request, not a failed handshake.
				refused, _ = g.get(leaving, "/")
				return refused != 200
			}, func() string { return "" })
			if took := time.Since(start); refused != 401 || took > 3*time.Second {
				t.Errorf("status %d after %v, want 401 within a second", refused, took)
			}
			if status, _ := g.get(remaining, "/"); status != 200 {
				t.Errorf("status %d for the client that is still trusted", status)
			}
			g.logs.wait(t, map[string]any{"status": 401, "reason": "unknown-ca", "subject": partnerDN})
			if _, err := leaving.Get(g.url("/")); err == nil {
				t.Error("the connection was not closed after the 401")
			}
		})
	}
}

func TestChainThatExpiresEndsAnOpenConnection(t *testing.T) {
	g := openGate(t)
	// Valid for a moment only: long enough for a handshake and one request.
	brief := issue(t, g.clientCA, minica.Options{Subject: partnerDN, NotAfter: time.Now().Add(3 * time.Second)})
	c := g.client(brief, false)
	if status, _ := g.get(c, "/"); status != 200 {
		t.Fatalf("status %d, want 200 while it is valid", status)
	}
	status := 200
	eventually(t, "the refusal of the expired client", func() bool {
		status, _ = g.get(c, "/")
		return status != 200
	}, func() string { return "" })
	if status != 401 {
		t.Errorf("status %d, want 401", status)
	}
	g.logs.wait(t, map[string]any{"status": 401, "reason": "expired"})
}

func TestServerCertificateOfNewGenerationIsServedOverHTTP2(t *testing.T) {
	g := openGate(t, func(g *gate) { g.set.HTTP2 = true })
	g.renew()
	c := g.dial(g.partner, func(c *tls.Config) { c.NextProtos = []string{"h2"} })
	defer c.Close()
	if p := c.ConnectionState().NegotiatedProtocol; p != "h2" {
		t.Errorf("protocol %q after a rotation, want h2", p)
	}
}
