package check_test

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/sidegate/sidegate/cmd/sidegate/internal/check"
	"github.com/sidegate/sidegate/proxy/minica"
)

// oversized is a certificate with an RSA key of 8200 bits, which nobody has.
func oversized(t *testing.T, w *world) *x509.Certificate {
	t.Helper()
	n := new(big.Int).SetBit(big.NewInt(1), 8199, 1)
	der, err := x509.CreateCertificate(nil, &x509.Certificate{SerialNumber: big.NewInt(1), Subject: w.leaf.Leaf.Subject, DNSNames: []string{"webhook.example"},
		NotBefore: w.leaf.Leaf.NotBefore, NotAfter: w.leaf.Leaf.NotAfter}, w.issuing.Leaf, &rsa.PublicKey{N: n, E: 65537}, w.issuing.Key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Nothing that a certificate says moves a terminal.
func TestReportIsPlain(t *testing.T) {
	w := newWorld(t)
	evil := "\x1b[31mred\r\nCN=x\u202egpj.exe"
	c := w.issue(minica.Options{DNS: []string{"a\x1b[2Jb.example"}, Change: func(c *x509.Certificate) {
		c.IssuingCertificateURL = []string{"http://ca.example/\x1b[31m"}
		c.Subject.CommonName, c.RawSubject = evil, nil
	}})
	path := w.file("evil.crt", c.PEM())
	o := check.Options{Paths: []string{path, filepath.Join(w.dir, "no\x1b[31m\u202esuch")}, Hosts: []string{"b.example"},
		Client: path, ClientCA: []string{w.file("ca.crt", w.root.PEM())}}
	r := check.Run(o)
	var asJSON bytes.Buffer
	if err := r.WriteJSON(&asJSON); err != nil || !json.Valid(asJSON.Bytes()) {
		t.Fatal(err)
	}
	calendar, err := r.Calendar()
	if err != nil {
		t.Fatal(err)
	}
	for name, out := range map[string]string{"text": text(t, r), "JSON": asJSON.String(), "calendar": strings.ReplaceAll(string(calendar), "\r\n", "\n")} {
		for _, c := range out {
			if c != '\n' && !unicode.IsPrint(c) {
				t.Errorf("the %s has %q in it:\n%q", name, c, out)
				break
			}
		}
		if !strings.Contains(out, "evil.crt") {
			t.Errorf("the %s does not tell of the file:\n%s", name, out)
		}
	}
}

// No private key is ever told, whatever is looked at.
func TestNoKeyIsTold(t *testing.T) {
	w := newWorld(t)
	w.mounted(w.leaf)
	r := check.Run(check.Options{Paths: []string{w.dir + "/tls", w.file("both.pem", w.leaf.KeyPEM(), w.leaf.KeyPEM())}})
	var out bytes.Buffer
	if err := r.WriteJSON(&out); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(w.leaf.KeyPEM())) {
		if line = strings.TrimSpace(line); !strings.HasPrefix(line, "-----") && strings.Contains(out.String()+text(t, r), line) {
			t.Errorf("the report has the line %q of the key", line)
		}
	}
}

func FuzzAnyFile(f *testing.F) {
	w := newWorld(&testing.T{})
	f.Add(w.leaf.ChainPEM())
	f.Add(append(w.leaf.KeyPEM(), w.leaf.PEM()...))
	f.Add(w.leaf.Leaf.Raw)
	f.Add([]byte("apiVersion: v1\nkind: Secret\ntype: kubernetes.io/tls\nmetadata: {name: a}\nstringData: {tls.crt: x}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "file.pem")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		r := check.Run(check.Options{Paths: []string{path}, Certificate: path, Client: path, ClientCA: []string{path}, CA: []string{path}, Hosts: []string{"a.example"}})
		for _, c := range text(t, r) {
			if c != '\n' && !unicode.IsPrint(c) {
				t.Fatalf("%q is in the report", c)
			}
		}
		_, _ = r.Bundle()
		_, _ = r.Calendar()
	})
}

// What the findings have OpenSSL say, it says, where it is installed.
func TestOpenSSLSaysSo(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed")
	}
	w := newWorld(t)
	root := w.file("root.crt", w.root.PEM())
	usage := func(u x509.ExtKeyUsage) *minica.Cert { return w.issue(minica.Options{Usage: []x509.ExtKeyUsage{u}}) }
	noSigning := w.issue(minica.Options{Change: func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign }})
	for word, c := range map[string]struct {
		args  []string
		chain []byte
		look  func(file string) check.Options
	}{
		"missing-intermediate": {[]string{"-CAfile", root}, w.leaf.PEM(), func(f string) check.Options { return check.Options{Certificate: f, CA: []string{root}} }},
		"partial-chain": {[]string{"-CAfile", w.file("issuing.crt", w.issuing.PEM())}, w.leaf.PEM(), func(f string) check.Options {
			return check.Options{Certificate: f, CA: []string{w.dir + "/issuing.crt"}}
		}},
		"wrong-usage": {[]string{"-CAfile", root, "-purpose", "sslserver"}, usage(x509.ExtKeyUsageClientAuth).ChainPEM(), func(f string) check.Options {
			return check.Options{Certificate: f, Hosts: []string{"webhook.example"}}
		}},
		"any-usage":      {[]string{"-CAfile", root, "-purpose", "sslserver"}, usage(x509.ExtKeyUsageAny).ChainPEM(), func(f string) check.Options { return check.Options{Certificate: f} }},
		"leaf-key-usage": {[]string{"-CAfile", root, "-purpose", "sslserver"}, noSigning.ChainPEM(), func(f string) check.Options { return check.Options{Certificate: f} }},
		"self-signed":    {[]string{"-CAfile", root}, selfSigned(w).PEM(), func(f string) check.Options { return check.Options{Certificate: f, CA: []string{root}} }},
	} {
		file := w.file(word+".crt", c.chain)
		out, _ := exec.CommandContext(t.Context(), openssl, append(append([]string{"verify", "-untrusted", file}, c.args...), file)...).CombinedOutput()
		f := found(t, check.Run(c.look(file)), word)
		if said := f.PeersSay[len(f.PeersSay)-1]; said.Peer != "OpenSSL" || !strings.Contains(string(out), said.Text) {
			t.Errorf("%s: OpenSSL says\n%s\nthe finding has %q", word, out, f.PeersSay)
		}
	}
}

// A negative serial number keeps Go from reading a certificate at all, so that
// one has to be made by hand.
func TestNegativeSerial(t *testing.T) {
	w := newWorld(t)
	der := append([]byte{}, w.issue(minica.Options{Change: func(c *x509.Certificate) { c.SerialNumber = big.NewInt(0x11223344) }}).Leaf.Raw...)
	at := strings.Index(string(der), "\x02\x04\x11\x22\x33\x44")
	if at < 0 {
		t.Fatal("the serial number is not where it was put")
	}
	der[at+2] = 0x91
	r := check.Run(check.Options{Paths: []string{w.file("negative.crt", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))}})
	f := found(t, r, "negative-serial")
	_, err := x509.ParseCertificate(der)
	if err == nil || err.Error() != f.PeersSay[0].Text {
		t.Errorf("Go says %v, the finding has %q", err, f.PeersSay[0].Text)
	}
}
