package certs_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/minica"
)

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func request(t *testing.T, c *minica.Cert) []byte {
	t.Helper()
	der := must[[]byte](t)(x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, c.Key))
	return block("CERTIFICATE REQUEST", der)
}

func encrypted() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: []byte("secret"),
		Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-128-CBC,00"}})
}

// weakRSA is a certificate with a key that a 1990s tool would make.
func weakRSA(t *testing.T, ca *minica.CA) *minica.Cert {
	t.Helper()
	key := must[*rsa.PrivateKey](t)(rsa.GenerateKey(rand.Reader, 1024))
	return issueWith(t, ca, minica.Options{Subject: "CN=weak", Key: key})
}

func TestWrongPairNamesWhatIsWrong(t *testing.T) {
	top := root(t, "Root")
	below := must[*minica.CA](t)(top.NewCA(minica.Options{Subject: "CN=Issuing"}))
	one, other := issue(t, below, "one"), issue(t, below, "other")
	good := pair(one)
	past, future := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	ended := issueWith(t, below, minica.Options{Subject: "CN=ended", NotAfter: past})
	early := issueWith(t, below, minica.Options{Subject: "CN=early", NotBefore: future})
	reversed := join(below.PEM(), one.PEM())
	crt := one.ChainPEM()

	for _, test := range []struct {
		name  string
		files folder
		want  []string
		says  string // in the problem or the fix
	}{
		{"no tls.key", folder{"tls.crt": crt}, []string{"missing tls.key"}, "the directory holds tls.crt"},
		{"nothing at all", folder{}, []string{"missing tls.crt", "missing tls.key"}, "the directory is empty"},
		{"empty certificate", good.with("tls.crt", nil), []string{"empty tls.crt"}, ""},
		{"white space for a key", good.with("tls.key", []byte(" \n")), []string{"empty tls.key"}, ""},
		{"both empty", folder{"tls.crt": nil, "tls.key": nil}, []string{"empty tls.crt", "empty tls.key"}, ""},
		{"no PEM", good.with("tls.crt", []byte("hello")), []string{"no-pem tls.crt"}, "-----BEGIN CERTIFICATE-----"},
		{"no PEM for a key", good.with("tls.key", []byte("hello")), []string{"no-pem tls.key"}, "-----BEGIN PRIVATE KEY-----"},
		{"DER for a key", good.with("tls.key", []byte("0\x03abc")), []string{"no-pem tls.key"}, "openssl pkey -inform DER"},
		{"DER", good.with("tls.crt", one.Leaf.Raw), []string{"no-pem tls.crt"}, "openssl x509 -inform DER"},
		{"changed places", folder{"tls.crt": one.KeyPEM(), "tls.key": crt}, []string{"no-certificate tls.crt", "no-key tls.key"}, "changed places"},
		{"encrypted key", good.with("tls.key", encrypted()), []string{"encrypted-key tls.key"}, "openssl pkey"},
		{"encrypted PKCS #8", good.with("tls.key", block("ENCRYPTED PRIVATE KEY", []byte("x"))), []string{"encrypted-key tls.key"}, "passphrase"},
		{"OpenSSH key", good.with("tls.key", block("OPENSSH PRIVATE KEY", []byte("x"))), []string{"wrong-pem tls.key"}, "OpenSSH"},
		{"two keys", good.with("tls.key", join(one.KeyPEM(), other.KeyPEM())), []string{"several-keys tls.key"}, "2 private keys"},
		{"garbled key", good.with("tls.key", block("PRIVATE KEY", []byte("x"))), []string{"bad-key tls.key"}, ""},
		{"a request", good.with("tls.crt", request(t, one)), []string{"wrong-pem tls.crt"}, "signing request"},
		{"a public key for a key", good.with("tls.key", block("PUBLIC KEY", []byte("x"))), []string{"wrong-pem tls.key"}, "public key alone"},
		{"the key of another", good.with("tls.key", other.KeyPEM()), []string{"key-mismatch tls.key"}, "SHA-256 of its public key"},
		{"the key of the CA", good.with("tls.key", top.KeyPEM()), []string{"key-mismatch tls.key"}, "the key of " + shownCN("Root")},
		{"cut short", good.with("tls.crt", crt[:len(crt)-40]), []string{"broken-pem tls.crt"}, "block at line"},
		{"cut short, then whole", good.with("tls.crt", join(crt[:200], []byte("\n"), crt)), []string{"broken-pem tls.crt"}, "at line 1 "},
		{"joined on one line", good.with("tls.crt", join(bytes.TrimSpace(one.PEM()), below.PEM())), []string{"broken-pem tls.crt"}, "line break"},
		{"garbled certificate", good.with("tls.crt", block("CERTIFICATE", []byte("x"))), []string{"bad-certificate tls.crt"}, "certificate 1 "},
		{"chain upside down", good.with("tls.crt", reversed), []string{"chain-order tls.crt"}, "in this order: " + shownCN("one") + ", " + shownCN("Issuing")},
		{"expired", pair(ended), []string{"expired tls.crt"}, past.UTC().Format("2006-01-02T15:04")},
		{"not yet valid", pair(early), []string{"not-yet-valid tls.crt"}, future.UTC().Format("2006-01-02T15:04")},
		{"RSA 1024", pair(weakRSA(t, below)), []string{"weak-key tls.crt"}, "1024 bits"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := plain(t, test.files)
			ca := filepath.Join(plain(t, folder{"ca.crt": top.PEM()}), "ca.crt")
			_, err := certs.Open(certs.Files{Certificate: dir, CA: []string{ca}}, certs.Options{})
			if diff := cmp.Diff(test.want, codes(t, err, dir)); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
			if text := texts(err); !strings.Contains(text, test.says) {
				t.Errorf("faults do not say %q:\n%s", test.says, text)
			}
		})
	}
}

// shownCN is how a message quotes a Subject with nothing but a common name.
func shownCN(cn string) string { return `"CN=` + cn + `"` }

func TestEveryFaultIsReportedAtOnce(t *testing.T) {
	dir := plain(t, folder{"tls.crt": []byte("x"), "tls.key": encrypted(), "ca.pem": nil})
	_, err := certs.Open(certs.Files{Certificate: dir, CA: []string{filepath.Join(dir, "ca.pem"), filepath.Join(dir, "gone")}}, certs.Options{})
	want := []string{"missing gone", "empty ca.pem", "no-pem tls.crt", "encrypted-key tls.key"}
	if diff := cmp.Diff(want, codes(t, err, dir)); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
}

func TestKeysOfEveryEncoding(t *testing.T) {
	ca := root(t, "Root")
	rsaKey := must[*rsa.PrivateKey](t)(rsa.GenerateKey(rand.Reader, 2048))
	ecKey := must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	_, edKey, _ := ed25519.GenerateKey(rand.Reader)
	sec1 := block("EC PRIVATE KEY", must[[]byte](t)(x509.MarshalECPrivateKey(ecKey)))
	withRSA := issueWith(t, ca, minica.Options{Subject: "CN=rsa", Key: rsaKey})
	withEC := issueWith(t, ca, minica.Options{Subject: "CN=ec", Key: ecKey})
	withEd := issueWith(t, ca, minica.Options{Subject: "CN=ed", Key: edKey})

	for _, test := range []struct {
		name string
		cert *minica.Cert
		key  []byte
	}{
		{"PKCS #8 RSA", withRSA, withRSA.KeyPEM()},
		{"PKCS #1", withRSA, block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey))},
		{"PKCS #1 under a wrong name", withRSA, block("PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey))},
		{"PKCS #8 EC", withEC, withEC.KeyPEM()},
		{"SEC 1", withEC, sec1},
		{"SEC 1 after its parameters", withEC, join(block("EC PARAMETERS", []byte{5, 0}), sec1)},
		{"Ed25519", withEd, withEd.KeyPEM()},
		{"a byte order mark and Windows line ends", withEC, join([]byte("\xef\xbb\xbf"), bytes.ReplaceAll(sec1, []byte("\n"), []byte("\r\n")))},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := plain(t, folder{"tls.crt": test.cert.ChainPEM(), "tls.key": test.key})
			store, err := certs.Open(certs.Files{Certificate: dir}, certs.Options{})
			if err != nil {
				t.Fatal(texts(err))
			}
			if got := store.Current().Certificate.Leaf; !got.Equal(test.cert.Leaf) {
				t.Errorf("serves %s", got.Subject)
			}
		})
	}
}

func TestCertificateAndKeyMayLieInManyWays(t *testing.T) {
	ca := root(t, "Root")
	leaf := issue(t, ca, "gate")
	dir := plain(t, pair(leaf).with("both.pem", join([]byte("Bag Attributes\n  friendlyName: gate\n"), leaf.KeyPEM(), leaf.ChainPEM())))
	in := func(name string) string { return filepath.Join(dir, name) }
	for _, test := range []struct {
		name  string
		files certs.Files
	}{
		{"a directory", certs.Files{Certificate: dir}},
		{"a directory with a slash", certs.Files{Certificate: dir + "/"}},
		{"two files", certs.Files{Certificate: in("tls.crt"), Key: in("tls.key")}},
		{"one file with text between", certs.Files{Certificate: in("both.pem")}},
		{"one file and the key once more", certs.Files{Certificate: in("both.pem"), Key: in("tls.key")}},
	} {
		t.Run(test.name, func(t *testing.T) {
			store, err := certs.Open(test.files, certs.Options{})
			if err != nil {
				t.Fatal(texts(err))
			}
			if !store.Current().Certificate.Leaf.Equal(leaf.Leaf) {
				t.Error("another certificate is served")
			}
		})
	}
	_, err := certs.Open(certs.Files{Certificate: in("tls.crt")}, certs.Options{})
	if got := codes(t, err, dir); !cmp.Equal(got, []string{"no-key tls.crt"}) {
		t.Errorf("a certificate alone: %v", got)
	}
}

func TestOddChainIsServedWithAWarning(t *testing.T) {
	top := root(t, "Root")
	stranger := root(t, "Stranger")
	client := issueWith(t, top, minica.Options{Subject: "CN=c", Usage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	for _, test := range []struct {
		name  string
		files folder
		usage certs.Usage
		want  string
	}{
		{"a stranger in the chain", folder{"tls.crt": join(client.PEM(), stranger.PEM()), "tls.key": client.KeyPEM()}, certs.ServerAuth, "did not issue it"},
		{"a client's certificate on a server", pair(client), certs.ClientAuth, "is for clientAuth, not for serverAuth"},
		{"a key in tls.crt", folder{"tls.crt": join(client.PEM(), client.KeyPEM()), "tls.key": client.KeyPEM()}, certs.ServerAuth, "also holds a private key"},
	} {
		t.Run(test.name, func(t *testing.T) {
			store, err := certs.Open(certs.Files{Certificate: plain(t, test.files)}, certs.Options{Usage: test.usage})
			if err != nil {
				t.Fatal(texts(err))
			}
			warnings := store.Current().Warnings
			if len(warnings) != 1 || !strings.Contains(warnings[0], test.want) {
				t.Errorf("warnings %q, want one that says %q", warnings, test.want)
			}
		})
	}
}
