package csr

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sidegate/sidegate/proxy/minica"
)

func block(label string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der})
}

func pkcs8(signer any) []byte {
	return block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(signer)))
}

func written(t *testing.T, content []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "tls.key")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestAKeyThatExistsIsUsedAndLeftAsItIs(t *testing.T) {
	p256 := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	p521 := must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader))
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsa2048 := must(rsa.GenerateKey(rand.Reader, 2048))
	ca := must(minica.New(minica.Options{Key: p256}))
	for _, test := range []struct {
		name    string
		content []byte
		key     crypto.Signer
		label   string
	}{
		{"PKCS #8", pkcs8(p256), p256, "ECDSA P-256"},
		{"PKCS #8 under the name of another", block("RSA PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(p256))), p256, "ECDSA P-256"},
		{"PKCS #8 with Ed25519", pkcs8(ed), ed, "Ed25519"},
		{"PKCS #1", block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsa2048)), rsa2048, "RSA-2048"},
		{"SEC 1 with its curve before it", append(block("EC PARAMETERS", []byte{6, 1, 1}), block("EC PRIVATE KEY", must(x509.MarshalECPrivateKey(p521)))...), p521, "ECDSA P-521"},
		{"with its certificate", append(ca.PEM(), pkcs8(p256)...), p256, "ECDSA P-256"},
	} {
		file := written(t, test.content)
		r, req := made(t, Options{Subject: holderDN, KeyFile: file})
		if !samePublic(test.key.Public(), req.PublicKey) {
			t.Errorf("%s: the request is for another key", test.name)
		}
		if now := must(os.ReadFile(file)); !bytes.Equal(now, test.content) {
			t.Errorf("%s: the file has changed", test.name)
		}
		if !strings.Contains(r.Words(), test.label+", kept, in ") || strings.Contains(r.Done(), "private key") {
			t.Errorf("%s: %s%s", test.name, r.Words(), r.Done())
		}
	}
}

func TestAKeyThatCannotBeUsedIsLeftAsItIs(t *testing.T) {
	p256 := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	good := pkcs8(p256)
	ca := must(minica.New(minica.Options{}))
	for _, test := range []struct {
		name, keyType string
		content       []byte
		want          string
	}{
		{"a passphrase", "", block("ENCRYPTED PRIVATE KEY", []byte{1}), "protected by a passphrase"},
		{"an old passphrase", "", bytes.Replace(good, []byte("KEY-----\n"), []byte("KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: x\n\n"), 1), "protected by a passphrase"},
		{"a certificate", "", ca.PEM(), "a certificate and no private key"},
		{"a public key", "", block("PUBLIC KEY", []byte{1}), "no private key"},
		{"OpenSSH", "", block("OPENSSH PRIVATE KEY", []byte{1}), "the format of OpenSSH"},
		{"two keys", "", append(good, good...), "2 private keys"},
		{"nothing", "", []byte("\n"), "it is empty"},
		{"half a key", "", good[:len(good)/2], "cut short"},
		{"text", "", []byte("secret"), "not PEM"},
		{"rubbish in PEM", "", block("PRIVATE KEY", []byte("secret")), "cannot be decoded"},
		{"a weak key", "", pkcs8(must(rsa.GenerateKey(rand.Reader, 1024))), "RSA of 1024 bits"},
		{"a weak curve", "", pkcs8(must(ecdsa.GenerateKey(elliptic.P224(), rand.Reader))), "the curve P-224"},
		{"a key that cannot sign", "", pkcs8(must(ecdh.X25519().GenerateKey(rand.Reader))), "cannot sign"},
		{"another type than is wanted", "rsa-4096", good, "exists and is ECDSA P-256"},
	} {
		file := written(t, test.content)
		_, err := Make(Options{Subject: holderDN, KeyFile: file, KeyType: test.keyType})
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v, want %q", test.name, err, test.want)
		}
		if now := must(os.ReadFile(file)); !bytes.Equal(now, test.content) {
			t.Errorf("%s: the file has changed", test.name)
		}
	}
}

func TestNewKeysAreOfTheTypeThatIsWanted(t *testing.T) {
	for _, typ := range KeyTypes() {
		r, req := made(t, Options{Subject: holderDN, KeyType: typ})
		if want := must(keyTypeNamed(typ)).label; label(req.PublicKey) != want || !strings.Contains(r.Words(), want+", new, ") {
			t.Errorf("%s: the key is %s", typ, label(req.PublicKey))
		}
	}
}

func TestKeysThatOthersCanReadAreWarnedOf(t *testing.T) {
	file := written(t, pkcs8(must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))))
	for mode, want := range map[os.FileMode]string{0o600: "", 0o400: "", 0o640: "can be read by others", 0o604: "can be read by others", 0o666: "can be written by others"} {
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		r := must(Make(Options{Subject: holderDN, KeyFile: file}))
		if warned := strings.Contains(r.Words(), "by others"); warned != (want != "") || !strings.Contains(r.Words(), want) {
			t.Errorf("mode %o: %s", mode, r.Words())
		}
	}
}
