package check_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"github.com/sidegate/sidegate/cmd/sidegate/internal/check"
	"github.com/sidegate/sidegate/proxy/minica"
)

// goTakes says whether a peer that trusts root takes what is in bundle.
func goTakes(t *testing.T, bundle []byte, root *x509.Certificate) error {
	t.Helper()
	o := x509.VerifyOptions{Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool()}
	o.Roots.AddCert(root)
	o.Intermediates.AppendCertsFromPEM(bundle)
	block, _ := pem.Decode(bundle)
	if block == nil {
		t.Fatalf("no PEM in %q", bundle)
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	_, err = leaf.Verify(o)
	return err
}

// twins are two CA certificates of one name and one key, and a leaf below both.
func twins(w *world, one, two *minica.CA, end time.Time) (first, second *minica.CA) {
	w.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	o := minica.Options{Subject: "CN=Twin CA", Key: key}
	second = w.below(two, o)
	o.NotAfter = end
	first = w.below(one, o)
	w.issuing = second
	w.leaf = w.issue(minica.Options{})
	return first, second
}

// A bundle that works is never made one that does not, whichever of two issuers
// of one name and one key comes first in it.
func TestBundleOfTwins(t *testing.T) {
	for name, end := range map[string]time.Time{"cross-certified": {}, "renewed": time.Now().Add(-time.Hour)} {
		w := newWorld(t)
		one := w.root
		if end.IsZero() {
			one = ca(t, "CN=Another Root")
		}
		first, second := twins(w, one, w.root, end)
		for _, trusted := range [][]string{{w.file("root.crt", w.root.PEM())}, nil} {
			o := certificate(w, w.leaf, first.Leaf, second.Leaf)
			o.CA = trusted
			r := check.Run(o)
			if r.Failed() {
				t.Errorf("%s, --ca %q:\n%s", name, trusted, text(t, r))
			}
			bundle, err := r.Bundle()
			if err != nil {
				t.Fatal(err)
			}
			if err := goTakes(t, bundle, w.root.Leaf); err != nil {
				t.Errorf("%s, --ca %q: %v, the bundle is\n%s", name, trusted, err, bundle)
			}
			if held := strings.Contains(string(bundle), string(first.PEM())); held != end.IsZero() {
				t.Errorf("%s, --ca %q: the other issuer is in the bundle: %v", name, trusted, held)
			}
		}
	}
}

// What RFC 5280 forbids is found in what is at hand, whoever is trusted.
func TestPathIsJudgedWithoutCA(t *testing.T) {
	short := func(c *x509.Certificate) { c.MaxPathLen, c.MaxPathLenZero = 0, true }
	long := func(c *x509.Certificate) { c.MaxPathLen, c.MaxPathLenZero = -1, false }
	fenced := func(c *x509.Certificate) { c.PermittedDNSDomains = []string{"other.example"} }
	for _, rooted := range []bool{true, false} {
		for word, names := range map[string][]func(*x509.Certificate){"bad-chain": {short, long}, "name-constraints": {fenced}} {
			w := newWorld(t)
			chain := []*x509.Certificate{}
			if rooted {
				chain = append(chain, w.root.Leaf)
			}
			above := w.root
			for i, change := range names {
				above = w.below(above, minica.Options{Subject: "CN=CA " + string(rune('A'+i)), Change: change})
				chain = append([]*x509.Certificate{above.Leaf}, chain...)
			}
			w.issuing = above
			r := check.Run(certificate(w, w.issue(minica.Options{}), chain...))
			if f := found(t, r, word); f.Severity != check.Error {
				t.Errorf("%+v", f)
			}
		}
	}
}

// An issuer that is there, but may not be one, is named.
func TestIssuerThatMayNotSign(t *testing.T) {
	for name, change := range map[string]func(*x509.Certificate){
		"keyUsage": func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign },
		"no CA":    func(c *x509.Certificate) { c.IsCA, c.KeyUsage = false, x509.KeyUsageDigitalSignature },
	} {
		for _, trusted := range []bool{false, true} {
			w := newWorld(t)
			w.issuing = w.below(w.root, minica.Options{Subject: "CN=No Signer", Change: change})
			o := certificate(w, w.issue(minica.Options{}), w.issuing.Leaf)
			if trusted {
				o.CA = []string{w.file("root.crt", w.root.PEM())}
			}
			r := check.Run(o)
			if f := found(t, r, "bad-chain"); f.Severity != check.Error || !strings.Contains(f.Problem, `"CN=No Signer"`) {
				t.Errorf("%s: %+v", name, f)
			}
			if bundle, err := r.Bundle(); err == nil {
				t.Errorf("%s: a bundle was made:\n%s", name, bundle)
			}
		}
	}
}

// Whoever asks for a host or a CA gets an answer, or an error, but never silence.
func TestNothingIsPassedUnseen(t *testing.T) {
	w := newWorld(t)
	own := w.file("own.crt", w.root.PEM()) // as openssl req -x509 makes them: CA:TRUE
	other := []string{w.file("other.crt", ca(t, "CN=Other Root").PEM())}
	key := w.file("server.key", w.leaf.KeyPEM())
	for name, c := range map[string]struct {
		o    check.Options
		word string
	}{
		"a self-signed one for a host":   {check.Options{Paths: []string{own}, Hosts: []string{"wrong.example"}}, "name-mismatch"},
		"a self-signed one for a CA":     {check.Options{Paths: []string{own}, CA: other}, "self-signed"},
		"a key for a host":               {check.Options{Paths: []string{key}, Hosts: []string{"wrong.example"}}, "no-certificate"},
		"a key for a CA":                 {check.Options{Paths: []string{key}, CA: other}, "no-certificate"},
		"an intermediate alone, for one": {check.Options{Paths: []string{w.file("i.crt", w.issuing.PEM())}, CA: other}, "no-certificate"},
	} {
		r := check.Run(c.o)
		if f := found(t, r, c.word); f.Severity != check.Error {
			t.Errorf("%s: %+v", name, f)
		}
	}
}
