package policy

import (
	"fmt"
	"slices"
)

// A Policy is an ordered list of rules. The zero Policy allows nobody, and so
// does a nil one.
type Policy struct{ Rules []Rule }

// BindsRequest reports whether any rule of p has a condition on the request: a
// method or a path.
func (p *Policy) BindsRequest() bool {
	return p != nil && slices.ContainsFunc(p.Rules, func(r Rule) bool { return r.bindsRequest() })
}

// A Reason is a word that says why a request is refused. It may be shown to the
// client.
type Reason string

// The reasons of this package.
const (
	SubjectNotAllowed Reason = "subject-not-allowed" // no rule's identity conditions are met
	MethodNotAllowed  Reason = "method-not-allowed"  // no rule for this client has the method
	PathNotAllowed    Reason = "path-not-allowed"    // a rule for this client has the method, but not the path
	PathAmbiguous     Reason = "path-ambiguous"      // the policy has path conditions and servers disagree about this path
)

// A Decision is the verdict on one request. The zero Decision denies.
type Decision struct {
	Allowed bool
	Rule    string // the rule that allowed it
	Reason  Reason // why not, else empty
	Detail  string // a sentence for the log; never for the client, as it may quote a rule
}

// For returns the Grant of c: the rules of p whose identity conditions c meets.
func (p *Policy) For(c *Client) Grant {
	if p == nil || len(p.Rules) == 0 || c == nil {
		return Grant{}
	}
	who := candidate{c, c.Subject.Attributes()}
	var g Grant
	final := false // a rule allows every request, so that later ones do not matter
	for i := range p.Rules {
		r := &p.Rules[i]
		g.paths = g.paths || len(r.Paths) > 0
		if !final && r.admits(&who) {
			g.rules = append(g.rules, r)
			final = !r.bindsRequest()
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
	rules []*Rule // in the policy's order, up to the first without request conditions
	paths bool    // some rule of the policy has paths, if not one of this client's
	why   string  // why there are no rules
}

// Matched reports whether c meets the identity conditions of any rule. If not,
// Decide refuses every request with [SubjectNotAllowed].
func (g Grant) Matched() bool { return len(g.rules) > 0 }

// Rules returns the rules whose identity conditions c meets, in the order in
// which they are tried, up to the first that has no condition on the request. The
// rules are those of the Policy: they must not be changed.
func (g Grant) Rules() []*Rule { return slices.Clone(g.rules) }

// Decide returns the verdict on a request with the method and the path as it
// was sent (still percent-encoded, without the query). It does not allocate
// when the request is allowed.
//
// If any rule of the Policy has paths, a path is refused as ambiguous that
//   - does not begin with a slash,
//   - has a segment that is "." or "..", alone or before a ";", or an empty
//     segment other than the last,
//   - has an encoded slash, or a backslash or control character in any form,
//   - has a raw space, "?", "#" or byte beyond ASCII,
//   - has a percent sign that is not part of a triplet, or one whose decoding
//     makes another triplet (%252e), or
//   - is not UTF-8 when decoded.
//
// The reasons are looked for in the order subject, ambiguity, path, method.
func (g Grant) Decide(method, rawPath string) Decision {
	if !g.Matched() {
		return g.refuseSubject()
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

func (g Grant) refuseSubject() Decision {
	why := g.why
	if why == "" {
		why = "there are no rules"
	}
	return Decision{Reason: SubjectNotAllowed, Detail: why}
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
