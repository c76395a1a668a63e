package certs_test

import (
	"bytes"
	"path/filepath"
	"testing"
	"time"

	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/minica"
)

// FuzzOpen feeds anything as certificate, key and CA. What is accepted must
// hold together, what is refused must say why.
func FuzzOpen(f *testing.F) {
	ca, err := minica.New(minica.Options{Subject: "CN=Root"})
	if err != nil {
		f.Fatal(err)
	}
	leaf, err := ca.Issue(minica.Options{Subject: "CN=gate"})
	if err != nil {
		f.Fatal(err)
	}
	crt, key := leaf.ChainPEM(), leaf.KeyPEM()
	f.Add(crt, key, ca.PEM())
	f.Add(crt[:len(crt)/2], key, ca.Leaf.Raw)
	f.Add(key, crt, []byte{})
	f.Add(join(bytes.TrimSpace(crt), crt), encrypted(), []byte("-----END CERTIFICATE-----\n"))
	f.Add([]byte("\xef\xbb\xbf"), []byte("-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n"), join(crt, ca.PEM()))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, crt, key, anchors []byte) {
		folder{"tls.crt": crt, "tls.key": key, "ca.pem": anchors}.write(t, dir)
		store, err := certs.Open(certs.Files{Certificate: dir, CA: []string{filepath.Join(dir, "ca.pem")}}, certs.Options{})
		if err != nil {
			if len(codes(t, err, dir)) == 0 {
				t.Errorf("refused without a fault: %v", err)
			}
			return
		}
		b := store.Current()
		if b.Certificate == nil || b.Certificate.Leaf == nil || len(b.Anchors) == 0 {
			t.Fatalf("accepted, but incomplete: %+v", b)
		}
		for _, a := range b.Anchors {
			if a.Version >= 3 && !a.IsCA {
				t.Errorf("%s is an anchor but no CA", a.Subject)
			}
		}
		if _, err := b.Verify(append(b.Anchors, b.Certificate.Leaf), time.Now()); err != nil {
			reason(t, err)
		}
	})
}
