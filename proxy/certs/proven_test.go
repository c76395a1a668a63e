package certs_test

import (
	"crypto/x509"
	"testing"
	"time"

	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/minica"
)

func TestClientThatComesAgainIsNotVerifiedAgain(t *testing.T) {
	top := root(t, "Root")
	client := presented(issue(t, subCA(t, top, minica.Options{Subject: "CN=Issuing"}), "client"))
	known, fresh := trusting(t, certs.ClientAuth, top), trusting(t, certs.ClientAuth, top)
	fresh.ForgetProven()
	verify := func(b *certs.Bundle) func() {
		return func() {
			if v, err := b.Verify(client, time.Now()); err != nil || len(v.Chains) != 1 || !v.Until.Equal(client[0].NotAfter) && !v.Until.Equal(client[1].NotAfter) {
				t.Fatalf("%+v, %v", v, err)
			}
		}
	}
	verify(known)()
	again, first := quickest(20, verify(known)), quickest(20, verify(fresh))
	t.Logf("again %v, the first time %v", again, first)
	if again*3 > first {
		t.Errorf("a client that comes again takes %v, the first time it took %v", again, first)
	}
}

// What was verified at one time need not hold at another.
func TestProvenClientIsVerifiedAnewOutsideOfItsTime(t *testing.T) {
	now := time.Now()
	top := root(t, "Root")
	below := subCA(t, top, minica.Options{Subject: "CN=Issuing", NotBefore: now.Add(-2 * time.Hour), NotAfter: now.Add(2 * time.Hour)})
	client := presented(issueWith(t, below, minica.Options{Subject: "CN=client", NotBefore: now.Add(-3 * time.Hour), NotAfter: now.Add(3 * time.Hour)}))
	b := trusting(t, certs.ClientAuth, top)
	if _, err := b.Verify(client, now); err != nil || b.Proven() != 1 {
		t.Fatalf("%v, %d are remembered", err, b.Proven())
	}
	for _, when := range []struct {
		after time.Duration
		good  bool
	}{{-150 * time.Minute, false}, {-time.Hour, true}, {time.Hour, true}, {150 * time.Minute, false}, {4 * time.Hour, false}} {
		if _, err := b.Verify(client, now.Add(when.after)); (err == nil) != when.good {
			t.Errorf("after %v: %v", when.after, err)
		}
	}
}

// Only the very same certificates are known, and only to the Bundle that
// verified them.
func TestOnlyTheSameCertificatesAreProven(t *testing.T) {
	top, other := root(t, "Root"), root(t, "Root")
	below := subCA(t, top, minica.Options{Subject: "CN=Issuing"})
	client, stranger := presented(issue(t, below, "client")), presented(issue(t, other, "client"))
	b := trusting(t, certs.ClientAuth, top)
	if _, err := b.Verify(client, time.Now()); err != nil {
		t.Fatal(err)
	}
	for name, chain := range map[string][]*x509.Certificate{
		"a leaf of the same name by another CA": stranger,
		"it with the intermediate":              {stranger[0], client[1]},
		"the leaf without its intermediate":     client[:1],
	} {
		if _, err := b.Verify(chain, time.Now()); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	if b.Proven() != 1 {
		t.Errorf("%d are remembered, want the one that was verified", b.Proven())
	}
	if _, err := trusting(t, certs.ClientAuth, other).Verify(client, time.Now()); err == nil {
		t.Error("another Bundle accepts what it does not trust")
	}
}

func TestProvenClientsAreBounded(t *testing.T) {
	top := root(t, "Root")
	b := trusting(t, certs.ClientAuth, top)
	for range certs.MaxProven + 10 {
		if _, err := b.Verify(presented(issue(t, top, "client")), time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if n := b.Proven(); n > certs.MaxProven {
		t.Errorf("%d clients are remembered, the bound is %d", n, certs.MaxProven)
	}
}
