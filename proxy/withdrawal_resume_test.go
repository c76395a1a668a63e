package proxy_test

import (
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/minica"
	"github.com/sidegate/sidegate/proxy/policy"
	"github.com/sidegate/sidegate/proxy/subject"
)

// A returner is a client that comes back with the session tickets that it was given.
type returner struct {
	s     *site
	cert  *minica.Cert
	cache tls.ClientSessionCache
	tls   uint16
}

// call makes a request on a new connection, and returns what it was answered, in the
// words of refusalOf, and whether the session was resumed. An error is that of a
// handshake.
func (r *returner) call(path string) (answer string, resumed bool, err error) {
	cfg := r.s.web.tlsFor(r.cert)
	cfg.MinVersion, cfg.MaxVersion, cfg.ClientSessionCache = r.tls, r.tls, r.cache
	c, err := tls.Dial("tcp", r.s.web.addr, cfg)
	if err != nil {
		return "", false, err
	}
	defer c.Close()
	resumed = c.ConnectionState().DidResume
	_, _ = fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", path)
	b, err := io.ReadAll(c)
	if err != nil {
		return "", resumed, err // of TLS 1.3, which tells the client only now
	}
	res, err := http.ReadResponse(newReader(string(b)), nil)
	if err != nil {
		return "", resumed, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return "", resumed, err
	}
	if res.StatusCode == http.StatusOK {
		return "200", resumed, nil
	}
	return refusalOf(res.StatusCode, string(body)), resumed, nil
}

func (r *returner) mustCall(t *testing.T, why, path, answer string, resumed bool) {
	t.Helper()
	got, didResume, err := r.call(path)
	if got != answer || didResume != resumed || err != nil {
		t.Fatalf("%s: answer %q, resumed %v, error %v; want %q and %v", why, got, didResume, err, answer, resumed)
	}
}

// A withdrawal is a change that shuts the returner out, and how it gets in again.
type withdrawal struct {
	name   string
	bring  func(r *realm, c *minica.Cert)
	status int                                         // of the answer afterwards; 401: the handshake is refused
	word   string                                      // why
	renew  func(r *realm, c *minica.Cert) *minica.Cert // what it comes with then
}

// The certificates that a returner begins and comes back with.
const (
	returnerDN = "CN=returner.example,O=Guests,C=BE"
	heirDN     = "CN=heir.example,O=Guests,C=BE"
)

// newReturner returns a client that has a ticket, by a rule of its own.
func newReturner(t *testing.T, version uint16) (*realm, *returner) {
	t.Helper()
	m := newRealm(t)
	m.decree(func(p *policy.Policy) {
		p.Rules = append([]policy.Rule{{Name: "returner", Subjects: []subject.Name{name(t, returnerDN)}, Paths: []string{"/in"}},
			{Name: "heir", Subjects: []subject.Name{name(t, heirDN)}}}, p.Rules...)
	})
	r := &returner{m.site, m.from(m.c1, returnerDN, nil), tls.NewLRUClientSessionCache(4), version}
	r.mustCall(t, "the first connection", "/in", "200", false)
	r.mustCall(t, "the second", "/in", "200", true)
	return m, r
}

// from issues a certificate for the returner with the key of another, or a new one.
func (r *realm) from(ca *minica.CA, dn string, same *minica.Cert) *minica.Cert {
	o := minica.Options{Subject: dn}
	if same != nil {
		o.Key = same.Key
	}
	return issue(r.t, ca, o)
}

func withdrawals() []withdrawal {
	sameKey := func(r *realm, c *minica.Cert) *minica.Cert { return r.from(r.c1, returnerDN, c) }
	otherKey := func(r *realm, _ *minica.Cert) *minica.Cert { return r.from(r.c1, returnerDN, nil) }
	otherName := func(r *realm, c *minica.Cert) *minica.Cert { return r.from(r.c1, heirDN, c) }
	denied := string(policy.Denied)
	return []withdrawal{
		{"its certificate is revoked", func(r *realm, c *minica.Cert) {
			r.publish("c1.crl", r.c1, revoking(1, c))
		}, 401, certs.ReasonRevoked, sameKey},
		{"its Subject is denied", func(r *realm, _ *minica.Cert) {
			r.deny(policy.Denial{Subjects: []subject.Name{name(r.t, returnerDN)}})
		}, 403, denied, otherName},
		{"its serial number is denied", func(r *realm, c *minica.Cert) {
			r.deny(policy.Denial{Issuer: name(r.t, "CN=Issuing C1,C=BE"), Serials: []string{policy.SerialOf(c.Leaf)}})
		}, 403, denied, sameKey},
		{"its key is denied", func(r *realm, c *minica.Cert) {
			r.deny(policy.Denial{SPKISHA256: [][32]byte{sha256.Sum256(c.Leaf.RawSubjectPublicKeyInfo)}})
		}, 403, denied, otherKey},
		{"its certificate is denied", func(r *realm, c *minica.Cert) {
			r.deny(policy.Denial{CertSHA256: [][32]byte{sha256.Sum256(c.Leaf.Raw)}})
		}, 403, denied, sameKey},
		{"its rule is taken away", func(r *realm, _ *minica.Cert) {
			r.decree(func(p *policy.Policy) { p.Rules = p.Rules[1:] })
		}, 403, string(policy.SubjectNotAllowed), otherName},
		{"its issuing CA is revoked", func(r *realm, _ *minica.Cert) {
			r.publish("c.crl", r.c, revoking(2, &r.c1.Cert))
		}, 401, certs.ReasonIssuerRevoked, func(r *realm, c *minica.Cert) *minica.Cert { return r.from(r.c2, returnerDN, c) }},
		{"its CA is removed", func(r *realm, _ *minica.Cert) {
			r.distrust("c.crt")
		}, 401, certs.ReasonUnknownCA, func(r *realm, c *minica.Cert) *minica.Cert { return r.from(r.a, returnerDN, c) }},
	}
}

// No ticket from before a change lets anybody in whom the change shuts out; and none,
// from before or after it, keeps out who has come by a certificate that is good.
func TestTicketsObeyEveryWithdrawal(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, w := range withdrawals() {
			t.Run(tls.VersionName(version)+", "+w.name, func(t *testing.T) { w.test(t, version) })
		}
	}
}

func (w *withdrawal) test(t *testing.T, version uint16) {
	m, r := newReturner(t, version)
	generation := m.web.store.Current().Generation
	w.bring(m, r.cert)
	if w.status == 403 {
		r.mustCall(t, "after the change", "/in", "403 "+w.word, false)
		m.web.logs.wait(t, map[string]any{"msg": "request refused", "reason": w.word})
	} else {
		m.web.waitGeneration(generation + 1)
		if answer, resumed, err := r.call("/in"); err == nil {
			t.Fatalf("after the change: answer %q, resumed %v; want the handshake refused", answer, resumed)
		}
		m.web.logs.wait(t, map[string]any{"msg": "handshake refused", "reason": w.word})
	}

	r.cert = w.renew(m, r.cert)
	r.mustCall(t, "with a certificate that is good", "/in", "200", false)
	r.mustCall(t, "and once more", "/in", "200", true)
}

// Who is still let in elsewhere begins a new session at the first request after the
// change, whatever that is answered, and keeps it.
func TestATicketIsForWhatItsClientMayStillDo(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			m, r := newReturner(t, version)
			m.decree(func(p *policy.Policy) { p.Rules[0].Paths = []string{"/elsewhere"} })
			r.mustCall(t, "where it was let in before", "/in", "403 "+string(policy.PathNotAllowed), false)
			r.mustCall(t, "where it is let in", "/elsewhere", "200", true)
		})
	}
}
