package policy_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sidegate/sidegate/proxy/policy"
	"github.com/sidegate/sidegate/proxy/subject"
)

// let makes the sentence that only Policy.Report lets a request through.
func let(why policy.Reason, who *policy.Client, method, rawPath string) verdict {
	return verdict{policy.Decision{Allowed: true, Reason: why}, who, method, rawPath}
}

// fitting is v about a request that the rule on trial fits.
func fitting(rule string, v verdict) verdict {
	v.want.Fits = rule
	return v
}

func TestReportLetsThroughWhatNoRuleAllows(t *testing.T) {
	p := &policy.Policy{Report: true, Rules: []policy.Rule{named("hook", "alice.example", []string{"POST"}, []string{"/webhook"})}}
	check(t, p,
		allow("hook", alice, "POST", "/webhook"),
		let(policy.PathNotAllowed, alice, "POST", "/other"),
		let(policy.MethodNotAllowed, alice, "GET", "/webhook"),
		let(policy.PathAmbiguous, alice, "POST", "/a/../webhook"),
		let(policy.SubjectNotAllowed, bob, "POST", "/webhook"),
		deny(policy.SubjectNotAllowed, nil, "POST", "/webhook"),
	)
	check(t, &policy.Policy{Report: true}, let(policy.SubjectNotAllowed, alice, "GET", "/"))

	strict := *p
	strict.Report = false
	for _, path := range []string{"/other", "/a/../webhook"} {
		if would, is := p.Decide(alice, "POST", path), strict.Decide(alice, "POST", path); would.Reason != is.Reason || would.Detail != is.Detail || is.Allowed {
			t.Errorf("%s: told is %+v, without report it is %+v", path, would, is)
		}
	}
	if g := p.For(bob); g.Empty() || g.Matched() {
		t.Errorf("a client that is let through by report only: empty %v, matched %v", g.Empty(), g.Matched())
	}
	if g := strict.For(bob); !g.Empty() {
		t.Error("a client whom no rule allows is let in for something")
	}
}

func TestReported(t *testing.T) {
	for _, test := range []struct {
		decision policy.Decision
		want     bool
	}{
		{policy.Decision{}, false},
		{policy.Decision{Reason: policy.PathNotAllowed}, false},
		{policy.Decision{Allowed: true, Rule: "a"}, false},
		{policy.Decision{Allowed: true, Reason: policy.PathNotAllowed}, true},
	} {
		if got := test.decision.Reported(); got != test.want {
			t.Errorf("%+v: %v", test.decision, got)
		}
	}
}

// trial is a rule with Report.
func trial(r policy.Rule) policy.Rule {
	r.Report = true
	return r
}

func TestARuleOnTrialSaysWhomItFitsAndAllowsNobody(t *testing.T) {
	get := []string{"GET"}
	p := &policy.Policy{Rules: []policy.Rule{
		trial(named("new", "alice.example", get, []string{"/new/*"})),
		trial(named("newer", "alice.example", nil, nil)),
		trial(named("never tried", "alice.example", get, nil)),
		named("old", "alice.example", get, nil),
	}}
	check(t, p,
		fitting("new", allow("old", alice, "GET", "/new/a")),
		fitting("newer", allow("old", alice, "GET", "/old")),
		fitting("newer", deny(policy.MethodNotAllowed, alice, "POST", "/new/a")),
		deny(policy.SubjectNotAllowed, bob, "GET", "/new/a"),
		// Without its trial the rule would have this path refused; on trial it does not.
		fitting("newer", allow("old", alice, "GET", "/new/../x")),
	)
	check(t, &policy.Policy{Report: true, Rules: p.Rules}, fitting("newer", let(policy.MethodNotAllowed, alice, "POST", "/")))

	only := &policy.Policy{Rules: p.Rules[:2]}
	check(t, only, fitting("new", deny(policy.SubjectNotAllowed, alice, "GET", "/new/a")))
	if g := only.For(alice); g.Matched() || !g.Empty() || len(g.Rules()) != 0 || only.BindsRequest() {
		t.Errorf("matched %v, empty %v, %d rules, binds the request %v", g.Matched(), g.Empty(), len(g.Rules()), only.BindsRequest())
	}
	if detail := only.Decide(dns("alice.example."), "GET", "/").Detail; detail != "no rule admits this client" {
		t.Errorf("a rule on trial is named as the nearest: %s", detail)
	}
}

func TestAnAmbiguousPathFitsNoRuleOnTrialWherePathsCount(t *testing.T) {
	p := &policy.Policy{Rules: []policy.Rule{trial(named("new", "alice.example", nil, nil)), named("old", "alice.example", nil, []string{"/*"})}}
	check(t, p, fitting("new", allow("old", alice, "GET", "/a")), deny(policy.PathAmbiguous, alice, "GET", "/a/../b"))
}

func TestAllowedRequestsDoNotAllocateWithDenialsAndTrials(t *testing.T) {
	p := &policy.Policy{
		Deny:  []policy.Denial{{Name: "d", Subjects: []subject.Name{name(t, acme)}}},
		Rules: []policy.Rule{trial(named("new", "alice.example", nil, []string{"/w%C3%A9b", "/webhook"})), named("hook", "alice.example", []string{"POST"}, []string{"/webhook"})},
	}
	for _, p.Report = range []bool{false, true} {
		grant := p.For(alice)
		var d policy.Decision
		allocs := testing.AllocsPerRun(100, func() { d = grant.Decide("POST", "/webhook") })
		if d.Rule != "hook" || d.Fits != "new" || allocs != 0 {
			t.Errorf("%+v with %v allocations, want none", d, allocs)
		}
	}
}

func TestDeadRules(t *testing.T) {
	a, b := name(t, acme), name(t, digiteal)
	has := []subject.Attribute{attribute(t, "O", "Acme")}
	p := &policy.Policy{
		Deny: []policy.Denial{
			{Name: "a", Subjects: []subject.Name{a}}, {Name: "again", Subjects: []subject.Name{a}},
			{Name: "pins", CertSHA256: [][32]byte{{1}}}, {Name: "keys", SPKISHA256: [][32]byte{{2}, {3}}},
		},
		Rules: []policy.Rule{
			{Name: "denied", Subjects: []subject.Name{a}},
			{Name: "half denied", Subjects: []subject.Name{a, b}},
			{Name: "certificate", CertSHA256: [][32]byte{{1}}, Paths: []string{"/"}},
			{Name: "keys", SPKISHA256: [][32]byte{{2}, {3}}},
			{Name: "another key", SPKISHA256: [][32]byte{{2}, {4}}},
			{Name: "narrower", Subjects: []subject.Name{b}, Issuer: name(t, rootA), Methods: []string{"GET"}},
			{Name: "on trial", Subjects: []subject.Name{b}, Report: true},
			{Name: "acme", SubjectHas: has, Methods: []string{"GET"}},
			{Name: "acme again", SubjectHas: has},
			{Name: "acme in France", SubjectHas: append(has[:1:1], attribute(t, "C", "FR"))},
			{Name: "by name", SAN: policy.SAN{DNS: []string{"a.example"}}},
			{Name: "everybody"},
			{Name: "late", Issuer: name(t, rootB)},
		},
	}
	want := []policy.Dead{
		{Name: "denied", Denials: []string{"a"}},
		{Name: "certificate", Denials: []string{"pins"}},
		{Name: "keys", Denials: []string{"keys"}},
		{Name: "narrower", Rule: "half denied"},
		{Name: "acme in France", Rule: "acme again"},
		{Name: "late", Rule: "everybody"},
	}
	if diff := cmp.Diff(want, p.Dead()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	var none *policy.Policy
	if none.Dead() != nil {
		t.Error("no policy has dead rules")
	}
}
