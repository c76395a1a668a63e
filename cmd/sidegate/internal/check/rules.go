package check

import (
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"

	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/config"
	"github.com/sidegate/sidegate/proxy/policy"
	"github.com/sidegate/sidegate/proxy/subject"
)

// oddities returns the warnings of a configuration, but for what [Report.rules]
// finds of its own accord: those that are not there without it.
func oddities(c *config.Config) []string {
	bare := *c
	bare.Ingress = slices.Clone(c.Ingress)
	for i := range bare.Ingress {
		bare.Ingress[i].Report, bare.Ingress[i].Policy = false, nil
	}
	without := bare.Warnings()
	return slices.DeleteFunc(c.Warnings(), func(w string) bool { return !slices.Contains(without, w) })
}

// rules says which rules and deny entries of a listener can never match, under the
// CAs and lists that it has, and what of it is on trial.
func (r *Report) rules(listener string, p *policy.Policy, t *trust) {
	if p == nil {
		return
	}
	say := func(word string, s Severity, problem, fix string) {
		r.add(Finding{Word: word, Severity: s, Listener: listener, Problem: problem, Fix: fix})
	}
	if p.Report {
		say(wordReportOnly, Warning, "report is true: rules refuse nobody, so that every client that a CA in clientCA vouches for is let through, but for the deny entries",
			"set report: false when the log says that the rules are right")
	}
	for _, d := range p.Dead() {
		if d.Rule != "" {
			say(wordRuleShadowed, Warning, fmt.Sprintf("rule %q is never reached: rule %q before it is for the same clients, or more, and for every request", d.Name, d.Rule), "remove one of them, or change their order")
			continue
		}
		say(wordRuleNeverMatches, Warning, fmt.Sprintf("rule %q lets nobody in: whom it names is denied by %s", d.Name, names(d.Denials)), "remove the rule, or the entry under deny")
	}
	for i := range p.Rules {
		rule := &p.Rules[i]
		if rule.Report {
			say(wordReportOnly, Note, fmt.Sprintf("rule %q is on trial (report: true): it lets nobody in", rule.Name), "set report: false when the log says that it fits whom it should")
		}
		if why := contradiction(rule); why != "" {
			say(wordRuleNeverMatches, Warning, fmt.Sprintf("rule %q lets nobody in: %s", rule.Name, why), "make it two rules, or correct one of the conditions")
		}
		r.pins(rule, t, say)
	}
	if t.bundle != nil {
		r.issuers(p, t, say)
	}
}

// A sayer adds a Finding about one listener.
type sayer func(word string, s Severity, problem, fix string)

// names lists the first of them in quotes.
func names(list []string) string {
	const most = 5
	var quoted []string
	for _, name := range list[:min(most, len(list))] {
		quoted = append(quoted, fmt.Sprintf("%q", name))
	}
	text := strings.Join(quoted, ", ")
	if more := len(list) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// contradiction says why no Subject meets a rule, or nothing.
func contradiction(r *policy.Rule) string {
	if len(r.Subjects) == 0 || len(r.SubjectHas) == 0 {
		return ""
	}
	fits := func(n subject.Name) bool {
		return meets(policy.Rule{SubjectHas: r.SubjectHas}, &policy.Client{Subject: n})
	}
	if slices.ContainsFunc(r.Subjects, fits) {
		return ""
	}
	return "no Subject that it names has the attributes that subjectHas wants, each once"
}

// pins says that every certificate that a rule pins is at hand, and passes no more.
func (r *Report) pins(rule *policy.Rule, t *trust, say sayer) {
	why := ""
	for _, pin := range rule.CertSHA256 {
		i := slices.IndexFunc(r.known, func(p placed) bool { return sha256.Sum256(p.cert.Raw) == pin })
		if i < 0 {
			return
		}
		if why = r.over(r.known[i], t); why == "" {
			return
		}
	}
	if why != "" {
		say(wordRuleNeverMatches, Warning, fmt.Sprintf("rule %q lets nobody in: the certificate that certSHA256 pins %s", rule.Name, why),
			"pin the certificate that the client has now, or its key by spkiSHA256, which outlives a renewal that keeps the key")
	}
}

// over says why p will never pass again, or nothing.
func (r *Report) over(p placed, t *trust) string {
	if r.Now.After(p.cert.NotAfter) {
		return fmt.Sprintf("has expired (%s, in %q)", named(p.cert), p.file.name)
	}
	if t.bundle == nil {
		return ""
	}
	u := &unit{leaf: p}
	_, err := t.bundle.Verify(u.presented(), r.Now)
	if reason := refusal(err); reason == certs.ReasonRevoked || reason == certs.ReasonIssuerRevoked {
		return fmt.Sprintf("is revoked (%s, in %q)", named(p.cert), p.file.name)
	}
	return ""
}

// issuers says which rules and deny entries name an issuer that no CA of the
// listener is called. It may be an intermediate that clients bring along; where no
// CA may have one below it, it is not.
func (r *Report) issuers(p *policy.Policy, t *trust, say sayer) {
	closed := !slices.ContainsFunc(t.bundle.Anchors, func(c *x509.Certificate) bool { return !c.MaxPathLenZero })
	severity, unless := Note, ", unless clients bring an intermediate of that name along"
	if closed {
		severity, unless = Warning, ", and none of them may have another below it (pathLenConstraint 0)"
	}
	for i := range p.Rules {
		if rule := &p.Rules[i]; !rule.Issuer.IsZero() && !r.issues(rule.Issuer, t) {
			say(wordRuleNeverMatches, severity, fmt.Sprintf("rule %q lets nobody in: it wants the issuer \"%s\", and no CA in clientCA is called that%s", rule.Name, rule.Issuer, unless), fixIssuer)
		}
	}
	for i := range p.Deny {
		if d := &p.Deny[i]; !d.Issuer.IsZero() && !r.issues(d.Issuer, t) {
			say(wordDenyNeverMatches, severity, fmt.Sprintf("deny entry %q refuses nobody: it is about the issuer \"%s\", and no CA in clientCA is called that%s", d.Name, d.Issuer, unless), fixIssuer)
		}
	}
}

const fixIssuer = "compare the name with what sidegate subject says of the client's certificate; if it is an intermediate's, name its certificate as well, so that it can be looked at"

// issues reports whether a CA is called name: an anchor, or one that is at hand
// and leads to an anchor.
func (r *Report) issues(name subject.Name, t *trust) bool {
	called := func(c *x509.Certificate) bool {
		n, err := subject.FromDER(c.RawSubject)
		return err == nil && n == name
	}
	if slices.ContainsFunc(t.bundle.Anchors, called) {
		return true
	}
	return slices.ContainsFunc(r.known, func(p placed) bool {
		return p.cert.IsCA && called(p.cert) && r.leads(p.cert, t.bundle.Anchors)
	})
}
