package policy_test

import (
	"net/netip"
	"testing"

	"github.com/sidegate/sidegate/proxy/policy"
	"github.com/sidegate/sidegate/proxy/subject"
)

const (
	digiteal = "CN=test.digiteal.eu,O=Digiteal SA,L=Mont-Saint-Guibert,ST=Brabant wallon,C=BE"
	acme     = "CN=pay.acme.example,O=Acme,C=FR"
	rootA    = "CN=Root A,O=Trust,C=BE"
	rootB    = "CN=Root B,O=Trust,C=BE"
)

// name reads a Subject.
func name(t testing.TB, s string) subject.Name {
	t.Helper()
	n, err := subject.Parse(s)
	if err != nil {
		t.Fatalf("subject of the test: %v", err)
	}
	return n
}

// attribute makes one type and value of a Subject.
func attribute(t testing.TB, typ, value string) subject.Attribute {
	t.Helper()
	a, err := subject.NewAttribute(typ, value)
	if err != nil {
		t.Fatalf("attribute of the test: %v", err)
	}
	return a
}

// A verdict is a sentence about a policy: allow("rule", who, "POST /path").
type verdict struct {
	want    policy.Decision
	who     *policy.Client
	method  string
	rawPath string
}

func allow(rule string, who *policy.Client, method, rawPath string) verdict {
	return verdict{policy.Decision{Allowed: true, Rule: rule}, who, method, rawPath}
}

func deny(why policy.Reason, who *policy.Client, method, rawPath string) verdict {
	return verdict{policy.Decision{Reason: why}, who, method, rawPath}
}

// check puts every sentence to p, at once and by way of a Grant.
func check(t *testing.T, p *policy.Policy, verdicts ...verdict) {
	t.Helper()
	for _, v := range verdicts {
		got := p.Decide(v.who, v.method, v.rawPath)
		if viaGrant := p.For(v.who).Decide(v.method, v.rawPath); viaGrant != got {
			t.Errorf("%s %s: the Grant says %+v, the Policy %+v", v.method, v.rawPath, viaGrant, got)
		}
		if (got.Reason != "") != (got.Detail != "") {
			t.Errorf("%s %s: the reason %q with the detail %q", v.method, v.rawPath, got.Reason, got.Detail)
		}
		got.Detail = ""
		if got != v.want {
			t.Errorf("%s %s: got %+v, want %+v", v.method, v.rawPath, got, v.want)
		}
	}
}

func TestNothingIsAllowedByDefault(t *testing.T) {
	somebody := &policy.Client{DNSNames: []string{"a.example"}}
	var none *policy.Policy

	check(t, none, deny(policy.SubjectNotAllowed, somebody, "GET", "/"))
	check(t, &policy.Policy{}, deny(policy.SubjectNotAllowed, somebody, "GET", "/"))

	everybody := &policy.Policy{Rules: []policy.Rule{{Name: "all"}}}
	check(t, everybody,
		allow("all", somebody, "GET", "/"),
		deny(policy.SubjectNotAllowed, nil, "GET", "/"))

	var zero policy.Grant
	if d := zero.Decide("GET", "/"); d.Allowed || d.Reason != policy.SubjectNotAllowed || zero.Matched() {
		t.Errorf("the zero Grant decides %+v", d)
	}
}

func TestSubjects(t *testing.T) {
	partner := &policy.Client{Subject: name(t, digiteal), Issuer: name(t, rootA)}
	other := &policy.Client{Subject: name(t, acme), Issuer: name(t, rootA)}
	nameless := &policy.Client{DNSNames: []string{"a.example"}}
	p := &policy.Policy{Rules: []policy.Rule{
		{Name: "partners", Subjects: []subject.Name{name(t, acme), name(t, digiteal)}},
	}}
	check(t, p,
		allow("partners", partner, "GET", "/"),
		allow("partners", other, "DELETE", "*"),
		deny(policy.SubjectNotAllowed, nameless, "GET", "/"),
		deny(policy.SubjectNotAllowed, &policy.Client{Subject: name(t, "O=Digiteal SA,C=BE")}, "GET", "/"),
		// The text of one attribute is not an attribute of its own.
		deny(policy.SubjectNotAllowed, &policy.Client{Subject: name(t, `O=CN\=test.digiteal.eu`)}, "GET", "/"),
		deny(policy.SubjectNotAllowed, &policy.Client{Subject: name(t, digiteal+",DC=extra")}, "GET", "/"),
	)

	mistake := &policy.Policy{Rules: []policy.Rule{{Name: "empty", Subjects: []subject.Name{{}}}}}
	check(t, mistake, deny(policy.SubjectNotAllowed, nameless, "GET", "/"))
}

func TestSubjectHas(t *testing.T) {
	p := &policy.Policy{Rules: []policy.Rule{{Name: "org", SubjectHas: []subject.Attribute{
		attribute(t, "O", "Digiteal SA"), attribute(t, "C", "BE"),
	}}}}
	client := func(dn string) *policy.Client { return &policy.Client{Subject: name(t, dn)} }
	check(t, p,
		allow("org", client(digiteal), "GET", "/"),
		allow("org", client("O=Digiteal SA,C=BE"), "GET", "/"),
		allow("org", client("CN=x+O=Digiteal SA,C=BE"), "GET", "/"),
		deny(policy.SubjectNotAllowed, client("O=Digiteal SA"), "GET", "/"),
		deny(policy.SubjectNotAllowed, client("O=digiteal sa,C=BE"), "GET", "/"),
		deny(policy.SubjectNotAllowed, client("O=Digiteal SA,O=Acme,C=BE"), "GET", "/"),
		deny(policy.SubjectNotAllowed, client("O=Digiteal SA,O=Digiteal SA,C=BE"), "GET", "/"),
		deny(policy.SubjectNotAllowed, client("OU=Digiteal SA,C=BE"), "GET", "/"),
		deny(policy.SubjectNotAllowed, &policy.Client{}, "GET", "/"),
	)
}

func TestIssuerTellsTwoCAsWithTheSameSubjectApart(t *testing.T) {
	p := &policy.Policy{Rules: []policy.Rule{
		{Name: "a", Subjects: []subject.Name{name(t, digiteal)}, Issuer: name(t, rootA)},
	}}
	check(t, p,
		allow("a", &policy.Client{Subject: name(t, digiteal), Issuer: name(t, rootA)}, "GET", "/"),
		deny(policy.SubjectNotAllowed, &policy.Client{Subject: name(t, digiteal), Issuer: name(t, rootB)}, "GET", "/"),
		deny(policy.SubjectNotAllowed, &policy.Client{Subject: name(t, digiteal)}, "GET", "/"),
		deny(policy.SubjectNotAllowed, &policy.Client{Subject: name(t, acme), Issuer: name(t, rootA)}, "GET", "/"),
	)
}

func TestPins(t *testing.T) {
	key, cert := [32]byte{1}, [32]byte{2}
	p := &policy.Policy{Rules: []policy.Rule{
		{Name: "key", SPKISHA256: [][32]byte{{}, key}},
		{Name: "cert", CertSHA256: [][32]byte{{}, cert}},
	}}
	check(t, p,
		allow("key", &policy.Client{SPKI: key}, "GET", "/"),
		allow("cert", &policy.Client{Fingerprint: cert}, "GET", "/"),
		deny(policy.SubjectNotAllowed, &policy.Client{SPKI: cert, Fingerprint: key}, "GET", "/"),
		// A hash that nobody computed is not a pin that somebody meets.
		deny(policy.SubjectNotAllowed, &policy.Client{}, "GET", "/"),
	)
}

func TestConditionsOfOneRuleAllHaveToHold(t *testing.T) {
	rule := policy.Rule{
		Name:       "strict",
		Subjects:   []subject.Name{name(t, digiteal)},
		SubjectHas: []subject.Attribute{attribute(t, "C", "BE")},
		Issuer:     name(t, rootA),
		SAN:        policy.SAN{DNS: []string{"a.example"}},
		SPKISHA256: [][32]byte{{1}},
		CertSHA256: [][32]byte{{2}},
	}
	meets := policy.Client{
		Subject: name(t, digiteal), Issuer: name(t, rootA), DNSNames: []string{"a.example"},
		SPKI: [32]byte{1}, Fingerprint: [32]byte{2},
	}
	p := &policy.Policy{Rules: []policy.Rule{rule}}
	check(t, p, allow("strict", &meets, "GET", "/"))

	for what, change := range map[string]func(c *policy.Client){
		"Subject":     func(c *policy.Client) { c.Subject = name(t, "CN=x,C=BE") },
		"Issuer":      func(c *policy.Client) { c.Issuer = name(t, rootB) },
		"SAN":         func(c *policy.Client) { c.DNSNames = nil },
		"key":         func(c *policy.Client) { c.SPKI = [32]byte{9} },
		"certificate": func(c *policy.Client) { c.Fingerprint = [32]byte{9} },
	} {
		other := meets
		change(&other)
		if d := p.Decide(&other, "GET", "/"); d.Allowed {
			t.Errorf("a client with another %s is allowed", what)
		}
	}
}

func TestBindsIdentity(t *testing.T) {
	for _, test := range []struct {
		what string
		rule policy.Rule
		want bool
	}{
		{"nothing", policy.Rule{Name: "x", Methods: []string{"GET"}, Paths: []string{"/"}}, false},
		{"an issuer", policy.Rule{Issuer: name(t, rootA)}, false},
		{"a Subject", policy.Rule{Subjects: []subject.Name{name(t, acme)}}, true},
		{"an attribute", policy.Rule{SubjectHas: []subject.Attribute{attribute(t, "O", "Acme")}}, true},
		{"a country", policy.Rule{SubjectHas: []subject.Attribute{attribute(t, "C", "BE")}}, false},
		{"a country and a common name", policy.Rule{SubjectHas: []subject.Attribute{attribute(t, "C", "BE"), attribute(t, "CN", "a")}}, true},
		{"a DNS name", policy.Rule{SAN: policy.SAN{DNS: []string{"a.example"}}}, true},
		{"a URI", policy.Rule{SAN: policy.SAN{URI: []string{"spiffe://a/b"}}}, true},
		{"an address", policy.Rule{SAN: policy.SAN{Email: []string{"a@b"}}}, true},
		{"an IP", policy.Rule{SAN: policy.SAN{IP: []netip.Addr{netip.IPv6Loopback()}}}, true},
		{"a key", policy.Rule{SPKISHA256: [][32]byte{{1}}}, true},
		{"a certificate", policy.Rule{CertSHA256: [][32]byte{{1}}}, true},
	} {
		if got := test.rule.BindsIdentity(); got != test.want {
			t.Errorf("a rule with %s binds the identity: %v, want %v", test.what, got, test.want)
		}
	}
}
