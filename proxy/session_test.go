package proxy_test

import (
	"crypto/tls"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sidegate/sidegate/proxy/minica"
)

// A client that renewed in time must not be refused because of the ticket that
// it got with its old chain.
func TestTicketEndsWithTheChainItWasMadeFor(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			var later atomic.Int64
			g := openGate(t, func(g *gate) {
				g.clock = func() time.Time { return time.Now().Add(time.Duration(later.Load())) }
				g.partner = issueBelow(t, g.clientCA, time.Now().Add(time.Hour))
			})
			r := newResumer(g, version)
			r.mustCall(t, 200, false, "first connection")
			r.mustCall(t, 200, true, "second connection")
			r.mustCall(t, 200, true, "third connection, with the ticket of a resumed one")

			later.Store(int64(2 * time.Hour))
			g.partner = issueBelow(t, g.clientCA, time.Now().Add(23*time.Hour))
			r.mustCall(t, 200, false, "with a renewed chain, after the old one expired")
			r.mustCall(t, 200, true, "and once more")
		})
	}
}

// issueBelow issues the partner's certificate below an intermediate that ends
// at the time.
func issueBelow(t *testing.T, ca *minica.CA, end time.Time) *minica.Cert {
	t.Helper()
	middle, err := ca.NewCA(minica.Options{Subject: "CN=Middle", NotAfter: end})
	if err != nil {
		t.Fatal(err)
	}
	return issue(t, middle, minica.Options{Subject: partnerDN, NotAfter: time.Now().Add(23 * time.Hour)})
}
