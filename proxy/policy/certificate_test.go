package policy_test

import (
	"crypto/sha256"
	"crypto/x509/pkix"
	"encoding/asn1"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/sidegate/sidegate/proxy/minica"
	"github.com/sidegate/sidegate/proxy/policy"
)

func TestClientOf(t *testing.T) {
	ca, err := minica.New(minica.Options{Subject: "CN=Root,C=BE"})
	if err != nil {
		t.Fatal(err)
	}
	cert, err := ca.Issue(minica.Options{Subject: "CN=web,O=Acme", DNS: []string{"web.example"}, Emails: []string{"a@b.example"},
		URIs: []*url.URL{{Scheme: "spiffe", Host: "a", Path: "/b"}}, IPs: []net.IP{net.IPv4(127, 0, 0, 1)}})
	if err != nil {
		t.Fatal(err)
	}
	c, err := policy.ClientOf(cert.Leaf)
	if err != nil {
		t.Fatal(err)
	}
	if c.Subject.String() != "CN=web,O=Acme" || c.Issuer.String() != "CN=Root,C=BE" {
		t.Errorf("%q by %q", c.Subject, c.Issuer)
	}
	if c.Fingerprint != sha256.Sum256(cert.Leaf.Raw) || c.SPKI != sha256.Sum256(cert.Leaf.RawSubjectPublicKeyInfo) || len(c.Serial)%2 != 0 || c.Serial == "" {
		t.Errorf("%x %x %q", c.Fingerprint, c.SPKI, c.Serial)
	}
	if !slices.Equal(c.DNSNames, []string{"web.example"}) || !slices.Equal(c.Emails, []string{"a@b.example"}) ||
		!slices.Equal(c.URIs, []string{"spiffe://a/b"}) || !slices.Equal(c.IPs, []netip.Addr{netip.MustParseAddr("127.0.0.1")}) {
		t.Errorf("%q %q %q %q", c.DNSNames, c.Emails, c.URIs, c.IPs)
	}
}

// Who has no Subject may go by a SAN; who has one that can be read in two ways
// is denied.
func TestClientOfOddSubjects(t *testing.T) {
	ca, err := minica.New(minica.Options{Subject: "CN=Root"})
	if err != nil {
		t.Fatal(err)
	}
	twoLines, err := asn1.Marshal(pkix.RDNSequence{{{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: "a\nCN=b"}}})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		options minica.Options
		denied  bool
	}{
		"no Subject":          {minica.Options{RawSubject: []byte{0x30, 0}, DNS: []string{"a.example"}}, false},
		"two lines":           {minica.Options{RawSubject: twoLines}, true},
		"longer than headers": {minica.Options{Subject: "CN=" + strings.Repeat("x", 4096)}, true},
	} {
		cert, err := ca.Issue(c.options)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := policy.ClientOf(cert.Leaf); (err != nil) != c.denied || got == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestGrantRules(t *testing.T) {
	p := &policy.Policy{Rules: []policy.Rule{{Name: "posts", Methods: []string{"POST"}}, {Name: "all"}, {Name: "never tried"}}}
	var names []string
	for _, r := range p.For(&policy.Client{}).Rules() {
		names = append(names, r.Name)
	}
	if !slices.Equal(names, []string{"posts", "all"}) {
		t.Errorf("got %q", names)
	}
}
