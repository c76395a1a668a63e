package csr

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sidegate/sidegate/proxy/minica"
	"github.com/sidegate/sidegate/proxy/subject"
)

func issued(o minica.Options) *x509.Certificate {
	return must(must(minica.New(minica.Options{})).Issue(o)).Leaf
}

// vectors are certificates with awkward Subjects, by the name of their file.
func vectors(t *testing.T) map[string]*x509.Certificate {
	t.Helper()
	files := must(filepath.Glob("../../../../proxy/subject/testdata/dn-vectors/*.pem"))
	if len(files) < 16 {
		t.Fatalf("only %d vectors found", len(files))
	}
	certs := map[string]*x509.Certificate{}
	for _, file := range files {
		block, _ := pem.Decode(must(os.ReadFile(file)))
		certs[filepath.Base(file)] = must(x509.ParseCertificate(block.Bytes))
	}
	return certs
}

func TestARenewalHasTheSubjectByteForByte(t *testing.T) {
	for name, current := range vectors(t) {
		_, req := made(t, Options{Current: current, KeyType: "ecdsa-p256", Names: Names{DNS: []string{"a.example"}}})
		if !bytes.Equal(req.RawSubject, current.RawSubject) {
			t.Errorf("%s: %x became %x", name, current.RawSubject, req.RawSubject)
		}
	}
}

// What OpenSSL reads is what was asked for, and the signature is good to it.
func TestOpenSSLAgrees(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("there is no openssl")
	}
	for name, current := range vectors(t) {
		dn := must(subject.FromDER(current.RawSubject))
		file := filepath.Join(t.TempDir(), "csr")
		r := must(Make(Options{Subject: dn.String(), KeyFile: filepath.Join(t.TempDir(), "key"), Out: file,
			Names: Names{DNS: []string{"a.example"}, IP: []string{"192.0.2.1"}}}))
		if err := r.Write(nil); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), openssl, "req", "-in", file, "-noout", "-text", "-verify", "-nameopt", "RFC2253").CombinedOutput()
		if err != nil || !bytes.Contains(out, []byte("verify OK")) || !bytes.Contains(out, []byte("DNS:a.example, IP Address:192.0.2.1")) {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
		_, line, _ := strings.Cut(string(out), "Subject: ")
		line, _, _ = strings.Cut(line, "\n")
		if got, err := subject.Parse(line); err != nil || got != dn {
			t.Errorf("%s: openssl reads %q, which is %s, not %s (%v)", name, line, got, dn, err)
		}
	}
}

func TestARenewalHasTheNamesAsTheyAre(t *testing.T) {
	// One more name than crypto/x509 reads: an otherName, as Active Directory has it.
	const other = "\xa0\x0e\x06\x03\x2a\x03\x04\xa0\x07\x0c\x05u@a.b"
	names := "\x82\x0bold.example" + "\x87\x04\xc0\x00\x02\x01" + other
	san := pkix.Extension{Id: oidSAN, Critical: true, Value: append([]byte{0x30, byte(len(names))}, names...)}
	current := issued(minica.Options{Subject: "CN=old.example,O=Acme", Change: func(c *x509.Certificate) { c.ExtraExtensions = []pkix.Extension{san} }})
	r, req := made(t, Options{Current: current})
	if diff := cmp.Diff([]pkix.Extension{san}, req.Extensions); diff != "" {
		t.Error(diff)
	}
	for _, line := range []string{"(byte for byte that of the current certificate)", "DNS old.example\n", "IP 192.0.2.1\n", "1 of other kinds"} {
		if !strings.Contains(r.Words(), line) {
			t.Errorf("%q is not in\n%s", line, r.Words())
		}
	}
}

func TestFlagsReplaceTheirPartOfTheCurrentCertificate(t *testing.T) {
	current := issued(minica.Options{Subject: holderDN, DNS: []string{"web.example"}, IPs: []net.IP{{192, 0, 2, 1}},
		Emails: []string{"a@b.example"}, URIs: []*url.URL{{Scheme: "spiffe", Host: "a", Path: "/b"}}})
	_, req := made(t, Options{Current: current, Subject: "CN=new.example"})
	if must(subject.FromDER(req.RawSubject)).String() != "CN=new.example" || len(req.DNSNames)+len(req.IPAddresses)+len(req.EmailAddresses)+len(req.URIs) != 4 {
		t.Errorf("--subject: %s, %v", req.Subject, req)
	}
	_, req = made(t, Options{Current: current, Names: Names{DNS: []string{"new.example"}}})
	if !bytes.Equal(req.RawSubject, current.RawSubject) || !cmp.Equal(req.DNSNames, []string{"new.example"}) || len(req.IPAddresses)+len(req.EmailAddresses)+len(req.URIs) != 0 {
		t.Errorf("--dns: %s, %v %v", req.Subject, req.DNSNames, req.IPAddresses)
	}
}

func TestTheKeyOfARenewal(t *testing.T) {
	p384 := must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	current := issued(minica.Options{Subject: holderDN, DNS: []string{"web.example"}, Key: p384})
	for _, test := range []struct{ name, file, keyType, want string }{
		{"a new one is of the same type", "", "", "ECDSA P-384, new, goes to"},
		{"or of the type that is wanted", "", "ed25519", "Ed25519, new, goes to"},
		{"and said to replace", "", "", ": replaces that of the current certificate\n"},
		{"the same is kept", written(t, pkcs8(p384)), "", ": that of the current certificate\n"},
		{"another is said to be another", written(t, pkcs8(must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)))), "", ": not that of the current certificate\n"},
	} {
		r, _ := made(t, Options{Current: current, KeyFile: test.file, KeyType: test.keyType})
		if !strings.Contains(r.Words(), test.want) {
			t.Errorf("%s: %q is not in\n%s", test.name, test.want, r.Words())
		}
	}
	weak := issued(minica.Options{Subject: holderDN, DNS: []string{"web.example"}, Key: must(rsa.GenerateKey(rand.Reader, 1024))})
	if _, err := Make(Options{Current: weak, KeyFile: filepath.Join(t.TempDir(), "key")}); err == nil || !strings.Contains(err.Error(), "is RSA-1024, of which no new one is made here; choose with --key-type") {
		t.Errorf("a weak key: %v", err)
	}
}

func TestSubjectsThatCannotBeShownAreNotRenewed(t *testing.T) {
	nameless := issued(minica.Options{RawSubject: []byte{0x30, 0}, DNS: []string{"a.example"}})
	r, req := made(t, Options{Current: nameless})
	if !bytes.Equal(req.RawSubject, nameless.RawSubject) || !strings.Contains(r.Words(), "Subject     none") {
		t.Errorf("without a Subject: %x\n%s", req.RawSubject, r.Words())
	}
	twoLines := []byte("\x30\x10\x31\x0e\x30\x0c\x06\x03\x55\x04\x03\x0c\x05a\nb=c")
	bad := issued(minica.Options{RawSubject: twoLines, DNS: []string{"a.example"}})
	if _, err := Make(Options{Current: bad, KeyFile: filepath.Join(t.TempDir(), "key")}); err == nil || !strings.Contains(err.Error(), "write another with --subject") {
		t.Errorf("a line end: %v", err)
	}
}
