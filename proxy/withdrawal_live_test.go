package proxy_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"math/big"
	"runtime"
	"testing"

	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/minica"
	"github.com/sidegate/sidegate/proxy/policy"
	"github.com/sidegate/sidegate/proxy/subject"
)

// A realm is the CAs that certify the guests, and the site that trusts them.
type realm struct {
	*site
	t       *testing.T
	a, b, c *minica.CA
	c1, c2  *minica.CA // below c
	parties []*party
	subject map[string]subject.Name // of a party
}

// The parties, by what becomes of them.
const (
	revoked       = "on the list of its CA"
	deniedName    = "denied by Subject"
	deniedSerial  = "denied by serial number"
	deniedKey     = "denied by key"
	deniedCert    = "denied by certificate"
	ruleless      = "whose rule is taken away"
	displaced     = "whose path is taken away"
	issuerRevoked = "below a CA that is revoked"
	untrusted     = "of a CA that is removed"
	staying       = "that nobody has anything against"
)

func newRealm(t *testing.T) *realm {
	t.Helper()
	r := &realm{t: t, subject: map[string]subject.Name{}}
	r.a, r.b, r.c = newCA(t, "CN=Guests A,C=BE"), newCA(t, "CN=Guests B,C=BE"), newCA(t, "CN=Guests C,C=BE")
	r.c1, r.c2 = r.below("CN=Issuing C1,C=BE"), r.below("CN=Issuing C2,C=BE")
	for _, p := range []struct {
		name string
		ca   *minica.CA
	}{
		{revoked, r.a}, {deniedName, r.a}, {deniedSerial, r.a}, {deniedKey, r.b}, {deniedCert, r.a},
		{ruleless, r.b}, {displaced, r.a}, {issuerRevoked, r.c1}, {untrusted, r.b},
	} {
		r.invite(p.name, func(int) *minica.CA { return p.ca }, func(int) *big.Int { return nil })
	}
	// They share a CA, or the serial number and the root's other branch, with those that go.
	r.invite(staying, func(i int) *minica.CA { return []*minica.CA{r.a, r.c2}[i%2] }, func(i int) *big.Int {
		return []*big.Int{nil, serialOf(i)}[i%2]
	})
	r.site = openSite(t, charter{
		cas:   map[string]*minica.CA{"a.crt": r.a, "b.crt": r.b, "c.crt": r.c},
		crls:  map[string][]byte{"c.crl": listOf(t, r.c, minica.CRLOptions{Number: 1})},
		rules: r.rules(),
	})
	return r
}

// below returns an issuing CA of c.
func (r *realm) below(dn string) *minica.CA {
	r.t.Helper()
	ca, err := r.c.NewCA(minica.Options{Subject: dn})
	if err != nil {
		r.t.Fatal(err)
	}
	return ca
}

// serialOf is the serial number of the i-th of those that are revoked.
func serialOf(i int) *big.Int { return big.NewInt(int64(1_000_000 + i)) }

// invite adds a party, with one Subject and one key for all of it.
func (r *realm) invite(called string, ca func(i int) *minica.CA, serial func(i int) *big.Int) {
	r.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		r.t.Fatal(err)
	}
	dn := fmt.Sprintf("CN=guest-%d.example,O=Guests,C=BE", len(r.parties))
	r.subject[called] = name(r.t, dn)
	r.parties = append(r.parties, &party{called, func(i int) *minica.Cert {
		return issue(r.t, ca(i), minica.Options{Subject: dn, Key: key, Change: func(c *x509.Certificate) {
			switch n := serial(i); {
			case called == revoked:
				c.SerialNumber = serialOf(i)
			case n != nil:
				c.SerialNumber = n
			}
		}})
	}})
}

// rules are those that the site begins with.
func (r *realm) rules() policy.Policy {
	everybody := policy.Rule{Name: "everybody-else"}
	for _, p := range r.parties {
		if p.name != ruleless && p.name != displaced {
			everybody.Subjects = append(everybody.Subjects, r.subject[p.name])
		}
	}
	return policy.Policy{Rules: []policy.Rule{
		{Name: "ruleless", Subjects: []subject.Name{r.subject[ruleless]}},
		{Name: "displaced", Subjects: []subject.Name{r.subject[displaced]}, Paths: []string{"/stay/*", "/errand/*"}},
		everybody,
	}}
}

// changes are what happens to a fleet, in this order.
func (r *realm) changes(f *fleet) []*change {
	return []*change{
		{name: "the list of CA A appears", party: revoked, status: 401, word: certs.ReasonRevoked, bring: func() {
			r.publish("a.crl", r.a, revoking(1, f.of(revoked)...))
		}},
		{name: "a Subject is denied", party: deniedName, status: 403, word: string(policy.Denied), bring: func() {
			r.deny(policy.Denial{Name: "name", Subjects: []subject.Name{r.subject[deniedName]}})
		}},
		{name: "serial numbers are denied", party: deniedSerial, status: 403, word: string(policy.Denied), bring: func() {
			r.deny(f.denialOf(deniedSerial, func(d *policy.Denial, c *minica.Cert) {
				d.Issuer = name(r.t, "CN=Guests A,C=BE")
				d.Serials = append(d.Serials, policy.SerialOf(c.Leaf))
			}))
		}},
		{name: "a key is denied", party: deniedKey, status: 403, word: string(policy.Denied), bring: func() {
			r.deny(f.denialOf(deniedKey, func(d *policy.Denial, c *minica.Cert) {
				d.SPKISHA256 = [][32]byte{sha256.Sum256(c.Leaf.RawSubjectPublicKeyInfo)}
			}))
		}},
		{name: "certificates are denied", party: deniedCert, status: 403, word: string(policy.Denied), bring: func() {
			r.deny(f.denialOf(deniedCert, func(d *policy.Denial, c *minica.Cert) {
				d.CertSHA256 = append(d.CertSHA256, sha256.Sum256(c.Leaf.Raw))
			}))
		}},
		{name: "a rule is taken away", party: ruleless, status: 403, word: string(policy.SubjectNotAllowed), bring: func() {
			r.decree(func(p *policy.Policy) { p.Rules = p.Rules[1:] })
		}},
		{name: "a path is taken out of a rule", party: displaced, status: 403, word: string(policy.PathNotAllowed), errandsGoOn: true, bring: func() {
			r.decree(func(p *policy.Policy) { p.Rules[0].Paths = []string{"/errand/*"} })
		}},
		{name: "the root's list names an intermediate", party: issuerRevoked, status: 401, word: certs.ReasonIssuerRevoked, bring: func() {
			r.publish("c.crl", r.c, revoking(2, &r.c1.Cert))
		}},
		{name: "CA B is removed", party: untrusted, status: 401, word: certs.ReasonUnknownCA, bring: func() {
			r.distrust("b.crt")
		}},
	}
}

// Five hundred connections of five protocols are open while trust is withdrawn from
// one party after the other. Each party is out within a second and the grace, by the
// means of its protocol; nobody else misses a word.
func TestTrustIsWithdrawnFromFiveHundredOpenConnections(t *testing.T) {
	before := runtime.NumGoroutine()
	each := 10
	if raceEnabled {
		each = 2
	}
	r := newRealm(t)
	f := openFleet(t, r.site, r.parties, each)
	if n := r.web.in.Connections() + r.rpc.in.Connections(); n != len(f.guests) {
		t.Fatalf("%d connections for %d guests", n, len(f.guests))
	}
	for _, c := range r.changes(f) {
		f.bring(c)
	}
	f.mustBeAlone()
	f.tellGap()
	f.part()
	f.mustBeGone(before)
}

// On a call where nobody says anything the gate cannot wait for somebody to do so.
func TestAQuietCallIsToldThatItIsOver(t *testing.T) {
	r := newRealm(t)
	p := r.parties[len(r.parties)-1]
	g := &guest{party: p, protocol: quietCall{}, cert: p.issue(0), gate: r.rpc, leave: make(chan struct{})}
	f := &fleet{t: t, s: r.site, guests: []*guest{g}}
	t.Cleanup(f.hangUp)
	f.connect()
	f.await("the first word and an errand", f.guests, func(g *guest) bool { return g.view().stayed == 1 && g.view().errands > 0 })
	f.bring(&change{name: "its Subject is denied", party: p.name, status: 403, word: string(policy.Denied), bring: func() {
		r.deny(policy.Denial{Name: "quiet", Subjects: []subject.Name{r.subject[p.name]}})
	}})
}
