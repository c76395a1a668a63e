package policy_test

import (
	"strings"
	"testing"

	"github.com/sidegate/sidegate/proxy/policy"
)

var (
	alice = dns("alice.example")
	bob   = dns("bob.example")
	carol = dns("carol.example")
)

// named makes a rule for the client of that DNS name.
func named(rule, dnsName string, methods, paths []string) policy.Rule {
	return policy.Rule{Name: rule, SAN: policy.SAN{DNS: []string{dnsName}}, Methods: methods, Paths: paths}
}

func TestRequests(t *testing.T) {
	get, post := []string{"GET"}, []string{"POST"}
	p := &policy.Policy{Rules: []policy.Rule{
		named("hook", "alice.example", post, []string{"/webhook", "/hooks/*"}),
		named("read", "alice.example", get, nil),
		named("all", "bob.example", nil, nil),
		named("late", "bob.example", nil, []string{"/late"}),
	}}
	check(t, p,
		allow("hook", alice, "POST", "/webhook"),
		allow("hook", alice, "POST", "/hooks/"),
		allow("hook", alice, "POST", "/hooks/a/b"),
		allow("read", alice, "GET", "/anything"),
		deny(policy.PathNotAllowed, alice, "POST", "/other"),
		deny(policy.PathNotAllowed, alice, "POST", "/hooks"),
		deny(policy.MethodNotAllowed, alice, "DELETE", "/webhook"),
		deny(policy.MethodNotAllowed, alice, "DELETE", "/other"),
		deny(policy.MethodNotAllowed, alice, "HEAD", "/webhook"),
		deny(policy.MethodNotAllowed, alice, "post", "/webhook"),
		deny(policy.MethodNotAllowed, alice, "", "/webhook"),

		// The first rule that fits is the one that is named.
		allow("all", bob, "DELETE", "/late"),

		// Ambiguity is for everybody whom a rule admits, and nobody else.
		deny(policy.PathAmbiguous, alice, "GET", "/a/../b"),
		deny(policy.PathAmbiguous, alice, "DELETE", "/a//b"),
		deny(policy.PathAmbiguous, bob, "GET", "*"),
		deny(policy.SubjectNotAllowed, carol, "GET", "/a/../b"),
	)
}

func TestWithoutPathConditionsNoPathIsAmbiguous(t *testing.T) {
	p := &policy.Policy{Rules: []policy.Rule{named("all", "alice.example", []string{"OPTIONS"}, nil)}}
	check(t, p,
		allow("all", alice, "OPTIONS", "*"),
		allow("all", alice, "OPTIONS", "/a/../%2f"),
	)
}

func TestDetailsNameTheRuleAndStayShort(t *testing.T) {
	p := &policy.Policy{Rules: []policy.Rule{
		named("hook", "alice.example", []string{"POST"}, []string{"/webhook"}),
		named("more", "alice.example", []string{"PUT"}, nil),
	}}
	grant := p.For(alice)
	for _, test := range []struct{ method, rawPath, want string }{
		{"GET", "/webhook", `method "GET" is not allowed by the rules for this client: "hook" and 1 more`},
		{"POST", "/x\u202e", `path "/x\u202e" has a character that must be percent-encoded`},
		{"POST", "/x", `path "/x" with method "POST" is not allowed by the rules for this client: "hook" and 1 more`},
	} {
		if got := grant.Decide(test.method, test.rawPath).Detail; got != test.want {
			t.Errorf("%s %s:\n got %s\nwant %s", test.method, test.rawPath, got, test.want)
		}
	}
	long := grant.Decide("POST", "/"+strings.Repeat("\x00", 1<<20)).Detail
	if len(long) > 1000 {
		t.Errorf("the detail of a long path has %d bytes", len(long))
	}
}

func TestAllowedRequestsDoNotAllocate(t *testing.T) {
	p := &policy.Policy{Rules: []policy.Rule{
		named("hook", "alice.example", []string{"POST"}, []string{"/webhook", "/café/*"}),
		named("all", "bob.example", nil, nil),
	}}
	for _, test := range []struct {
		who     *policy.Client
		rawPath string
	}{
		{alice, "/webhook"},
		{alice, "/caf%C3%A9/" + strings.Repeat("%E2%82%AC", 200)},
		{bob, "/webhook"},
	} {
		grant := p.For(test.who)
		var d policy.Decision
		allocs := testing.AllocsPerRun(100, func() { d = grant.Decide("POST", test.rawPath) })
		if !d.Allowed || allocs != 0 {
			t.Errorf("%.20s: %+v with %v allocations, want none", test.rawPath, d, allocs)
		}
	}
}

func BenchmarkDecide(b *testing.B) {
	hook := named("hook", "alice.example", []string{"POST"}, []string{"/webhook"})
	for name, p := range map[string]*policy.Policy{
		"identity": {Rules: []policy.Rule{named("all", "alice.example", nil, nil)}},
		"path":     {Rules: []policy.Rule{hook}},
	} {
		b.Run(name, func(b *testing.B) {
			grant := p.For(alice)
			b.ReportAllocs()
			for b.Loop() {
				if !grant.Decide("POST", "/webhook").Allowed {
					b.Fatal("denied")
				}
			}
		})
	}
}
