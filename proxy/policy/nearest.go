package policy

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/sidegate/sidegate/proxy/subject"
)

// A refused client costs us this search, so it is bounded whatever the policy.
const (
	nearestRules    = 64 // rules looked at
	nearestSubjects = 16 // Subjects looked at in each
	quotedBytes     = 128
)

// nearest says which rule c misses by one condition only, and by how little. A
// certificate renewed with one changed attribute is the usual case of a refused
// client, and the sentence is what its operator has to read.
func (p *Policy) nearest(c *candidate) string {
	for i := range p.Rules[:min(len(p.Rules), nearestRules)] {
		r := &p.Rules[i]
		if r.Report { // to come nearer to it would not help
			continue
		}
		if miss := r.onlyMiss(c); miss != "" {
			return fmt.Sprintf("no rule admits this client; nearest rule %s: %s", quote(r.Name), miss)
		}
	}
	return "no rule admits this client"
}

// onlyMiss explains the one identity condition of r that c does not meet, if it
// is one and near.
func (r *Rule) onlyMiss(c *candidate) string {
	var missed *identityCondition
	for i := range identityConditions {
		if identityConditions[i].met(r, c) {
			continue
		}
		if missed != nil {
			return ""
		}
		missed = &identityConditions[i]
	}
	if missed == nil {
		return ""
	}
	return missed.explain(r, c)
}

func explainSubject(r *Rule, c *candidate) string {
	return nearestSubject(c.attributes, r.Subjects, "the rule")
}

// Difference says how name misses one of the Subjects that are wanted in the place
// where, if it does so by one attribute, or by their order only; else it is empty.
func Difference(name subject.Name, wanted []subject.Name, where string) string {
	return nearestSubject(name.Attributes(), wanted, where)
}

func nearestSubject(here []subject.Attribute, wanted []subject.Name, where string) string {
	for _, want := range wanted[:min(len(wanted), nearestSubjects)] {
		if d := difference(here, want.Attributes(), where); d != "" {
			return d
		}
	}
	return ""
}

func explainSubjectHas(r *Rule, c *candidate) string {
	explained := ""
	for _, want := range r.SubjectHas {
		have, count := c.attribute(want.Type)
		switch {
		case count == 1 && have == want:
			continue
		case explained != "":
			return "" // two attributes are not near
		case count == 0:
			explained = fmt.Sprintf("%s is absent here and %s in the rule", want.Type, quote(want.Value))
		case count > 1:
			explained = fmt.Sprintf("%s occurs %d times here and must occur once", want.Type, count)
		default:
			explained = valuesDiffer(have, want, "the rule")
		}
	}
	return explained
}

func explainIssuer(r *Rule, c *candidate) string {
	return fmt.Sprintf("the issuer is %s here and %s in the rule", quote(c.Issuer.String()), quote(r.Issuer.String()))
}

func explainSAN(r *Rule, _ *candidate) string {
	if len(r.Subjects) == 0 && len(r.SubjectHas) == 0 {
		return "" // any client at all is this near
	}
	return "the Subject is right, the subject alternative names are not"
}

func explainSPKI(r *Rule, _ *candidate) string {
	if len(r.Subjects) == 0 && len(r.SubjectHas) == 0 {
		return ""
	}
	return "the Subject is right, the public key is not a pinned one"
}

func explainCert(r *Rule, _ *candidate) string {
	if len(r.Subjects) == 0 && len(r.SubjectHas) == 0 {
		return ""
	}
	return "the Subject is right, the certificate is not a pinned one"
}

// difference describes how the attributes of two Subjects, one of them in where,
// differ if it is in one attribute, or only in their order.
func difference(here, there []subject.Attribute, where string) string {
	if sameSet(here, there) {
		return "the Subject has the same attributes in another order or grouping"
	}
	for len(here) > 0 && len(there) > 0 && here[0] == there[0] {
		here, there = here[1:], there[1:]
	}
	for len(here) > 0 && len(there) > 0 && here[len(here)-1] == there[len(there)-1] {
		here, there = here[:len(here)-1], there[:len(there)-1]
	}
	switch {
	case len(here) == 1 && len(there) == 1 && here[0].Type == there[0].Type:
		return valuesDiffer(here[0], there[0], where)
	case len(here) == 1 && len(there) == 0:
		return fmt.Sprintf("%s is %s here and absent in %s", here[0].Type, quote(here[0].Value), where)
	case len(here) == 0 && len(there) == 1:
		return fmt.Sprintf("%s is absent here and %s in %s", there[0].Type, quote(there[0].Value), where)
	}
	return ""
}

func valuesDiffer(here, there subject.Attribute, where string) string {
	return fmt.Sprintf("%s is %s here and %s in %s", here.Type, quote(here.Value), quote(there.Value), where)
}

func sameSet(a, b []subject.Attribute) bool {
	order := func(a, b subject.Attribute) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Value, b.Value))
	}
	return len(a) == len(b) && len(a) > 1 &&
		slices.Equal(slices.SortedFunc(slices.Values(a), order), slices.SortedFunc(slices.Values(b), order))
}

// quote returns s as a quoted string of bounded length, fit for a log. It is
// ASCII, for two values that differ must also look different.
func quote(s string) string {
	if len(s) > quotedBytes {
		return fmt.Sprintf("%+q...", s[:quotedBytes])
	}
	return fmt.Sprintf("%+q", s)
}
