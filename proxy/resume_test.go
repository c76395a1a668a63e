package proxy_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/sidegate/sidegate/proxy"
	"github.com/sidegate/sidegate/proxy/minica"
)

// A resumer is a client that keeps its session tickets between connections.
type resumer struct {
	g    *gate
	conf func(*tls.Config)
}

func newResumer(g *gate, version uint16) *resumer {
	cache := tls.NewLRUClientSessionCache(4)
	return &resumer{g, func(c *tls.Config) {
		c.MinVersion, c.MaxVersion, c.ClientSessionCache = version, version, cache
	}}
}

// call makes one request on a new connection.
func (r *resumer) call() (status int, resumed bool, body string, err error) {
	cfg := r.g.tlsFor(r.g.partner)
	r.conf(cfg)
	c, err := tls.Dial("tcp", r.g.addr, cfg)
	if err != nil {
		return 0, false, "", err
	}
	defer c.Close()
	fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	b, err := io.ReadAll(c)
	if err != nil {
		return 0, c.ConnectionState().DidResume, "", err
	}
	res, err := http.ReadResponse(newReader(string(b)), nil)
	if err != nil {
		return 0, false, "", err
	}
	defer res.Body.Close()
	return res.StatusCode, c.ConnectionState().DidResume, string(b), nil
}

func (r *resumer) mustCall(t *testing.T, wantStatus int, wantResumed bool, why string) {
	t.Helper()
	status, resumed, body, err := r.call()
	if err != nil {
		t.Fatalf("%s: %v", why, err)
	}
	if status != wantStatus || resumed != wantResumed {
		t.Fatalf("%s: status %d resumed %v, want %d and %v", why, status, resumed, wantStatus, wantResumed)
	}
	if status == 200 && !strings.Contains(body, partnerDN) {
		t.Errorf("%s: the identity header is missing: %s", why, body)
	}
}

func TestResumedSessions(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version)+" carries the identity and outlives a server certificate", func(t *testing.T) {
			g := openGate(t)
			r := newResumer(g, version)
			r.mustCall(t, 200, false, "first connection")
			r.mustCall(t, 200, true, "second connection")
			g.server = issue(t, g.serverCA, minica.Options{Subject: "CN=localhost", DNS: []string{"localhost"}})
			g.write()
			g.waitGeneration(2)
			r.mustCall(t, 200, true, "after a new server certificate")
		})
		t.Run(tls.VersionName(version)+" obeys a new policy", func(t *testing.T) {
			g := openGate(t)
			r := newResumer(g, version)
			r.mustCall(t, 200, false, "first connection")
			g.configure(func(s *proxy.Settings) { s.Policy = allowing(t, "CN=other") })
			r.mustCall(t, 403, false, "after the rule was removed")
			g.configure(func(s *proxy.Settings) { s.Policy = allowing(t, partnerDN) })
			r.mustCall(t, 200, false, "after the rule came back")
		})
		t.Run(tls.VersionName(version)+" does not survive its CA", func(t *testing.T) {
			g := openGate(t)
			r := newResumer(g, version)
			r.mustCall(t, 200, false, "first connection")
			g.clientCA = newCA(t, "CN=New CA")
			g.write()
			g.waitGeneration(2)
			if status, _, _, err := r.call(); err == nil {
				t.Fatalf("a client of the removed CA got %d", status)
			}
			g.logs.wait(t, map[string]any{"msg": "handshake refused", "reason": "unknown-ca"})

			// And who renewed is not locked out by the ticket it still holds.
			g.partner = issue(t, g.clientCA, minica.Options{Subject: partnerDN})
			r.mustCall(t, 200, false, "with a certificate of the new CA")
		})
	}
}

// waitGeneration waits until generation n is in use: that is a moment after the store
// has it.
func (g *gate) waitGeneration(n uint64) {
	g.t.Helper()
	eventually(g.t, fmt.Sprintf("generation %d", n),
		func() bool { return g.in.Bundle().Generation >= n },
		func() string { return fmt.Sprintf("%+v", g.store.Status()) })
}
