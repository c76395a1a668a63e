package certs_test

import (
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/minica"
)

// trusting returns a Bundle with these anchors.
func trusting(t *testing.T, usage certs.Usage, cas ...*minica.CA) *certs.Bundle {
	t.Helper()
	var list []byte
	for _, ca := range cas {
		list = append(list, ca.PEM()...)
	}
	_, b, err := anchorsOf(t, usage, filepath.Join(plain(t, folder{"ca.pem": list}), "ca.pem"))
	if err != nil {
		t.Fatal(texts(err))
	}
	return b
}

func subCA(t *testing.T, ca *minica.CA, o minica.Options) *minica.CA {
	t.Helper()
	return must[*minica.CA](t)(ca.NewCA(o))
}

var (
	both       = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}
	clientOnly = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	serverOnly = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	mailOnly   = []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection}
	anyUsage   = []x509.ExtKeyUsage{x509.ExtKeyUsageAny}
)

// The anchor is the intermediate, as public CAs tell their customers to do it.
func TestExtendedKeyUsages(t *testing.T) {
	top := root(t, "Root")
	const ok, no = "ok", certs.ReasonWrongUsage
	for _, test := range []struct {
		name                               string
		leaf, ca                           []x509.ExtKeyUsage // nil: none
		clientAuth, clientOrServer, server string
	}{
		{"both everywhere", both, both, ok, ok, ok},
		{"none anywhere", nil, nil, ok, ok, ok},
		{"leaf for servers", serverOnly, both, no, ok, ok},
		{"leaf for clients", clientOnly, both, ok, ok, no},
		{"CA for servers", both, serverOnly, no, ok, ok},
		{"CA for servers, leaf for clients", clientOnly, serverOnly, no, no, no},
		{"CA for servers, leaf for anything", anyUsage, serverOnly, no, ok, ok},
		{"leaf for mail", mailOnly, nil, no, no, no},
		{"CA for mail", both, mailOnly, no, no, no},
		{"leaf for anything", anyUsage, nil, ok, ok, ok},
	} {
		// One unlimited CA more, so that the limited one alone is no fault.
		limited := subCA(t, top, minica.Options{Subject: "CN=Limited", Usage: test.ca})
		leaf := issueWith(t, limited, minica.Options{Subject: "CN=leaf", Usage: test.leaf, NoUsage: test.leaf == nil})
		for usage, want := range map[certs.Usage]string{certs.ClientAuth: test.clientAuth, certs.ClientOrServer: test.clientOrServer, certs.ServerAuth: test.server} {
			_, err := trusting(t, usage, limited, root(t, "Other")).Verify(presented(leaf), time.Now())
			if got := reason(t, err); got != want {
				t.Errorf("%s, for %s: %s, want %s", test.name, usage, got, want)
			}
		}
	}
}

func TestWrongUsageNamesTheBlameAndTheSetting(t *testing.T) {
	top := root(t, "Root")
	forServers := subCA(t, top, minica.Options{Subject: "CN=For Servers", Usage: serverOnly})
	const setting = "set clientCertificateUsage: clientOrServer"
	for _, test := range []struct {
		name string
		leaf *minica.Cert
		says []string
		not  string
	}{
		{"the leaf", issueWith(t, top, minica.Options{Subject: "CN=leaf", Usage: serverOnly}), []string{"is limited to serverAuth, where clientAuth is wanted", setting}, "the CA above"},
		{"the CA", issueWith(t, forServers, minica.Options{Subject: "CN=leaf"}), []string{"the CA above it, " + shownCN("For Servers") + ", is limited to serverAuth", setting}, "zzz"},
		{"a leaf for mail", issueWith(t, top, minica.Options{Subject: "CN=leaf", Usage: mailOnly}), []string{"is limited to emailProtection"}, setting},
		{"a leaf for clients under it", issueWith(t, forServers, minica.Options{Subject: "CN=leaf", Usage: clientOnly}), []string{"the CA above it"}, setting},
	} {
		_, err := trusting(t, certs.ClientAuth, top).Verify(presented(test.leaf), time.Now())
		for _, words := range test.says {
			if err == nil || !strings.Contains(err.Error(), words) {
				t.Errorf("%s: the refusal does not say %q: %v", test.name, words, err)
			}
		}
		if err != nil && strings.Contains(err.Error(), test.not) {
			t.Errorf("%s: the refusal says %q: %v", test.name, test.not, err)
		}
	}
}

// A world is a root that is trusted, an intermediate below it, and somebody
// whom nobody trusts.
type world struct{ top, below, stranger *minica.CA }

func newWorld(t *testing.T) world {
	t.Helper()
	top := root(t, "Root")
	return world{top, subCA(t, top, minica.Options{Subject: "CN=Issuing"}), root(t, "Stranger")}
}

// fenced is a CA for names below inside.test.
func (w world) fenced(t *testing.T) *minica.CA {
	t.Helper()
	return subCA(t, w.top, minica.Options{Subject: "CN=Fenced", Change: func(c *x509.Certificate) {
		c.PermittedDNSDomainsCritical, c.PermittedDNSDomains = true, []string{"inside.test"}
	}})
}

// tooDeep is a CA below one that may issue for leaves only.
func (w world) tooDeep(t *testing.T) *minica.CA {
	t.Helper()
	short := subCA(t, w.top, minica.Options{Subject: "CN=Short", Change: func(c *x509.Certificate) { c.MaxPathLen, c.MaxPathLenZero = 0, true }})
	return subCA(t, short, minica.Options{Subject: "CN=Too Deep"})
}

func TestVerifyAccepts(t *testing.T) {
	w := newWorld(t)
	leaf := issue(t, w.below, "leaf")
	for _, test := range []struct {
		name string
		show []*x509.Certificate
	}{
		{"a leaf with its chain", presented(leaf)},
		{"a leaf straight below the root", presented(issue(t, w.top, "leaf"))},
		{"a chain with the root in it", append(presented(leaf), w.top.Leaf)},
		{"a chain with a stranger in it", append(presented(leaf), w.stranger.Leaf)},
		{"a CA that is an anchor, as a client", []*x509.Certificate{w.top.Leaf}},
		{"a name inside the fence", presented(issueWith(t, w.fenced(t), minica.Options{Subject: "CN=l", DNS: []string{"a.inside.test"}}))},
	} {
		verified, err := trusting(t, certs.ClientAuth, w.top).Verify(test.show, time.Now())
		if err != nil || len(verified.Chains) == 0 {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

func TestVerifySaysWhy(t *testing.T) {
	now := time.Now()
	past, future := now.Add(-time.Minute), now.Add(time.Minute)
	w := newWorld(t)
	leaf := issue(t, w.below, "leaf")
	deep := issue(t, w.tooDeep(t), "leaf")
	twin := root(t, "Root") // the same name, another key
	oldCA := subCA(t, w.top, minica.Options{Subject: "CN=Old CA", NotAfter: past})
	changed := func(change func(*x509.Certificate)) []*x509.Certificate {
		return presented(issueWith(t, w.below, minica.Options{Subject: "CN=odd", Change: change}))
	}
	odd := changed(func(c *x509.Certificate) {
		c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: []int{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}})
	})
	sha1 := changed(func(c *x509.Certificate) { c.SignatureAlgorithm = x509.ECDSAWithSHA1 })

	for _, test := range []struct {
		name string
		show []*x509.Certificate
		want string
		says string
	}{
		{"nothing", nil, certs.ReasonNoCertificate, "sent no certificate"},
		{"a leaf without its chain", presented(leaf)[:1], certs.ReasonUnknownCA, "the client sent no intermediate certificate"},
		{"a stranger's", presented(issue(t, w.stranger, "leaf")), certs.ReasonUnknownCA, "trusted are " + shownCN("Root")},
		{"a stranger's with its root", append(presented(issue(t, w.stranger, "leaf")), w.stranger.Leaf), certs.ReasonUnknownCA, "leads to the root " + shownCN("Stranger")},
		{"a self-signed one", []*x509.Certificate{w.stranger.Leaf}, certs.ReasonUnknownCA, "is self-signed"},
		{"of a CA with the same name", presented(issue(t, twin, "leaf")), certs.ReasonUnknownCA, "but it has another key"},
		{"expired", presented(issueWith(t, w.below, minica.Options{Subject: "CN=l", NotAfter: past})), certs.ReasonExpired, "expired on"},
		{"not yet valid", presented(issueWith(t, w.below, minica.Options{Subject: "CN=l", NotBefore: future})), certs.ReasonNotYetValid, "is not valid before"},
		{"a stranger's, and expired", presented(issueWith(t, w.stranger, minica.Options{Subject: "CN=l", NotAfter: past})), certs.ReasonUnknownCA, "besides, the certificate expired on"},
		{"below an expired CA", presented(issue(t, oldCA, "leaf")), certs.ReasonExpired, "the CA above it, " + shownCN("Old CA")},
		{"a name outside the fence", presented(issueWith(t, w.fenced(t), minica.Options{Subject: "CN=l", DNS: []string{"outside.test"}})), certs.ReasonNameConstraints, "outside.test"},
		{"a chain longer than allowed", presented(deep), certs.ReasonBadChain, "too many intermediates"},
		{"a chain that stops below the last CA", presented(deep)[:2], certs.ReasonUnknownCA, "leads to the issuer " + shownCN("Short")},
		{"issued by a leaf", forged(t, leaf), certs.ReasonUnknownCA, "but it is no CA or has another key"},
		{"an unknown critical extension", odd, certs.ReasonBadChain, "unhandled critical extension"},
		{"six certificates", append(presented(leaf), repeat(w.below.Leaf, 4)...), certs.ReasonTooLarge, "6 certificates of"},
		{"signed with SHA-1", sha1, certs.ReasonWeakSignature, "ECDSA-SHA1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := trusting(t, certs.ClientAuth, w.top).Verify(test.show, now)
			if got := reason(t, err); got != test.want {
				t.Fatalf("%s, want %s: %v", got, test.want, err)
			}
			if !strings.Contains(err.Error(), test.says) {
				t.Errorf("the refusal does not say %q: %v", test.says, err)
			}
			var refusal *certs.Refusal
			errors.As(err, &refusal)
			if len(test.show) > 0 && refusal.Leaf != test.show[0] {
				t.Error("the refusal does not hold the leaf")
			}
		})
	}
}

// forged is a certificate that a mere leaf has signed.
func forged(t *testing.T, by *minica.Cert) []*x509.Certificate {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der := must[[]byte](t)(x509.CreateCertificate(rand.Reader, template, by.Leaf, by.Leaf.PublicKey, by.Key))
	return append([]*x509.Certificate{must[*x509.Certificate](t)(x509.ParseCertificate(der))}, presented(by)...)
}

func repeat(c *x509.Certificate, n int) []*x509.Certificate {
	all := make([]*x509.Certificate, n)
	for i := range all {
		all[i] = c
	}
	return all
}

func TestBundleWithoutAnchorsTrustsNobody(t *testing.T) {
	leaf := issue(t, root(t, "Root"), "leaf")
	noCA, err := certs.Open(certs.Files{Certificate: plain(t, pair(leaf))}, certs.Options{})
	if err != nil {
		t.Fatal(texts(err))
	}
	for name, b := range map[string]*certs.Bundle{"the zero Bundle": {}, "no CA configured": noCA.Current()} {
		_, err := b.Verify(presented(leaf), time.Now())
		if got := reason(t, err); got != certs.ReasonUnknownCA || !strings.Contains(err.Error(), "no CA is trusted at all") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnchorMayBeAnIntermediate(t *testing.T) {
	top := root(t, "Root")
	below := subCA(t, top, minica.Options{Subject: "CN=Issuing"})
	b := trusting(t, certs.ClientAuth, below)
	if _, err := b.Verify(presented(issue(t, below, "leaf")), time.Now()); err != nil {
		t.Errorf("below the anchor: %v", err)
	}
	_, err := b.Verify(presented(issue(t, top, "leaf")), time.Now())
	if got := reason(t, err); got != certs.ReasonUnknownCA {
		t.Errorf("beside the anchor: %s", got)
	}
}

func TestManyAnchorsAreNotAllNamed(t *testing.T) {
	var cas []*minica.CA
	for _, cn := range strings.Fields("A B C D E F G") {
		cas = append(cas, root(t, cn))
	}
	_, err := trusting(t, certs.ClientAuth, cas...).Verify(presented(issue(t, root(t, "X"), "leaf")), time.Now())
	if err == nil || !strings.Contains(err.Error(), shownCN("E")+" and 2 more") {
		t.Error(err)
	}
}

func TestVerdictHoldsUntilTheChainEnds(t *testing.T) {
	now := time.Now()
	in := func(h int) time.Time { return now.Add(time.Duration(h) * time.Hour).UTC().Truncate(time.Second) }
	top := must[*minica.CA](t)(minica.New(minica.Options{Subject: "CN=Root", NotAfter: in(9)}))
	brief := subCA(t, top, minica.Options{Subject: "CN=Issuing", NotAfter: in(2)})
	long := subCA(t, top, minica.Options{Subject: "CN=Issuing", NotAfter: in(4), Key: brief.Key})
	leaf := issueWith(t, brief, minica.Options{Subject: "CN=leaf", NotAfter: in(6)})
	b := trusting(t, certs.ClientAuth, top)
	for _, test := range []struct {
		name string
		show []*x509.Certificate
		want time.Time
	}{
		{"one chain", presented(leaf), in(2)},
		{"two chains", append(presented(leaf), long.Leaf), in(4)},
		{"leaf ends first", presented(issueWith(t, top, minica.Options{Subject: "CN=l", NotAfter: in(1)})), in(1)},
		{"root ends first", presented(issueWith(t, top, minica.Options{Subject: "CN=l", NotAfter: in(20)})), in(9)},
	} {
		verified, err := b.Verify(test.show, now)
		if err != nil || !verified.Until.Equal(test.want) {
			t.Errorf("%s: until %v, want %v (%v)", test.name, verified.Until, test.want, err)
		}
		if _, err := b.Verify(test.show, test.want.Add(time.Second)); reason(t, err) != certs.ReasonExpired {
			t.Errorf("%s: a second after, %v", test.name, err)
		}
	}
}
