package policy_test

import (
	"strings"
	"testing"

	"github.com/sidegate/sidegate/proxy/policy"
	"github.com/sidegate/sidegate/proxy/subject"
)

// partner returns a client that every way of a Denial can name.
func partner(t *testing.T) *policy.Client {
	return &policy.Client{Subject: name(t, digiteal), Issuer: name(t, rootA), Serial: "3fa0", Fingerprint: [32]byte{1}, SPKI: [32]byte{2}}
}

func TestADenialWinsOverEveryRule(t *testing.T) {
	for _, test := range []struct {
		way    string
		denial policy.Denial
		detail string
	}{
		{"by Subject", policy.Denial{Subjects: []subject.Name{name(t, acme), name(t, digiteal)}},
			`deny entry "night" names this client by its Subject "CN=test.digiteal.eu,O=Digiteal SA,L=Mont-Saint-Guibert,ST=Brabant wallon,C=BE"`},
		{"by serial number", policy.Denial{Issuer: name(t, rootA), Serials: []string{"01", "3fa0"}},
			`deny entry "night" names this client by its issuer "CN=Root A,O=Trust,C=BE" and serial number "3fa0"`},
		{"by certificate", policy.Denial{CertSHA256: [][32]byte{{9}, {1}}},
			`deny entry "night" names this client by its certificate, SHA-256 01` + strings.Repeat("00", 31)},
		{"by key", policy.Denial{SPKISHA256: [][32]byte{{9}, {2}}},
			`deny entry "night" names this client by its public key, SHA-256 02` + strings.Repeat("00", 31)},
	} {
		t.Run(test.way, func(t *testing.T) {
			test.denial.Name = "night"
			p := &policy.Policy{Deny: []policy.Denial{{Name: "other", Subjects: []subject.Name{name(t, "CN=x")}}, test.denial},
				Rules: []policy.Rule{{Name: "everybody"}, {Name: "trial", Report: true, Paths: []string{"/"}}}}
			for _, p.Report = range []bool{false, true} {
				check(t, p,
					deny(policy.Denied, partner(t), "GET", "/"),
					deny(policy.Denied, partner(t), "GET", "/a/../b"),
					allow("everybody", &policy.Client{Subject: name(t, "CN=bystander"), Issuer: name(t, rootB), Serial: "3fa0"}, "GET", "/x"))
				g := p.For(partner(t))
				if d, denied := g.Denied(); !denied || d.Name != "night" || !g.Empty() || g.Matched() {
					t.Errorf("denied %v by %q, empty %v, matched %v", denied, d.Name, g.Empty(), g.Matched())
				}
				if got := g.Decide("GET", "/").Detail; got != test.detail {
					t.Errorf("the detail is\n%s, want\n%s", got, test.detail)
				}
			}
		})
	}
}

// Half of what names somebody names nobody, and what says nothing neither.
func TestADenialIsExact(t *testing.T) {
	everybody := []policy.Rule{{Name: "everybody"}}
	nameless := &policy.Client{}
	for what, d := range map[string]policy.Denial{
		"nothing":                    {},
		"another issuer":             {Issuer: name(t, rootB), Serials: []string{"3fa0"}},
		"another serial number":      {Issuer: name(t, rootA), Serials: []string{"fa0", "3FA0", "003fa0", ""}},
		"an issuer only":             {Issuer: name(t, rootA)},
		"a serial number only":       {Serials: []string{"3fa0", ""}},
		"part of the Subject":        {Subjects: []subject.Name{name(t, "O=Digiteal SA,C=BE")}},
		"the issuer as the Subject":  {Subjects: []subject.Name{name(t, rootA)}},
		"the key as the certificate": {CertSHA256: [][32]byte{{2}, {}}},
		"the certificate as the key": {SPKISHA256: [][32]byte{{1}, {}}},
		"empty values":               {Subjects: []subject.Name{{}}, Serials: []string{""}, CertSHA256: [][32]byte{{}}, SPKISHA256: [][32]byte{{}}},
	} {
		p := &policy.Policy{Deny: []policy.Denial{d}, Rules: everybody}
		for _, c := range []*policy.Client{partner(t), nameless} {
			if got := p.Decide(c, "GET", "/"); !got.Allowed {
				t.Errorf("a Denial of %s refuses the client %q: %s", what, c.Subject, got.Detail)
			}
		}
	}
}

func TestCheckRefusesADenialThatWouldBePassedOver(t *testing.T) {
	a, serial := []subject.Name{name(t, acme)}, []string{"3fa0"}
	for _, test := range []struct {
		denial policy.Denial
		want   string // empty: it is in order
	}{
		{policy.Denial{Subjects: a}, ""},
		{policy.Denial{Issuer: name(t, rootA), Serials: []string{"00", "01", "80ff"}}, ""},
		{policy.Denial{CertSHA256: [][32]byte{{1}}}, ""},
		{policy.Denial{SPKISHA256: [][32]byte{{1}}}, ""},
		{policy.Denial{}, "names nobody"},
		{policy.Denial{Issuer: name(t, rootA)}, "names nobody"},
		{policy.Denial{Serials: serial}, "a serial number without its issuer"},
		{policy.Denial{Subjects: a, Issuer: name(t, rootA)}, "has an issuer without a serial number"},
		{policy.Denial{Subjects: a, SPKISHA256: [][32]byte{{1}}}, "in more than one way"},
		{policy.Denial{Subjects: a, Issuer: name(t, rootA), Serials: serial}, "in more than one way"},
		{policy.Denial{Subjects: []subject.Name{{}}}, "has an empty value"},
		{policy.Denial{CertSHA256: [][32]byte{{}}}, "has an empty value"},
		{policy.Denial{SPKISHA256: [][32]byte{{1}, {}}}, "has an empty value"},
		{policy.Denial{Issuer: name(t, rootA), Serials: []string{"3FA0"}}, `has the serial number "3FA0", which`},
		{policy.Denial{Issuer: name(t, rootA), Serials: []string{"003f"}}, `has the serial number "003f", which`},
		{policy.Denial{Issuer: name(t, rootA), Serials: []string{"3fa"}}, `has the serial number "3fa", which`},
		{policy.Denial{Issuer: name(t, rootA), Serials: []string{""}}, `has the serial number "", which`},
	} {
		test.denial.Name = "d"
		err := (&policy.Policy{Deny: []policy.Denial{{Subjects: a}, test.denial}}).Check()
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%+v: %v", test.denial, err)
		case test.want != "" && (err == nil || !strings.HasPrefix(err.Error(), `deny entry "d" `) || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%+v: the error is %v, want %s", test.denial, err, test.want)
		}
	}
	var none *policy.Policy
	if err := none.Check(); err != nil {
		t.Errorf("no policy: %v", err)
	}
}

func TestTheDetailOfADenialIsBoundedAndQuoted(t *testing.T) {
	long := name(t, "CN="+strings.Repeat("x", 2000)+"\u00e9")
	p := &policy.Policy{Deny: []policy.Denial{{Name: "a\nb" + strings.Repeat("y", 2000), Subjects: []subject.Name{long}}}}
	d := p.Decide(&policy.Client{Subject: long}, "GET", "/").Detail
	if len(d) > 500 || strings.ContainsAny(d, "\n\u00e9") {
		t.Errorf("%d bytes: %q", len(d), d)
	}
}
