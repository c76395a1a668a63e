package policy_test

import (
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"math/big"
	"testing"

	"github.com/sidegate/sidegate/proxy/minica"
	"github.com/sidegate/sidegate/proxy/policy"
)

// twin returns c with its signature in the other form, which anybody can write.
func twin(t *testing.T, c *x509.Certificate) *x509.Certificate {
	t.Helper()
	var whole struct {
		TBS, Algorithm asn1.RawValue
		Signature      asn1.BitString
	}
	var sig struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(c.Raw, &whole); err != nil {
		t.Fatal(err)
	}
	if _, err := asn1.Unmarshal(c.Signature, &sig); err != nil {
		t.Fatal(err)
	}
	sig.S.Sub(elliptic.P256().Params().N, sig.S)
	der, err := asn1.Marshal(sig)
	if err != nil {
		t.Fatal(err)
	}
	whole.Signature = asn1.BitString{Bytes: der, BitLength: 8 * len(der)}
	if der, err = asn1.Marshal(whole); err != nil {
		t.Fatal(err)
	}
	other, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return other
}

// A denied client does not get in by its certificate with the signature written
// otherwise, whichever of the two was denied. A rule pins one of them all the same.
func TestADeniedCertificateStaysDeniedWithItsSignatureWrittenOtherwise(t *testing.T) {
	ca, err := minica.New(minica.Options{Subject: "CN=CA"})
	if err != nil {
		t.Fatal(err)
	}
	issued, err := ca.Issue(minica.Options{Subject: "CN=left.example"})
	if err != nil {
		t.Fatal(err)
	}
	bystander, err := ca.Issue(minica.Options{Subject: "CN=left.example", Key: issued.Key})
	if err != nil {
		t.Fatal(err)
	}
	other := twin(t, issued.Leaf)
	if err := other.CheckSignatureFrom(ca.Leaf); err != nil {
		t.Fatalf("the other form is no good: %v", err)
	}
	for what, denied := range map[string]*x509.Certificate{"as issued": issued.Leaf, "as written otherwise": other} {
		sum := sha256.Sum256(denied.Raw)
		p := &policy.Policy{Deny: []policy.Denial{{Name: "left", CertSHA256: [][32]byte{sum}}}, Rules: []policy.Rule{{Name: "everybody"}}}
		pinned := &policy.Policy{Rules: []policy.Rule{{Name: "pinned", CertSHA256: [][32]byte{sum}}}}
		for _, comes := range []*x509.Certificate{issued.Leaf, other, bystander.Leaf} {
			c, err := policy.ClientOf(comes)
			if err != nil {
				t.Fatal(err)
			}
			if d := p.Decide(c, "GET", "/"); d.Allowed != (comes == bystander.Leaf) {
				t.Errorf("denied %s: %+v for %x", what, d, c.Fingerprint)
			}
			if d := pinned.Decide(c, "GET", "/"); d.Allowed != (comes == denied) {
				t.Errorf("pinned %s: %+v for %x", what, d, c.Fingerprint)
			}
		}
	}
}
