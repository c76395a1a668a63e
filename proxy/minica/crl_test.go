package minica_test

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"github.com/sidegate/sidegate/proxy/minica"
)

func TestCRLOfNothingButDefaults(t *testing.T) {
	root := newRoot(t)
	list := readCRL(t, root, minica.CRLOptions{})

	if err := list.CheckSignatureFrom(root.Leaf); err != nil {
		t.Errorf("the signature is wrong: %v", err)
	}
	if !bytes.Equal(list.AuthorityKeyId, root.Leaf.SubjectKeyId) {
		t.Errorf("the authority key identifier is %x, want that of the CA, %x", list.AuthorityKeyId, root.Leaf.SubjectKeyId)
	}
	if list.Number.Int64() != 1 || len(list.RevokedCertificateEntries) != 0 {
		t.Errorf("list %v revokes %d certificates, want list 1 to revoke none", list.Number, len(list.RevokedCertificateEntries))
	}
	if age := time.Since(list.ThisUpdate); age < time.Hour || age > time.Hour+time.Minute {
		t.Errorf("issued %v ago, want an hour", age)
	}
	if left := time.Until(list.NextUpdate); left > 24*time.Hour || left < 24*time.Hour-time.Minute {
		t.Errorf("the next one is due in %v, want a day", left)
	}
}

func TestCRLRevokes(t *testing.T) {
	root := newRoot(t)
	gone := issue(t, root, minica.Options{}).Leaf.SerialNumber
	at := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	list := readCRL(t, root, minica.CRLOptions{Number: 7, Revoked: []minica.Revoked{
		{Serial: gone, At: at, Reason: 1}, {Serial: big.NewInt(5)},
	}})

	if list.Number.Int64() != 7 || len(list.RevokedCertificateEntries) != 2 {
		t.Fatalf("list %v revokes %d certificates, want list 7 to revoke two", list.Number, len(list.RevokedCertificateEntries))
	}
	first, second := list.RevokedCertificateEntries[0], list.RevokedCertificateEntries[1]
	if first.SerialNumber.Cmp(gone) != 0 || first.ReasonCode != 1 || !first.RevocationTime.Equal(at) {
		t.Errorf("entry 1 is %v, reason %d, at %v; want %v, reason 1, at %v", first.SerialNumber, first.ReasonCode, first.RevocationTime, gone, at)
	}
	if !second.RevocationTime.Equal(list.ThisUpdate) || len(second.Extensions) != 0 {
		t.Errorf("entry 2 is of %v with %d extensions, want of %v with none", second.RevocationTime, len(second.Extensions), list.ThisUpdate)
	}
}

func TestCRLThatHasExpiredNeedsNoOtherDate(t *testing.T) {
	yesterday := time.Now().Add(-24 * time.Hour)
	list := readCRL(t, newRoot(t), minica.CRLOptions{NextUpdate: yesterday})
	if life := list.NextUpdate.Sub(list.ThisUpdate); life != time.Hour || list.NextUpdate.After(yesterday) {
		t.Errorf("the list is of %v to %v, want of an hour before %v", list.ThisUpdate, list.NextUpdate, yesterday)
	}
}

func TestCRLChangeHasTheLastWord(t *testing.T) {
	delta := asn1.ObjectIdentifier{2, 5, 29, 27}
	list := readCRL(t, newRoot(t), minica.CRLOptions{Change: func(l *x509.RevocationList) {
		l.Number = big.NewInt(9)
		l.ExtraExtensions = []pkix.Extension{{Id: delta, Critical: true, Value: []byte{2, 1, 1}}}
	}})
	last := list.Extensions[len(list.Extensions)-1]
	if list.Number.Int64() != 9 || !last.Id.Equal(delta) || !last.Critical {
		t.Errorf("the list is number %v and ends in extension %v (critical: %t)", list.Number, last.Id, last.Critical)
	}
}

func TestCRLOfACAThatMayNotSignLists(t *testing.T) {
	ca := newCA(t, newRoot(t), minica.Options{Change: func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCertSign }})
	if _, err := ca.CRL(minica.CRLOptions{}); err == nil {
		t.Error("CRL succeeded for a CA without cRLSign")
	}
	if _, err := ca.CRLPEM(minica.CRLOptions{}); err == nil {
		t.Error("CRLPEM succeeded for a CA without cRLSign")
	}
}

func TestCRLPEMIsOneBlock(t *testing.T) {
	root := newRoot(t)
	text, err := root.CRLPEM(minica.CRLOptions{})
	if err != nil {
		t.Fatal(err)
	}
	block, rest := pem.Decode(text)
	if block == nil || block.Type != "X509 CRL" || len(rest) > 0 {
		t.Fatalf("PEM is %q", text)
	}
	if _, err := x509.ParseRevocationList(block.Bytes); err != nil {
		t.Errorf("the block is no list: %v", err)
	}
}

func readCRL(t *testing.T, ca *minica.CA, o minica.CRLOptions) *x509.RevocationList {
	t.Helper()
	der, err := ca.CRL(o)
	if err != nil {
		t.Fatal(err)
	}
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		t.Fatal(err)
	}
	return list
}
