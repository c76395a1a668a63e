package certs_test

import (
	"crypto/x509"
	"encoding/asn1"
	"math/big"
	"testing"
	"time"

	"github.com/sidegate/sidegate/proxy/certs"
)

// A signature that begins with zero bits can be shifted to the left, and the bits at
// its end declared unused: Go reads the same signature. The fingerprint is another, so
// that a client would get past whatever knows the one of before.
func TestASignatureWithUnusedBitsIsRefused(t *testing.T) {
	ca := root(t, "Root")
	leaf := issue(t, ca, "partner").Leaf
	b := trusting(t, certs.ClientAuth, ca)
	if _, err := b.Verify([]*x509.Certificate{leaf}, time.Now()); err != nil {
		t.Fatal(err)
	}
	var whole struct {
		TBS, Algorithm asn1.RawValue
		Signature      asn1.BitString
	}
	if _, err := asn1.Unmarshal(leaf.Raw, &whole); err != nil {
		t.Fatal(err)
	}
	bits := 8 * len(leaf.Signature) // of a SEQUENCE, which begins with two zero bits
	shifted := new(big.Int).Lsh(new(big.Int).SetBytes(leaf.Signature), 2)
	whole.Signature = asn1.BitString{Bytes: shifted.FillBytes(make([]byte, len(leaf.Signature))), BitLength: bits - 2}
	der, err := asn1.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	same, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	if err := same.CheckSignatureFrom(ca.Leaf); err != nil {
		t.Fatalf("Go does not read it as the same: %v", err)
	}
	_, err = b.Verify([]*x509.Certificate{same}, time.Now())
	if r, ok := err.(*certs.Refusal); !ok || r.Reason != certs.ReasonBadChain {
		t.Errorf("%v, want it refused", err)
	}
}
