package certs_test

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
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/minica"
)

// caOf is a CA with a key of its own kind.
func caOf(t *testing.T, key crypto.Signer) *minica.CA {
	t.Helper()
	return must[*minica.CA](t)(minica.New(minica.Options{Subject: "CN=Signer", Key: key}))
}

func rsaKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	return must[*rsa.PrivateKey](t)(rsa.GenerateKey(rand.Reader, 2048))
}

func TestCRLSignatureAlgorithms(t *testing.T) {
	_, edKey, _ := ed25519.GenerateKey(rand.Reader)
	ofRSA, ofEd := caOf(t, rsaKey(t)), caOf(t, edKey)
	of256 := caOf(t, must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)))
	of384 := caOf(t, must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)))
	of521 := caOf(t, must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P521(), rand.Reader)))
	tests := []struct {
		ca        *minica.CA
		algorithm x509.SignatureAlgorithm
		want      string
	}{
		{ofRSA, x509.SHA256WithRSA, "good"},
		{ofRSA, x509.SHA384WithRSA, "good"},
		{ofRSA, x509.SHA512WithRSA, "good"},
		{ofRSA, x509.SHA256WithRSAPSS, "good"},
		{ofRSA, x509.SHA384WithRSAPSS, "good"},
		{ofRSA, x509.SHA512WithRSAPSS, "good"},
		{of256, x509.ECDSAWithSHA256, "good"},
		{of384, x509.ECDSAWithSHA384, "good"},
		{of521, x509.ECDSAWithSHA512, "good"},
		{ofEd, x509.PureEd25519, "good"},
		{ofRSA, x509.SHA1WithRSA, "crl-weak-signature"},
		{of256, x509.ECDSAWithSHA1, "crl-weak-signature"},
	}
	for _, tt := range tests {
		t.Run(tt.algorithm.String(), func(t *testing.T) {
			der := must[[]byte](t)(tt.ca.CRL(minica.CRLOptions{Revoked: []minica.Revoked{{Serial: big.NewInt(5)}},
				Change: func(l *x509.RevocationList) { l.SignatureAlgorithm = tt.algorithm }}))
			list, err := certs.ParseCRL(der)
			if got := verdictOn(t, err); got != tt.want {
				t.Fatalf("the list is %s, want %s (%v)", got, tt.want, err)
			}
			if err != nil {
				return
			}
			if err := list.CheckSignatureFrom(tt.ca.Leaf); err != nil {
				t.Errorf("the CA's own list is refused: %v", err)
			}
			checkDamage(t, tt.ca, der)
			checkStrangers(t, list, ofRSA, of256, of384, of521, ofEd)
		})
	}
}

// checkDamage changes what was signed, and then the signature.
func checkDamage(t *testing.T, ca *minica.CA, der []byte) {
	t.Helper()
	entry := bytes.Index(der, []byte{2, 1, 5, 0x17, 13}) // number 5, and its date: YYMM…
	if entry < 0 {
		t.Fatal("the list does not have the entry")
	}
	for _, at := range []int{entry + 6, len(der) - 1} {
		damaged := bytes.Clone(der)
		damaged[at] ^= 1
		list, err := certs.ParseCRL(damaged)
		if err != nil {
			t.Errorf("damaged at %d of %d it is no list: %v", at, len(der), err)
			continue
		}
		if got := verdictOn(t, list.CheckSignatureFrom(ca.Leaf)); got != "crl-signature" {
			t.Errorf("damaged at %d of %d it is %s", at, len(der), got)
		}
	}
}

// checkStrangers shows the list to CAs of the same name, of which one at most is its own.
func checkStrangers(t *testing.T, list *certs.CRL, all ...*minica.CA) {
	t.Helper()
	own := 0
	for _, ca := range all {
		leaf := *ca.Leaf
		leaf.SubjectKeyId = nil // so that the signature alone can tell
		switch got := verdictOn(t, list.CheckSignatureFrom(&leaf)); got {
		case "good":
			own++
		case "crl-signature":
		default:
			t.Errorf("the list of another key is %s", got)
		}
	}
	if own != 1 {
		t.Errorf("%d of %d CAs of this name signed the list, want one", own, len(all))
	}
}

func TestCRLIsOfTheCA(t *testing.T) {
	ca, other := root(t, "Lists"), root(t, "Lists").Leaf
	list := must[*certs.CRL](t)(certs.ParseCRL(must[[]byte](t)(ca.CRL(minica.CRLOptions{}))))
	tests := []struct {
		name   string
		change func(*x509.Certificate)
		want   string
		says   string
	}{
		{"its own CA", func(*x509.Certificate) {}, "good", ""},
		{"the CA without a key identifier", func(c *x509.Certificate) { c.SubjectKeyId = nil }, "good", ""},
		{"the CA without keyUsage", func(c *x509.Certificate) { c.KeyUsage = 0 }, "good", ""},
		{"a CA of version 1", func(c *x509.Certificate) { c.Version, c.BasicConstraintsValid, c.IsCA, c.KeyUsage = 1, false, false, 0 }, "good", ""},
		{"a CA of another name", func(c *x509.Certificate) { c.RawSubject = rdn("Other") }, "crl-issuer", `"CN=Lists", not of "CN=Other"`},
		{"the CA with another key identifier", func(c *x509.Certificate) { c.SubjectKeyId = []byte{0xab, 1} }, "good", ""},
		{"a CA with another key and its identifier", func(c *x509.Certificate) {
			c.SubjectKeyId, c.PublicKey, c.RawSubjectPublicKeyInfo = []byte{0xab, 1}, other.PublicKey, other.RawSubjectPublicKeyInfo
		}, "crl-issuer", "the CA's is ab01"},
		{"a CA that may not sign lists", func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCertSign }, "crl-signature", "cRLSign"},
		{"a certificate that is no CA", func(c *x509.Certificate) { c.IsCA = false }, "crl-signature", "no CA"},
		{"a certificate that does not say", func(c *x509.Certificate) { c.BasicConstraintsValid = false }, "crl-signature", "no CA"},
		{"a key of a kind nobody knows", func(c *x509.Certificate) { c.PublicKey, c.RawSubjectPublicKeyInfo = 7, []byte{7} }, "crl-signature", "int"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := *ca.Leaf
			tt.change(&c)
			err := list.CheckSignatureFrom(&c)
			if got := verdictOn(t, err); got != tt.want {
				t.Errorf("the list is %s (%v), want %s", got, err, tt.want)
			}
			if err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Errorf("the problem is %q, want it to say %q", err, tt.says)
			}
		})
	}
}

// A key of 512 bits can be had from its public half in a day.
func TestCRLOfAShortRSAKey(t *testing.T) {
	ca := caOf(t, rsaKey(t))
	list := must[*certs.CRL](t)(certs.ParseCRL(must[[]byte](t)(ca.CRL(minica.CRLOptions{}))))
	c := *ca.Leaf
	short := &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 511), E: 65537}
	c.PublicKey, c.RawSubjectPublicKeyInfo = short, []byte("short")
	if err := list.CheckSignatureFrom(&c); verdictOn(t, err) != "crl-signature" || !strings.Contains(err.Error(), "512 bits") {
		t.Errorf("the list is %v, want the key's length refused", err)
	}
}

// The parameters of RSASSA-PSS are the signer's to choose, and most choices are bad:
// none at all means SHA-1 (RFC 4055 §3.1).
func TestCRLWithOddPSSParameters(t *testing.T) {
	ca := caOf(t, rsaKey(t))
	good := must[[]byte](t)(ca.CRL(minica.CRLOptions{Change: func(l *x509.RevocationList) { l.SignatureAlgorithm = x509.SHA256WithRSAPSS }}))
	salt := []byte{0xa2, 3, 2, 1, 32}
	if n := bytes.Count(good, salt); n != 2 {
		t.Fatalf("the salt length is named %d times, want twice", n)
	}
	sha256OID, sha384OID := []byte{0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1}, []byte{0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 2}
	mgf1 := []byte{6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 8, 0x30, 13, 6, 9} // and then the hash
	for name, odd := range map[string][]byte{
		"salt of 20 octets":    bytes.ReplaceAll(good, salt, []byte{0xa2, 3, 2, 1, 20}),
		"another hash in MGF1": bytes.ReplaceAll(good, join(mgf1, sha256OID), join(mgf1, sha384OID)),
		"no parameters":        withoutParameters(t, ca),
	} {
		if _, err := certs.ParseCRL(odd); verdictOn(t, err) != "crl-signature" {
			t.Errorf("%s: the list is %v, want its algorithm refused", name, err)
		}
	}
}

func withoutParameters(t *testing.T, ca *minica.CA) []byte {
	t.Helper()
	pss := element(0x30, must[[]byte](t)(asn1.Marshal(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10})))
	d := newDraft(ca)
	d.algorithm, d.outside = pss, pss
	return d.sign(t, ca)
}

func TestCRLOfEd25519IsBounded(t *testing.T) {
	_, key, _ := ed25519.GenerateKey(rand.Reader)
	ca := caOf(t, key)
	list := func(entries int) error {
		var revoked []minica.Revoked
		for i := range entries {
			revoked = append(revoked, minica.Revoked{Serial: new(big.Int).SetBytes(largeSerial(i))})
		}
		c, err := certs.ParseCRL(must[[]byte](t)(ca.CRL(minica.CRLOptions{Revoked: revoked})))
		if err != nil {
			return err
		}
		return c.CheckSignatureFrom(ca.Leaf)
	}
	if err := list(29_000); err != nil { // of 35 octets
		t.Errorf("a list of just under 1 MiB: %v", err)
	}
	if err := list(31_000); verdictOn(t, err) != "crl-signature" {
		t.Errorf("a list of more than 1 MiB: %v", err)
	}
}

// The CAs of a chain come from whoever connects, at the same time as others.
func TestCRLRemembersKeysConcurrently(t *testing.T) {
	ca := root(t, "Lists")
	original := must[*certs.CRL](t)(certs.ParseCRL(must[[]byte](t)(ca.CRL(minica.CRLOptions{}))))
	list := *original // what a reader does that fills in the file
	list.File = "/etc/sidegate/crl/lists.crl"
	stranger := *root(t, "Lists").Leaf
	stranger.SubjectKeyId = nil
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for n := range 100 {
				if err := list.CheckSignatureFrom(ca.Leaf); err != nil {
					t.Errorf("its own CA: %v", err)
				}
				other := stranger
				other.RawSubjectPublicKeyInfo = []byte{byte(i), byte(n)} // as many keys
				if err := original.CheckSignatureFrom(&other); err == nil {
					t.Error("a stranger signed the list")
				}
			}
		})
	}
	wg.Wait()
	if n := original.RememberedKeys(); n < 1 || n > 64 {
		t.Errorf("%d keys are remembered, want at most 64", n)
	}
}

// What OpenSSL writes is what most private CAs publish.
func TestCRLOfOpenSSL(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("there is no openssl here")
	}
	ca, dir := root(t, "OpenSSL"), t.TempDir()
	gone := issue(t, ca, "gone")
	folder{"ca.crt": ca.PEM(), "ca.key": ca.KeyPEM(), "gone.crt": gone.PEM(), "index.txt": nil, "number": []byte("0A\n"), "ca.cnf": []byte(`
[ca]
default_ca = this
[this]
database = index.txt
crlnumber = number
default_md = sha384
default_crl_days = 3
crl_extensions = ext
[ext]
authorityKeyIdentifier = keyid
`)}.write(t, dir)
	run := func(args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), openssl, args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("openssl %q: %v\n%s", args, err, out)
		}
	}
	run("ca", "-config", "ca.cnf", "-cert", "ca.crt", "-keyfile", "ca.key", "-revoke", "gone.crt", "-crl_reason", "keyCompromise")
	run("ca", "-config", "ca.cnf", "-cert", "ca.crt", "-keyfile", "ca.key", "-gencrl", "-out", "list.pem")
	run("crl", "-in", "list.pem", "-outform", "DER", "-out", "list.der")

	list := must[*certs.CRL](t)(certs.ParseCRL(must[[]byte](t)(os.ReadFile(filepath.Join(dir, "list.der")))))
	if err := list.CheckSignatureFrom(ca.Leaf); err != nil {
		t.Error(err)
	}
	if r, found := list.Find(gone.Leaf.SerialNumber); !found || r.Reason != "keyCompromise" || list.Number.Int64() != 10 {
		t.Errorf("found %t, %+v, in list %v; want the certificate that was revoked, in list 10", found, r, list.Number)
	}
}
