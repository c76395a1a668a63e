package certs_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"math/big"
	mathrand "math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/minica"
	"github.com/sidegate/sidegate/proxy/subject"
)

// A forger is somebody who signs whatever costs us time.
type forger struct {
	t   *testing.T
	key crypto.Signer
	n   int64
}

func newForger(t *testing.T, curve elliptic.Curve) *forger {
	t.Helper()
	return &forger{t: t, key: must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(curve, rand.Reader))}
}

// cert is one of subject by issuer. No two have the same SAN, so that x509 takes
// each for another CA.
func (s *forger) cert(of, by []byte, ca bool) *x509.Certificate {
	s.t.Helper()
	s.n++
	template := &x509.Certificate{SerialNumber: big.NewInt(s.n), RawSubject: of, BasicConstraintsValid: true, IsCA: ca,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{fmt.Sprintf("%d.test", s.n)}}
	der := must[[]byte](s.t)(x509.CreateCertificate(rand.Reader, template, &x509.Certificate{RawSubject: by}, s.key.Public(), s.key))
	return must[*x509.Certificate](s.t)(x509.ParseCertificate(der))
}

// chain is a leaf below names[0], then a CA of each name, by the name after the
// arrow.
func (s *forger) chain(names ...[2][]byte) []*x509.Certificate {
	s.t.Helper()
	all := []*x509.Certificate{s.cert(rdn("leaf"), names[0][0], false)}
	for _, n := range names {
		all = append(all, s.cert(n[0], n[1], true))
	}
	return all
}

func rdn(cn string) []byte {
	name, err := subject.Parse("CN=" + cn)
	if err != nil {
		panic(err)
	}
	return name.DER()
}

// quickest is the least time of several, as other work only ever adds to it.
func quickest(times int, do func()) time.Duration {
	least := time.Hour
	for range times {
		begin := time.Now()
		do()
		least = min(least, time.Since(begin))
	}
	return least
}

// Nobody has proved anything when a chain is verified, so that everybody can
// have this done as often as he likes. P-521 is the slowest key that there is;
// with P-256 the signatures look as if they were by the anchor.
func TestJunkCostsLittleMoreThanAGoodChain(t *testing.T) {
	top := root(t, "Root")
	good := presented(issue(t, subCA(t, top, minica.Options{Subject: "CN=Issuing"}), "leaf"))
	b := trusting(t, certs.ClientAuth, top)
	b.ForgetProven() // the cost of a first time
	usual := quickest(20, func() {
		if _, err := b.Verify(good, time.Now()); err != nil {
			t.Fatal(err)
		}
	})
	type hop = [2][]byte
	real, issuing := top.Leaf.RawSubject, good[1].RawSubject
	w, x, y, z := rdn("W"), rdn("X"), rdn("Y"), rdn("Z")
	for _, curve := range []elliptic.Curve{elliptic.P521(), elliptic.P256()} {
		f := newForger(t, curve)
		for name, junk := range map[string][]*x509.Certificate{
			"four CAs of one name":                       f.chain(hop{x, x}, hop{x, x}, hop{x, x}, hop{x, x}),
			"four CAs of the anchor's name":              f.chain(hop{real, real}, hop{real, real}, hop{real, real}, hop{real, real}),
			"CAs that claim to be the anchor's":          f.chain(hop{x, real}, hop{x, y}, hop{y, real}, hop{y, real}),
			"two names, each two CAs, in a circle":       f.chain(hop{x, y}, hop{x, y}, hop{y, x}, hop{y, x}),
			"a long way up to the anchor":                f.chain(hop{x, y}, hop{y, z}, hop{z, w}, hop{w, real}),
			"a real intermediate above junk":             append(f.chain(hop{x, y}, hop{y, issuing}), good[1]),
			"a real intermediate above a forged leaf":    {f.cert(rdn("leaf"), issuing, false), good[1]},
			"a leaf that claims to be the anchor's only": {f.cert(rdn("leaf"), real, false)},
		} {
			cost := quickest(5, func() {
				if _, err := b.Verify(junk, time.Now()); reason(t, err) != certs.ReasonUnknownCA {
					t.Fatalf("%s: %v", name, err)
				}
			})
			t.Logf("%s, %s: %v, where a good chain takes %v", name, curve.Params().Name, cost, usual)
			if cost > 10*usual {
				t.Errorf("%s, %s: %v, where a good chain takes %v", name, curve.Params().Name, cost, usual)
			}
		}
	}
}

// Whoever runs a CA that is trusted can have slow keys of his own used, but only
// a few times: without a bound, these four CAs are good for dozens of checks.
func TestSlowCAThatIsTrustedIsBounded(t *testing.T) {
	f, x := newForger(t, elliptic.P521()), rdn("X")
	top := &minica.CA{Cert: minica.Cert{Leaf: f.cert(rdn("Slow"), rdn("Slow"), true), Key: f.key}}
	b := trusting(t, certs.ClientAuth, top)
	junk := f.chain([2][]byte{x, x}, [2][]byte{x, rdn("Slow")}, [2][]byte{x, x}, [2][]byte{x, x})
	one := quickest(5, func() {
		if err := junk[0].CheckSignatureFrom(junk[1]); err != nil {
			t.Fatal(err)
		}
	})
	cost := quickest(3, func() {
		if _, err := b.Verify(junk, time.Now()); err != nil {
			t.Fatal(err)
		}
	})
	t.Logf("%v, where one check takes %v", cost, one)
	if cost > 12*one {
		t.Errorf("%v, where one check takes %v", cost, one)
	}
}

// odd returns ca with another subject key identifier than it says, as sloppy
// tools issue below it.
func odd(ca *minica.CA, id []byte) *minica.CA {
	twin, leaf := *ca, *ca.Leaf
	leaf.SubjectKeyId = id
	twin.Leaf = &leaf
	return &twin
}

func TestEveryWayToAnAnchorIsFound(t *testing.T) {
	top := root(t, "Root")
	ca := func(by *minica.CA, cn string, key crypto.Signer) *minica.CA {
		return subCA(t, by, minica.Options{Subject: "CN=" + cn, Key: key})
	}
	a := ca(top, "A", nil)
	deep := issue(t, ca(ca(ca(a, "B", nil), "C", nil), "D", nil), "leaf")
	backwards := presented(deep)
	slices.Reverse(backwards[1:])
	stranger := root(t, "Stranger")
	crossed := ca(stranger, "A", a.Key)
	var namesakes []*minica.CA
	for range 20 {
		namesakes = append(namesakes, root(t, "Root"))
	}
	last := namesakes[len(namesakes)-1]
	leaf := issue(t, a, "leaf")
	for _, test := range []struct {
		name    string
		anchors []*minica.CA
		show    []*x509.Certificate
	}{
		{"four intermediates", []*minica.CA{top}, presented(deep)},
		{"in any order", []*minica.CA{top}, backwards},
		{"the same one twice", []*minica.CA{top}, []*x509.Certificate{leaf.Leaf, a.Leaf, a.Leaf, a.Leaf}},
		{"the leaf once more", []*minica.CA{top}, []*x509.Certificate{leaf.Leaf, leaf.Leaf, a.Leaf}},
		{"a cross-certificate of another root before it", []*minica.CA{top}, []*x509.Certificate{leaf.Leaf, crossed.Leaf, stranger.Leaf, a.Leaf}},
		{"two others of its name before it", []*minica.CA{top}, []*x509.Certificate{leaf.Leaf, ca(top, "A", nil).Leaf, ca(top, "A", nil).Leaf, a.Leaf}},
		{"key identifiers that do not agree", []*minica.CA{top}, presented(issue(t, odd(ca(odd(top, []byte("x")), "A", nil), []byte("y")), "leaf"))},
		{"no key identifiers", []*minica.CA{top}, presented(issue(t, odd(ca(odd(top, nil), "A", nil), nil), "leaf"))},
		{"twenty anchors of one name", namesakes, presented(issue(t, ca(last, "A", nil), "leaf"))},
		{"the anchor is in the middle", []*minica.CA{a}, presented(deep)},
	} {
		b := trusting(t, certs.ClientAuth, test.anchors...)
		for _, again := range []string{"at first", "once more"} {
			if _, err := b.Verify(test.show, time.Now()); err != nil {
				t.Errorf("%s, %s: %v", test.name, again, err)
			}
		}
	}
}

// What is sifted out makes no difference: the verdict on any presentation is the
// one that x509 has on all of it.
func TestVerdictIsThatOfX509(t *testing.T) {
	top, stranger := root(t, "Root"), root(t, "Stranger")
	ca := func(by *minica.CA, cn string, key crypto.Signer) *minica.CA {
		return subCA(t, by, minica.Options{Subject: "CN=" + cn, Key: key})
	}
	a, b := ca(top, "A", nil), ca(stranger, "B", nil)
	all := []*minica.CA{a, b, ca(stranger, "A", a.Key), ca(a, "B", nil), ca(a, "B", b.Key), ca(b, "C", nil), ca(b, "A", a.Key), ca(top, "C", nil), top, stranger}
	var leaves []*x509.Certificate
	for _, by := range all {
		leaves = append(leaves, issue(t, by, "leaf").Leaf)
	}
	roots := x509.NewCertPool()
	roots.AddCert(top.Leaf)
	bundle := trusting(t, certs.ClientAuth, top)
	random := mathrand.New(mathrand.NewPCG(1, 2))
	accepted := 0
	for range 400 {
		show := []*x509.Certificate{leaves[random.IntN(len(leaves))]}
		pool := x509.NewCertPool()
		names := map[string]int{}
		for _, i := range random.Perm(len(all))[:random.IntN(5)] {
			if c := all[i].Leaf; names[string(c.RawSubject)] < 2 {
				names[string(c.RawSubject)]++
				show = append(show, c)
				pool.AddCert(c)
			}
		}
		_, want := show[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: pool, KeyUsages: clientOnly})
		_, got := bundle.Verify(show, time.Now())
		if (got == nil) != (want == nil) {
			t.Errorf("presented %d certificates: %v, want %v", len(show), got, want)
		}
		if got == nil {
			accepted++
		}
	}
	if accepted < 40 || accepted > 360 {
		t.Errorf("%d of 400 presentations are good: the mix says little", accepted)
	}
}

func TestManyVerifyAtOnce(t *testing.T) {
	top := root(t, "Root")
	b := trusting(t, certs.ClientAuth, top)
	var all sync.WaitGroup
	for i := range 8 {
		show := presented(issue(t, subCA(t, top, minica.Options{Subject: fmt.Sprintf("CN=Issuing %d", i%4)}), "leaf"))
		all.Go(func() {
			for range 10 {
				if _, err := b.Verify(show, time.Now()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}
