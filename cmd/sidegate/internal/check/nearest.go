package check

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sidegate/sidegate/proxy/policy"
	"github.com/sidegate/sidegate/proxy/subject"
)

// nearest says which rule of p misses c by least, and in what. Where the log of
// a sidecar says it only for one difference, because strangers make it speak, an
// operator who asks is told all.
func nearest(p *policy.Policy, c *policy.Client) string {
	var name string
	var least []string
	for i := range p.Rules {
		rule := &p.Rules[i]
		if rule.Report {
			continue // it lets nobody in
		}
		if misses := missed(rule, c); least == nil || len(misses) < len(least) {
			name, least = rule.Name, misses
		}
	}
	if least == nil {
		return "there is no rule that lets anybody in"
	}
	return fmt.Sprintf("no rule admits it; the nearest, rule %q, %s", name, strings.Join(least, "; it "))
}

// missed returns the conditions on the identity that c does not meet, a clause
// each, of which "rule" is the grammatical subject.
func missed(r *policy.Rule, c *policy.Client) (clauses []string) {
	have := c.Subject.Attributes()
	if len(r.Subjects) > 0 && !meets(policy.Rule{Subjects: r.Subjects}, c) {
		clauses = append(clauses, nearestSubject(r.Subjects, have)...)
	}
	for _, want := range r.SubjectHas {
		if !meets(policy.Rule{SubjectHas: []subject.Attribute{want}}, c) {
			clauses = append(clauses, differ(want.Type, []string{want.Value}, values(have, want.Type)))
		}
	}
	if !r.Issuer.IsZero() && !meets(policy.Rule{Issuer: r.Issuer}, c) {
		clauses = append(clauses, fmt.Sprintf(`wants the issuer "%s", the certificate has "%s"`, r.Issuer, c.Issuer))
	}
	if !meets(policy.Rule{SAN: r.SAN}, c) {
		clauses = append(clauses, fmt.Sprintf("wants other subject alternative names than the certificate has (%s)", listed(slices.Concat(c.DNSNames, c.URIs, c.Emails))))
	}
	if !meets(policy.Rule{SPKISHA256: r.SPKISHA256}, c) {
		clauses = append(clauses, fmt.Sprintf("wants another public key (spkiSHA256), the certificate has %x", c.SPKI))
	}
	if !meets(policy.Rule{CertSHA256: r.CertSHA256}, c) {
		clauses = append(clauses, fmt.Sprintf("wants another certificate (certSHA256), this one is %x", c.Fingerprint))
	}
	return clauses
}

// meets asks the policy itself, about one condition.
func meets(r policy.Rule, c *policy.Client) bool {
	return (&policy.Policy{Rules: []policy.Rule{r}}).For(c).Matched()
}

// tried returns what a rule on trial would be without that.
func tried(r policy.Rule) policy.Rule {
	r.Report = false
	return r
}

// nearestSubject says how the one of names that is most like have differs.
func nearestSubject(names []subject.Name, have []subject.Attribute) (least []string) {
	for _, n := range names {
		if d := differences(n.Attributes(), have); least == nil || len(d) < len(least) {
			least = d
		}
	}
	return least
}

// differences compares two Subjects by the type of their attributes.
func differences(want, have []subject.Attribute) (clauses []string) {
	var types []string
	for _, a := range slices.Concat(want, have) {
		if !slices.Contains(types, a.Type) {
			types = append(types, a.Type)
		}
	}
	for _, t := range types {
		if w, h := values(want, t), values(have, t); !slices.Equal(w, h) {
			clauses = append(clauses, differ(t, w, h))
		}
	}
	if len(clauses) == 0 {
		return []string{"wants the same attributes in another order or grouping"}
	}
	return clauses
}

func values(list []subject.Attribute, typ string) (found []string) {
	for _, a := range list {
		if a.Type == typ {
			found = append(found, a.Value)
		}
	}
	return found
}

// differ words one difference. Values are in ASCII, as two that differ must also
// look different.
func differ(typ string, want, have []string) string {
	wanted, has := "no "+typ, "none"
	if len(want) > 0 {
		wanted = spelled(typ, want)
	}
	if len(have) > 0 {
		has = spelled(typ, have)
	}
	text := fmt.Sprintf("wants %s, the certificate has %s", wanted, has)
	if len(want) == 1 && len(have) == 1 {
		switch w, h := want[0], have[0]; {
		case strings.EqualFold(w, h):
			text += " (upper and lower case differ)"
		case strings.Join(strings.Fields(w), " ") == strings.Join(strings.Fields(h), " "):
			text += " (spaces differ)"
		}
	}
	return text
}

func spelled(typ string, list []string) string {
	var parts []string
	for _, v := range list {
		parts = append(parts, fmt.Sprintf("%s=%+q", typ, v))
	}
	return strings.Join(parts, " and ")
}
