package csr

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sidegate/sidegate/proxy/subject"
)

const holderDN = "CN=web.example,O=Acme SA,C=BE"

// must is for what cannot fail unless the test itself is wrong.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// made makes and writes a request and returns it as a CA reads it.
func made(t *testing.T, o Options) (*Request, *x509.CertificateRequest) {
	t.Helper()
	if o.KeyFile == "" {
		o.KeyFile = filepath.Join(t.TempDir(), "new.key")
	}
	r, err := Make(o)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := r.Write(&out); err != nil {
		t.Fatal(err)
	}
	return r, parsed(t, out.Bytes())
}

func parsed(t *testing.T, text []byte) *x509.CertificateRequest {
	t.Helper()
	block, rest := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE REQUEST" || len(rest) > 0 {
		t.Fatalf("no request in %q", text)
	}
	req, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if err := req.CheckSignature(); err != nil {
		t.Fatal(err)
	}
	return req
}

func TestARequestHoldsWhatWasAskedFor(t *testing.T) {
	r, req := made(t, Options{Subject: `/C=BE/O=Société/CN=web.example`, Names: Names{
		DNS:   []string{"web.example", "*.web.example", "WEB.example"},
		IP:    []string{"192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"},
		Email: []string{"ops+web@example.com"},
		URI:   []string{"spiffe://example.org/web", "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"},
	}})
	if got := must(subject.FromDER(req.RawSubject)).String(); got != `CN=web.example,O=Soci\C3\A9t\C3\A9,C=BE` {
		t.Errorf("the Subject is %s", got)
	}
	var ips, uris []string
	for _, ip := range req.IPAddresses {
		ips = append(ips, ip.String())
	}
	for _, uri := range req.URIs {
		uris = append(uris, uri.String())
	}
	got := [][]string{req.DNSNames, ips, req.EmailAddresses, uris}
	want := [][]string{{"web.example", "*.web.example"}, {"192.0.2.1", "2001:db8::1"}, {"ops+web@example.com"},
		{"spiffe://example.org/web", "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(req.Extensions) != 1 {
		t.Errorf("%d extensions; the CA decides on all others", len(req.Extensions))
	}
	for _, line := range []string{"organizationName        \"Société\"\n", "DNS *.web.example\n", "IP 2001:db8::1\n", "email ops+web@example.com\n",
		"URI spiffe://example.org/web\n", "ECDSA P-256, new", "Signature   ECDSA-SHA256\n", "warning: a wildcard"} {
		if !strings.Contains(r.Words(), line) {
			t.Errorf("%q is not in\n%s", line, r.Words())
		}
	}
}

// RFC 5280 appendix A.1 and X.690 §11.6: by tag, without a library's opinion.
func TestStringTypesAndOrderAreThoseOfTheStandard(t *testing.T) {
	_, req := made(t, Options{
		Subject: "emailAddress=o@a.example,serialNumber=1+CN=a.example,O=Acme,DC=example,jurisdictionC=BE,C=BE",
		Names:   Names{DNS: []string{"a.example"}},
	})
	at := 0
	for _, piece := range []string{
		"\x55\x04\x06\x13\x02BE",                                  // countryName, PrintableString
		"\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x03\x13\x02BE",  // jurisdictionCountryName, PrintableString
		"\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19\x16\x07example", // domainComponent, IA5String
		"\x55\x04\x0a\x0c\x04Acme",                                // organizationName, UTF8String
		"\x55\x04\x05\x13\x011",                                   // serialNumber, PrintableString; the shorter of a SET first
		"\x55\x04\x03\x0c\x09a.example",                           // commonName, UTF8String
		"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01\x16\x0bo@a.example", // emailAddress, IA5String
	} {
		i := bytes.Index(req.RawSubject[at:], []byte(piece))
		if i < 0 {
			t.Fatalf("%x is not behind byte %d of %x", piece, at, req.RawSubject)
		}
		at += i + len(piece)
	}
}

func TestTheCommonNameBecomesADNSNameOnlyForWantOfOne(t *testing.T) {
	for _, test := range []struct {
		names Names
		want  []string
		words string
	}{
		{Names{}, []string{"web.example"}, "DNS web.example (from the common name"},
		{Names{IP: []string{"192.0.2.1"}}, []string{"web.example"}, "DNS web.example (from the common name"},
		{Names{DNS: []string{"other.example"}}, []string{"other.example"}, "warning: the common name web.example is not among the names"},
	} {
		r, req := made(t, Options{Subject: holderDN, Names: test.names})
		if diff := cmp.Diff(test.want, req.DNSNames); diff != "" {
			t.Errorf("%v: %s", test.names, diff)
		}
		if !strings.Contains(r.Words(), test.words) {
			t.Errorf("%q is not in\n%s", test.words, r.Words())
		}
	}
}

func TestWordsWarnOfWhatLooksOdd(t *testing.T) {
	for _, test := range []struct{ name, dn, keyType, want string }{
		{"nothing", holderDN, "", ""},
		{"no organization", "CN=web.example,C=BE", "", "warning: there is no organization (O)"},
		{"a unit", "CN=web.example,OU=IT,O=Acme,C=BE", "", "warning: public CAs have not issued OU"},
		{"a person", "CN=Jane,O=Acme,C=BE", "", "warning: the common name Jane is not among the names; public CAs"},
		{"a wildcard as CN", "CN=*.web.example,O=Acme,C=BE", "", "warning: the common name *.web.example is not"},
		{"Ed25519", holderDN, "ed25519", "warning: no public CA issues for Ed25519"},
	} {
		r, _ := made(t, Options{Subject: test.dn, KeyType: test.keyType, Names: Names{DNS: []string{"web.example"}}})
		_, warnings, _ := strings.Cut(r.Words(), "warning: ")
		if test.want == "" && warnings != "" || !strings.Contains("warning: "+warnings, test.want) {
			t.Errorf("%s: %q", test.name, warnings)
		}
	}
}

// refuses checks that what is wrong is told in one line, with what to write
// instead, and that nothing is written.
func refuses(t *testing.T, dn string, names Names, want string) {
	t.Helper()
	dir := t.TempDir()
	_, err := Make(Options{Subject: dn, Names: names, KeyFile: filepath.Join(dir, "key"), Out: filepath.Join(dir, "csr")})
	if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
		t.Errorf("%s, %v: got\n%v\nwant %q", dn, names, err, want)
	}
	if files := must(os.ReadDir(dir)); len(files) > 0 {
		t.Errorf("%s, %v: %s was written", dn, names, files[0].Name())
	}
}

func TestSubjectsThatAreRefused(t *testing.T) {
	long := strings.Repeat("a", 64)
	for _, test := range []struct {
		dn    string
		names Names
		want  string
	}{
		{"", Names{}, "--subject is missing"},
		{"CN=a, O=b", Names{}, "no telling which end is the root"},
		{"CN=Jane", Names{}, "--dns is missing"},
		{"CN=a.example,C=be", Names{}, "--subject: countryName be: country codes have capitals; write BE"},
		{"CN=a.example,C=Belgium", Names{}, "it is not a country code"},
		{"CN=a.example,jurisdictionC=Ä", Names{}, "it is not a country code"},
		{"CN=a" + long, Names{DNS: []string{"a.example"}}, "--subject: commonName a" + long + ": it has 65 characters, and 64 is the limit"},
		{"O=é" + long, Names{DNS: []string{"a.example"}}, "it has 65 characters"},
		{"CN=" + strings.Repeat("é", 400) + ",O=a", Names{DNS: []string{"a.example"}}, "...: it has 400 characters"},
		{"CN=a.example,O=", Names{}, "there is nothing in it"},
		{"CN=a.example,serialNumber=a_b", Names{}, "(a PrintableString)"},
		{"emailAddress=ü@a.example", Names{DNS: []string{"a.example"}}, "(an IA5String)"},
		{"CN=#0500", Names{DNS: []string{"a.example"}}, "it is not text"},
		{"CN=a.example,2.25.329800735698586629295641978511506172918=x", Names{}, "read the request back: "},
	} {
		refuses(t, test.dn, test.names, test.want)
	}
}

func TestNamesThatAreRefused(t *testing.T) {
	for _, test := range []struct {
		names Names
		want  string
	}{
		{Names{DNS: []string{""}}, "--dns \"\": it is empty"},
		{Names{DNS: []string{"192.0.2.1"}}, "it is an IP address; write --ip 192.0.2.1"},
		{Names{DNS: []string{"[::1]"}}, "it is an IP address; write --ip ::1"},
		{Names{DNS: []string{"https://a.example/"}}, "it is a URL"},
		{Names{DNS: []string{"a.example:8443"}}, "write a.example"},
		{Names{DNS: []string{"a.example/x"}}, "it has a path"},
		{Names{DNS: []string{"a.example,b.example"}}, "write --dns before each"},
		{Names{DNS: []string{"a.example b.example"}}, "write --dns before each"},
		{Names{DNS: []string{"ops@a.example"}}, "it is a mailbox"},
		{Names{DNS: []string{"a.example."}}, "no dot stands at the end"},
		{Names{DNS: []string{"a..example"}}, "leave a label empty"},
		{Names{DNS: []string{"bücher.example"}}, "begins with xn--"},
		{Names{DNS: []string{"a_b.example"}}, "no underscore"},
		{Names{DNS: []string{"-a.example"}}, "hyphen"},
		{Names{DNS: []string{"a.*.example"}}, "whole first label"},
		{Names{DNS: []string{"a*.example"}}, "whole first label"},
		{Names{DNS: []string{"*"}}, "whole first label"},
		{Names{DNS: []string{"*.com"}}, "top-level"},
		{Names{DNS: []string{"10.0.0"}}, "its last label is a number"},
		{Names{DNS: []string{strings.Repeat("a", 64) + ".example"}}, "63 is the limit"},
		{Names{DNS: []string{strings.Repeat("a.", 126) + "aa"}}, "253 is the limit"},
		{Names{DNS: []string{"a\x1b[2J.example"}}, `--dns "a\x1b[2J.example": `},
		{Names{IP: []string{"a.example"}}, "it is not an IP address"},
		{Names{IP: []string{"10.0.0.0/8"}}, "it is a range"},
		{Names{IP: []string{"fe80::1%eth0"}}, "write the address without %eth0"},
		{Names{IP: []string{"0.0.0.0"}}, "no client connects to it"},
		{Names{Email: []string{"a.example"}}, "it is not a mailbox"},
		{Names{Email: []string{"Ops <ops@a.example>"}}, "before the @"},
		{Names{Email: []string{"ops@a@b.example"}}, "behind the @"},
		{Names{Email: []string{"o..p@a.example"}}, "before the @"},
		{Names{Email: []string{"ü@a.example"}}, "it is not ASCII"},
		{Names{URI: []string{"spiffe://ü/a"}}, "it is not ASCII"},
		{Names{URI: []string{"/path"}}, "it is not absolute"},
		{Names{URI: []string{"https://u:p@a.example"}}, "a password"},
		{Names{URI: []string{"https://a.example/a b"}}, "write https://a.example/a%20b"},
		{Names{URI: []string{"https://a.example/\n"}}, `"https://a.example/\n": it is not a URI`},
	} {
		refuses(t, holderDN, test.names, test.want)
	}
}

func TestAllThatIsWrongIsToldAtOnce(t *testing.T) {
	_, err := Make(Options{Subject: "CN=a,C=be,O=", KeyFile: t.TempDir(), KeyType: "rsa-1024", Out: "nowhere/csr", Names: Names{DNS: []string{"a_b", "c_d"}}})
	for _, want := range []string{"country", "organizationName", "is a directory", "rsa-1024 is none of ecdsa-p256,", `"nowhere"`, "a_b", "c_d"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
}

// FuzzSubject: whatever text is taken as a Subject, a CA reads the same name.
func FuzzSubject(f *testing.F) {
	for _, dn := range []string{holderDN, "/C=BE/CN=a", "C = BE, O = \"A, B\"", `UID=u+CN=\C3\A9,2.5.4.12=x`, "1.2.3=#0c0141", "dnQualifier=1,DC=a"} {
		f.Add(dn)
	}
	file := filepath.Join(f.TempDir(), "key")
	r := must(Make(Options{Subject: holderDN, KeyFile: file, KeyType: "ed25519"})) // its signatures are the same each time
	if err := r.Write(&bytes.Buffer{}); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, dn string) {
		r, err := Make(Options{Subject: dn, Names: Names{DNS: []string{"a.example"}}, KeyFile: file})
		if err != nil {
			return
		}
		if got, want := must(subject.FromDER(r.signed.RawSubject)), must(subject.Parse(dn)); got != want {
			t.Errorf("%q: %s became %s", dn, want, got)
		}
		for _, c := range r.Words() {
			if c < ' ' && c != '\n' {
				t.Errorf("%q: %U in the words", dn, c)
			}
		}
	})
}
