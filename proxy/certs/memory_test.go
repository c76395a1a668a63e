package certs_test

import (
	"crypto/elliptic"
	"crypto/x509"
	"testing"
	"time"

	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/minica"
)

// A CA that was renewed many times under one name, and an intermediate that
// does not say which of its keys signed it: each has to be tried.
func TestManyAnchorsOfOneName(t *testing.T) {
	var anchors []*minica.CA
	var last *forger
	for range 12 {
		last = newForger(t, elliptic.P256())
		anchors = append(anchors, &minica.CA{Cert: minica.Cert{Leaf: last.cert(rdn("CA"), rdn("CA"), true), Key: last.key}})
	}
	b := trusting(t, certs.ClientAuth, anchors...)
	chain := last.chain([2][]byte{rdn("I"), rdn("CA")})
	if _, err := b.Verify(chain, time.Now()); err != nil {
		t.Errorf("refused: %v", err)
	}
}

// What a CA has published anybody can present. It must not take the places of
// the intermediates that clients really come with.
func TestStrangerFillsNoMemory(t *testing.T) {
	top := root(t, "Public")
	b := trusting(t, certs.ClientAuth, top)
	stranger := newForger(t, elliptic.P256())
	for range 5 {
		published := subCA(t, top, minica.Options{Subject: "CN=Published"})
		junk := []*x509.Certificate{stranger.cert(rdn("junk"), rdn("Published"), false), published.Leaf}
		if _, err := b.Verify(junk, time.Now()); err == nil {
			t.Fatal("junk below a published intermediate was accepted")
		}
	}
	if n := b.Remembered(); n != 0 {
		t.Errorf("%d intermediates are remembered for a stranger", n)
	}
	client := issue(t, subCA(t, top, minica.Options{Subject: "CN=Issuing"}), "client")
	if _, err := b.Verify(presented(client), time.Now()); err != nil || b.Remembered() != 1 {
		t.Errorf("after a good client: %v, %d remembered, want 1", err, b.Remembered())
	}
}
