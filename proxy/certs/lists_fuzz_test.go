package certs_test

import (
	"testing"
	"time"

	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/minica"
)

// FuzzLists feeds anything as a file of revocation lists. What is refused must say why,
// and what is accepted must be signed by a CA that is trusted, or of none of its name.
func FuzzLists(f *testing.F) {
	ca, err := minica.New(minica.Options{Subject: "CN=Root"})
	if err != nil {
		f.Fatal(err)
	}
	der, err := ca.CRL(minica.CRLOptions{Number: 7})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(der)
	f.Add(der[:len(der)-1])
	f.Add(ca.Leaf.Raw)
	f.Add(join(crlPEM(der, der), ca.PEM()))
	f.Add([]byte("-----BEGIN X509 CRL-----\n-----END X509 CRL-----\n"))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		folder{"ca.pem": ca.PEM(), "list.crl": data}.write(t, dir)
		store, err := certs.Open(certs.Files{CA: []string{dir + "/ca.pem"}, CRL: []string{dir + "/list.crl"}}, certs.Options{})
		if err != nil {
			if len(codes(t, err, dir)) == 0 {
				t.Errorf("refused without a fault: %v", err)
			}
			return
		}
		b := store.Current()
		if len(b.CRLs) == 0 {
			t.Fatal("accepted without a list")
		}
		for _, c := range b.CRLs {
			if c.Issuer == "CN=Root" && c.CheckSignatureFrom(ca.Leaf) != nil {
				t.Error("a forged list is in use")
			}
		}
		if _, err := b.Verify(b.Anchors, time.Now()); err != nil {
			reason(t, err)
		}
	})
}
