package proxy_test

import (
	"crypto/tls"
	"fmt"
	"testing"

	"github.com/sidegate/sidegate/proxy"
	"github.com/sidegate/sidegate/proxy/minica"
)

func (g *gate) mustShare(what string, verdicts, conns int) {
	g.t.Helper()
	if v, c := g.in.Verdicts(); v != verdicts || c != conns {
		g.t.Errorf("%s: %d verdicts for %d connections, want %d for %d", what, v, c, verdicts, conns)
	}
}

func TestConnectionsOfAClientShareItsVerdict(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			g := openGate(t)
			cache := tls.NewLRUClientSessionCache(4)
			var callers []*caller
			connect := func(as *minica.Cert, resumed bool) {
				c := g.callerWith(as, func(cfg *tls.Config) { cfg.MaxVersion, cfg.ClientSessionCache = version, cache })
				c.mustCall(simpleGet, 200) // and so it has its session ticket
				if c.conn.ConnectionState().DidResume != resumed {
					t.Fatalf("resumed: %v, want %v", !resumed, resumed)
				}
				callers = append(callers, c)
			}
			connect(g.partner, false)
			connect(g.partner, true)
			cache = nil
			connect(g.partner, false)
			g.mustShare("of one client", 1, 3)
			renewed := issue(t, g.clientCA, minica.Options{Subject: partnerDN})
			connect(renewed, false)
			g.mustShare("with another certificate", 2, 4)

			// Each is judged anew under other settings, as soon as it asks for something.
			g.configure(func(s *proxy.Settings) { s.LogRequests = false })
			callers[0].mustCall(simpleGet, 200)
			g.mustShare("after the first request of a generation", 3, 4)
			for _, c := range callers {
				c.mustCall(simpleGet, 200)
			}
			g.mustShare("after all have made a request", 2, 4)
		})
	}
}

func TestAVerdictIsThatOfItsGeneration(t *testing.T) {
	g := openGate(t)
	callers := []*caller{g.caller(), g.caller()}
	for _, c := range callers {
		c.mustCall(simpleGet, 200)
	}
	for i, status := range []int{403, 200, 403} {
		t.Run(fmt.Sprint("change ", i), func(t *testing.T) {
			dn := partnerDN
			if status == 403 {
				dn = "CN=other"
			}
			g.configure(func(s *proxy.Settings) { s.Policy = allowing(t, dn) })
			for _, c := range append(callers, g.caller()) {
				c.mustCall(simpleGet, status)
			}
		})
	}
}
