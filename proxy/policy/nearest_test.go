package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sidegate/sidegate/proxy/policy"
	"github.com/sidegate/sidegate/proxy/subject"
)

func TestTheNearestRuleIsExplained(t *testing.T) {
	bySubject := policy.Rule{Name: "digiteal", Subjects: []subject.Name{name(t, acme), name(t, digiteal)}}
	byIssuer := policy.Rule{Name: "issued", Subjects: []subject.Name{name(t, digiteal)}, Issuer: name(t, rootA)}
	byHas := policy.Rule{Name: "has", SubjectHas: []subject.Attribute{attribute(t, "O", "Acme"), attribute(t, "C", "FR")}}
	byName := policy.Rule{Name: "named", Subjects: []subject.Name{name(t, digiteal)}, SAN: policy.SAN{DNS: []string{"a"}}}
	byKey := policy.Rule{Name: "key", Subjects: []subject.Name{name(t, digiteal)}, SPKISHA256: [][32]byte{{1}}}
	byCert := policy.Rule{Name: "cert", Subjects: []subject.Name{name(t, digiteal)}, CertSHA256: [][32]byte{{1}}}
	onlyName := policy.Rule{Name: "any", SAN: policy.SAN{DNS: []string{"a"}}}

	const none = "no rule admits this client"
	for _, test := range []struct {
		rule policy.Rule
		who  string
		want string
	}{
		{bySubject, strings.Replace(digiteal, "Digiteal SA", "Digiteal", 1), `"digiteal": O is "Digiteal" here and "Digiteal SA" in the rule`},
		{bySubject, strings.Replace(digiteal, "ST=Brabant wallon,", "", 1), `"digiteal": ST is absent here and "Brabant wallon" in the rule`},
		{bySubject, strings.Replace(digiteal, ",L=", ",OU=Pay,L=", 1), `"digiteal": OU is "Pay" here and absent in the rule`},
		{bySubject, "C=BE,ST=Brabant wallon,L=Mont-Saint-Guibert,O=Digiteal SA,CN=test.digiteal.eu",
			`"digiteal": the Subject has the same attributes in another order or grouping`},
		{bySubject, "CN=nobody", ""},
		{bySubject, strings.Replace(digiteal, "C=BE", "DC=BE", 1), ""},
		{byIssuer, digiteal, `"issued": the issuer is "CN=Root B,O=Trust,C=BE" here and "CN=Root A,O=Trust,C=BE" in the rule`},
		{byIssuer, acme, ""},
		{byHas, "O=Acme,C=BE", `"has": C is "BE" here and "FR" in the rule`},
		{byHas, "O=Acme", `"has": C is absent here and "FR" in the rule`},
		{byHas, "O=Acme,C=FR,C=FR", `"has": C occurs 2 times here and must occur once`},
		{byHas, "O=Other,C=BE", ""},
		{byName, digiteal, `"named": the Subject is right, the subject alternative names are not`},
		{byKey, digiteal, `"key": the Subject is right, the public key is not a pinned one`},
		{byCert, digiteal, `"cert": the Subject is right, the certificate is not a pinned one`},
		{onlyName, digiteal, ""},
	} {
		p := &policy.Policy{Rules: []policy.Rule{test.rule}}
		want := none
		if test.want != "" {
			want += "; nearest rule " + test.want
		}
		who := &policy.Client{Subject: name(t, test.who), Issuer: name(t, rootB)}
		if got := p.Decide(who, "GET", "/").Detail; got != want {
			t.Errorf("%s:\n got %s\nwant %s", test.who, got, want)
		}
	}
}

func TestTheSearchForTheNearestRuleIsBounded(t *testing.T) {
	p := new(policy.Policy)
	for i := range 2000 {
		dn := fmt.Sprintf("CN=c%d,O=%s,C=BE", i, strings.Repeat("x", 200))
		p.Rules = append(p.Rules, policy.Rule{Name: fmt.Sprint(i), Subjects: []subject.Name{name(t, dn)}})
	}
	last := &policy.Client{Subject: name(t, "CN=c1999,O=y,C=BE")}
	if got := p.Decide(last, "GET", "/").Detail; got != "no rule admits this client" {
		t.Errorf("a rule beyond the bound is named: %s", got)
	}
	first := &policy.Client{Subject: name(t, "CN=c0,O=y,C=BE")}
	got := p.Decide(first, "GET", "/").Detail
	if !strings.Contains(got, `nearest rule "0": O is "y"`) || len(got) > 400 {
		t.Errorf("the nearest rule is explained in %d bytes: %s", len(got), got)
	}
}
