package policy

import (
	"cmp"
	"fmt"
	"slices"
)

// A Policy is who is denied whatever else holds, and an ordered list of rules. The
// zero Policy allows nobody, and so does a nil one.
type Policy struct {
	Deny  []Denial // looked at first
	Rules []Rule

	// Report lets through what no rule allows, and has the Decision say so. Nothing
	// gets past a Denial by it.
	Report bool
}

// BindsRequest reports whether any rule of p has a condition on the request: a
// method or a path. Rules on trial do not count: to add one changes nothing.
func (p *Policy) BindsRequest() bool {
	return p != nil && slices.ContainsFunc(p.Rules, func(r Rule) bool { return !r.Report && r.bindsRequest() })
}

// A Reason is a word that says why a request is refused. It may be shown to the
// client.
type Reason string

// The reasons of this package.
const (
	Denied            Reason = "denied"              // a deny entry names this client
	SubjectNotAllowed Reason = "subject-not-allowed" // no rule's identity conditions are met
	MethodNotAllowed  Reason = "method-not-allowed"  // no rule for this client has the method
	PathNotAllowed    Reason = "path-not-allowed"    // a rule for this client has the method, but not the path
	PathAmbiguous     Reason = "path-ambiguous"      // the policy has path conditions and servers disagree about this path
)

// A Decision is the verdict on one request. The zero Decision denies.
type Decision struct {
	Allowed bool
	Rule    string // the rule that allowed it; empty if Policy.Report alone did
	Reason  Reason // why no rule allows it, else empty; set beside Allowed by Policy.Report
	Detail  string // a sentence for the log; never for the client, as it may quote a rule
	Fits    string // the first rule with Report that fits, if there is one; it allows nothing
}

// Reported reports whether the request was let through by [Policy.Report] alone, and
// would be refused without it.
func (d *Decision) Reported() bool { return d.Allowed && d.Reason != "" }

// For returns the Grant of c: the rules of p whose identity conditions c meets, or
// the Denial that names c. Of a nil Client nothing is known, so that it is let in
// by nothing.
func (p *Policy) For(c *Client) Grant {
	if p == nil || c == nil {
		return Grant{}
	}
	if d, how := p.denial(c); d != nil {
		return Grant{denial: d, why: how}
	}
	g := Grant{report: p.Report}
	if len(p.Rules) == 0 {
		return g
	}
	who := candidate{c, c.Subject.Attributes()}
	for i := range p.Rules {
		r := &p.Rules[i]
		to := &g.rules
		if r.Report {
			to = &g.trial
		} else {
			g.paths = g.paths || len(r.Paths) > 0
		}
		// After a rule that fits every request later ones do not matter.
		final := len(*to) > 0 && !(*to)[len(*to)-1].bindsRequest()
		if !final && r.admits(&who) {
			*to = append(*to, r)
		}
	}
	if len(g.rules) == 0 {
		g.why = p.nearest(&who)
	}
	return g
}

// Decide is For(c).Decide(method, rawPath).
func (p *Policy) Decide(c *Client, method, rawPath string) Decision {
	return p.For(c).Decide(method, rawPath)
}

// A Grant is what one client may do under one Policy: the rules whose identity
// conditions it meets. The zero Grant allows nothing. It is immutable and is
// computed once per connection.
type Grant struct {
	rules  []*Rule // in the policy's order, up to the first without request conditions
	trial  []*Rule // the same of the rules with Report
	paths  bool    // some rule of the policy has paths, if not one of this client's
	report bool    // what the rules refuse is let through
	denial *Denial // that names the client; then there are no rules
	why    string  // why there are no rules
}

// Matched reports whether c meets the identity conditions of any rule that is not
// on trial, and no Denial names it. If not, no rule allows any request.
func (g Grant) Matched() bool { return len(g.rules) > 0 }

// Denied returns the Denial that names c, if one does. Decide then refuses every
// request with the reason [Denied].
func (g Grant) Denied() (Denial, bool) {
	if g.denial == nil {
		return Denial{}, false
	}
	return *g.denial, true
}

// Empty reports whether Decide refuses every request.
func (g Grant) Empty() bool { return !g.Matched() && !g.report }

// Rules returns the rules whose identity conditions c meets, in the order in
// which they are tried, up to the first that has no condition on the request. The
// rules are those of the Policy: they must not be changed.
func (g Grant) Rules() []*Rule { return slices.Clone(g.rules) }

// Decide returns the verdict on a request with the method and the path as it
// was sent (still percent-encoded, without the query). It does not allocate
// when a rule allows the request.
//
// If any rule of the Policy that is not on trial has paths, a path is refused as
// ambiguous that
//   - does not begin with a slash,
//   - has a segment that is "." or "..", alone or before a ";", or an empty
//     segment other than the last,
//   - has an encoded slash, or a backslash or control character in any form,
//   - has a raw space, "?", "#" or byte beyond ASCII,
//   - has a percent sign that is not part of a triplet, or one whose decoding
//     makes another triplet (%252e), or
//   - is not UTF-8 when decoded.
//
// The reasons are looked for in the order denial, subject, ambiguity, path, method.
func (g Grant) Decide(method, rawPath string) Decision {
	d := g.byRules(method, rawPath)
	d.Allowed = d.Allowed || g.report
	d.Fits = g.fits(method, rawPath)
	return d
}

// byRules is the verdict but for what Report adds.
func (g Grant) byRules(method, rawPath string) Decision {
	if !g.Matched() {
		return g.refuseClient()
	}
	if g.paths {
		if fault := pathFault(rawPath); fault != "" {
			return Decision{Reason: PathAmbiguous, Detail: fmt.Sprintf("path %s %s", quote(rawPath), fault)}
		}
	}
	methodFits := false
	for _, r := range g.rules {
		if !r.allowsMethod(method) {
			continue
		}
		methodFits = true
		if r.allowsPath(rawPath) {
			return Decision{Allowed: true, Rule: r.Name}
		}
	}
	return g.refuseRequest(method, rawPath, methodFits)
}

// fits returns the name of the first rule on trial that would allow the request if
// it were not. An ambiguous path is refused as soon as a rule has paths, so that
// none of these would.
func (g Grant) fits(method, rawPath string) string {
	for _, r := range g.trial {
		if !r.allowsMethod(method) || (g.paths || len(r.Paths) > 0) && pathFault(rawPath) != "" {
			continue
		}
		if r.allowsPath(rawPath) {
			return r.Name
		}
	}
	return ""
}

func (g Grant) refuseClient() Decision {
	if g.denial != nil {
		return Decision{Reason: Denied, Detail: g.why}
	}
	return Decision{Reason: SubjectNotAllowed, Detail: cmp.Or(g.why, "there are no rules")}
}

// refuseRequest names the first of the client's rules: with one rule, as most
// clients have, that is the one to mend.
func (g Grant) refuseRequest(method, rawPath string, methodFits bool) Decision {
	rule := quote(g.rules[0].Name)
	if n := len(g.rules) - 1; n > 0 {
		rule += fmt.Sprintf(" and %d more", n)
	}
	if methodFits {
		return Decision{Reason: PathNotAllowed, Detail: fmt.Sprintf(
			"path %s with method %s is not allowed by the rules for this client: %s", quote(rawPath), quote(method), rule)}
	}
	return Decision{Reason: MethodNotAllowed, Detail: fmt.Sprintf(
		"method %s is not allowed by the rules for this client: %s", quote(method), rule)}
}
