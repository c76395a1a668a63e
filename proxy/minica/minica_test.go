package minica_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"net"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sidegate/sidegate/proxy/minica"
	"github.com/sidegate/sidegate/proxy/subject"
)

func TestSubjectIsTheNameThatWasAskedFor(t *testing.T) {
	root := newRoot(t)
	const dn = "CN=billing,OU=Payments,O=Example,C=BE"
	leaf := issue(t, root, minica.Options{Subject: dn}).Leaf

	want, err := subject.Parse(dn)
	if err != nil {
		t.Fatal(err)
	}
	got, err := subject.FromDER(leaf.RawSubject)
	if err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Errorf("subject is %q, want %q", got, want)
	}
	if !bytes.Equal(leaf.RawIssuer, root.Leaf.RawSubject) {
		t.Errorf("issuer is %q, want the subject of the root, %q", leaf.Issuer, root.Leaf.Subject)
	}
}

func TestRawSubjectIsUsedAsItIs(t *testing.T) {
	// CN=x as a BMPString, which no text form can ask for.
	raw := []byte{0x30, 0x0d, 0x31, 0x0b, 0x30, 0x09, 0x06, 0x03, 0x55, 0x04, 0x03, 0x1e, 0x02, 0x00, 'x'}
	leaf := issue(t, newRoot(t), minica.Options{Subject: "CN=ignored", RawSubject: raw}).Leaf
	if !bytes.Equal(leaf.RawSubject, raw) {
		t.Errorf("subject is %x, want %x", leaf.RawSubject, raw)
	}
}

func TestSubjectThatCannotBeReadIsAnError(t *testing.T) {
	if _, err := minica.New(minica.Options{Subject: "no name at all"}); err == nil {
		t.Error("a CA was made under a subject that is no distinguished name")
	}
}

func TestLeafWithoutSubject(t *testing.T) {
	leaf := issue(t, newRoot(t), minica.Options{DNS: []string{"localhost"}}).Leaf
	if want := []byte{0x30, 0x00}; !bytes.Equal(leaf.RawSubject, want) {
		t.Errorf("subject is %x, want the empty sequence %x", leaf.RawSubject, want)
	}
}

func TestZeroOptionsGiveARightCA(t *testing.T) {
	ca, err := minica.New(minica.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c := ca.Leaf
	if !c.IsCA || !c.BasicConstraintsValid {
		t.Error("basic constraints do not say CA")
	}
	if want := x509.KeyUsageCertSign | x509.KeyUsageCRLSign; c.KeyUsage != want {
		t.Errorf("key usage is %b, want %b", c.KeyUsage, want)
	}
	if len(c.ExtKeyUsage)+len(c.UnknownExtKeyUsage) > 0 {
		t.Errorf("extended key usage is %v, want none", c.ExtKeyUsage)
	}
	if len(c.SubjectKeyId) != 20 {
		t.Errorf("subject key identifier is %x, want 20 octets", c.SubjectKeyId)
	}
	checkSerial(t, c)
	checkLife(t, c)
}

func TestZeroOptionsGiveARightLeaf(t *testing.T) {
	root := newRoot(t)
	c := issue(t, root, minica.Options{}).Leaf
	if c.IsCA {
		t.Error("a leaf says that it is a CA")
	}
	if c.KeyUsage != x509.KeyUsageDigitalSignature {
		t.Errorf("key usage is %b, want digitalSignature alone", c.KeyUsage)
	}
	want := []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}
	if diff := cmp.Diff(want, c.ExtKeyUsage); diff != "" {
		t.Errorf("extended key usage (-want +got):\n%s", diff)
	}
	if len(c.SubjectKeyId) != 20 {
		t.Errorf("subject key identifier is %x, want 20 octets", c.SubjectKeyId)
	}
	if !bytes.Equal(c.AuthorityKeyId, root.Leaf.SubjectKeyId) {
		t.Errorf("authority key identifier is %x, want the root's, %x", c.AuthorityKeyId, root.Leaf.SubjectKeyId)
	}
	checkSerial(t, c)
	checkLife(t, c)
}

func TestUsage(t *testing.T) {
	root := newRoot(t)
	serverOnly := []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}

	if got := issue(t, root, minica.Options{Usage: serverOnly}).Leaf.ExtKeyUsage; !cmp.Equal(got, serverOnly) {
		t.Errorf("a leaf for servers has usage %v, want %v", got, serverOnly)
	}
	if got := issue(t, root, minica.Options{NoUsage: true}).Leaf.ExtKeyUsage; len(got) > 0 {
		t.Errorf("a leaf without usage has %v", got)
	}
	if got := newCA(t, root, minica.Options{Usage: serverOnly}).Leaf.ExtKeyUsage; !cmp.Equal(got, serverOnly) {
		t.Errorf("a CA for servers has usage %v, want %v", got, serverOnly)
	}
}

func TestSubjectAltName(t *testing.T) {
	id := &url.URL{Scheme: "spiffe", Host: "example.test", Path: "/billing"}
	leaf := issue(t, newRoot(t), minica.Options{
		DNS:    []string{"billing.example.test"},
		URIs:   []*url.URL{id},
		Emails: []string{"billing@example.test"},
		IPs:    []net.IP{net.IPv4(192, 0, 2, 7).To4()},
	}).Leaf

	got := []any{leaf.DNSNames, leaf.URIs[0].String(), leaf.EmailAddresses, leaf.IPAddresses[0].String()}
	want := []any{[]string{"billing.example.test"}, id.String(), []string{"billing@example.test"}, "192.0.2.7"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("subjectAltName (-want +got):\n%s", diff)
	}
}

func TestChangeHasTheLastWord(t *testing.T) {
	oid := asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 5923}
	leaf := issue(t, newRoot(t), minica.Options{Change: func(c *x509.Certificate) {
		c.UnknownExtKeyUsage = []asn1.ObjectIdentifier{oid}
		c.KeyUsage = x509.KeyUsageCRLSign
	}}).Leaf
	if leaf.KeyUsage != x509.KeyUsageCRLSign || !cmp.Equal(leaf.UnknownExtKeyUsage, []asn1.ObjectIdentifier{oid}) {
		t.Errorf("key usage %b and unknown usages %v are not those of the change", leaf.KeyUsage, leaf.UnknownExtKeyUsage)
	}
}

func TestValidity(t *testing.T) {
	root := newRoot(t)
	day := time.Date(2026, time.November, 23, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		name          string
		options       minica.Options
		before, after time.Time
	}{
		{"both are given", minica.Options{NotBefore: day, NotAfter: day.Add(time.Minute)}, day, day.Add(time.Minute)},
		{"the beginning is given", minica.Options{NotBefore: day}, day, day.Add(24 * time.Hour)},
		{"the end is given and past", minica.Options{NotAfter: day.AddDate(-9, 0, 0)}, day.AddDate(-9, 0, 0).Add(-time.Hour), day.AddDate(-9, 0, 0)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			leaf := issue(t, root, tt.options).Leaf
			if !leaf.NotBefore.Equal(tt.before) || !leaf.NotAfter.Equal(tt.after) {
				t.Errorf("valid from %v to %v, want %v to %v", leaf.NotBefore, leaf.NotAfter, tt.before, tt.after)
			}
		})
	}
}

func TestKeysOfEveryKind(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]crypto.Signer{"RSA 2048": rsaKey, "Ed25519": edKey, "ECDSA P-384": ecKey}
	for name, key := range keys {
		t.Run(name, func(t *testing.T) {
			root, err := minica.New(minica.Options{Key: key})
			if err != nil {
				t.Fatal(err)
			}
			leaf := issue(t, root, minica.Options{Key: key})
			verify(t, leaf, root)
			_, isRSA := key.(*rsa.PrivateKey)
			if has := leaf.Leaf.KeyUsage&x509.KeyUsageKeyEncipherment != 0; has != isRSA {
				t.Errorf("keyEncipherment is %t, want it for RSA alone", has)
			}
		})
	}
}

// checkSerial holds RFC 5280 §4.1.2.2 against a serial number.
func checkSerial(t *testing.T, c *x509.Certificate) {
	t.Helper()
	if c.SerialNumber.Sign() <= 0 || c.SerialNumber.BitLen() > 127 || c.SerialNumber.BitLen() < 64 {
		t.Errorf("serial number %v has %d bits, want a positive one of 64 to 127", c.SerialNumber, c.SerialNumber.BitLen())
	}
}

// checkLife wants the default: from an hour ago, for a day.
func checkLife(t *testing.T, c *x509.Certificate) {
	t.Helper()
	if age := time.Since(c.NotBefore); age < time.Hour || age > time.Hour+time.Minute {
		t.Errorf("valid since %v, want an hour", age)
	}
	if life := c.NotAfter.Sub(c.NotBefore); life != 24*time.Hour {
		t.Errorf("valid for %v, want a day", life)
	}
}
