package proxy

import (
	"crypto/x509"
	"testing"
	"time"

	"github.com/sidegate/sidegate/proxy/certs"
)

func verifiedAs(leaf *x509.Certificate, until time.Time) certs.Verified {
	return certs.Verified{Chains: [][]*x509.Certificate{{leaf}}, Until: until}
}

func TestVerdictsAreMadeOnceForAClient(t *testing.T) {
	var k known
	until := time.Now().Add(time.Hour)
	made := 0
	ask := func(leaf *x509.Certificate, until time.Time) *verdict {
		return k.verdict(verifiedAs(leaf, until), func() *verdict { made++; return &verdict{verified: certs.Verified{Until: until}} })
	}
	one, other := new(x509.Certificate), new(x509.Certificate)
	first := ask(one, until)
	if ask(one, until) != first || made != 1 {
		t.Error("a client was judged twice")
	}
	if ask(other, until) == first || made != 2 {
		t.Error("a client was judged as another")
	}
	if v := ask(one, until.Add(time.Hour)); v == first || !v.verified.Until.Equal(until.Add(time.Hour)) {
		t.Error("a chain that holds for longer is judged as the old one")
	}
}

func TestOnlySoManyVerdictsAreKept(t *testing.T) {
	var k known
	until := time.Now().Add(time.Hour)
	most := 0
	for range 3*knownClients + 1 {
		k.verdict(verifiedAs(new(x509.Certificate), until), func() *verdict { return &verdict{verified: certs.Verified{Until: until}} })
		most = max(most, len(k.verdicts))
	}
	if most != knownClients {
		t.Errorf("%d verdicts were kept at a time, want %d", most, knownClients)
	}
}
