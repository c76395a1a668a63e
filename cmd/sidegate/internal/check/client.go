package check

import (
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/policy"
)

// An Admission is what would become of a client at one listener.
type Admission struct {
	Listener string   `json:"listener,omitempty"`
	File     string   `json:"file"`
	Subject  string   `json:"subject"`
	Verified bool     `json:"verified"` // a CA of the listener vouches for it
	Admitted bool     `json:"admitted"` // and a rule lets it in, for some requests at least
	Reason   string   `json:"reason,omitempty"`
	DeniedBy string   `json:"deniedBy,omitempty"` // the name of the deny entry that refuses it
	Revoked  *Revoked `json:"revoked,omitempty"`  // the entry of a list that refuses it

	// ReportOnly is set if "report: true" of the listener lets it through, and
	// nothing else does. OnTrial are the rules with "report: true" that would let it in.
	ReportOnly bool     `json:"reportOnly"`
	OnTrial    []string `json:"onTrial"`

	Rules []Permission `json:"rules"` // those that let it in, in the order in which they are tried
	Allow string       `json:"allow"` // an entry for "allow:" that lets it in; empty if it has no Subject to go by
}

// A Permission is for which requests a rule lets a client in.
type Permission struct {
	Rule    string   `json:"rule"`
	Methods []string `json:"methods"` // empty: every method
	Paths   []string `json:"paths"`   // empty: every path
}

// client puts the client u to the listener that trusts t and has the rules p, of
// which nil means that none were given.
func (r *Report) client(u *unit, listener string, t *trust, p *policy.Policy) {
	leaf := u.leaf.cert
	a := Admission{Listener: plain(listener), File: plain(u.leaf.file.name), Subject: nameOf(leaf), Rules: []Permission{}, OnTrial: []string{}}
	defer func() { r.Clients = append(r.Clients, a) }()
	at := *u
	at.listener = listener
	if t.bundle == nil {
		a.Reason = t.fault
		return
	}
	if _, err := t.bundle.Verify(at.presented(), r.Now); err != nil {
		a.Reason = r.unverified(&at, t, err)
		if withdrawn := a.Reason == certs.ReasonRevoked; withdrawn || a.Reason == certs.ReasonIssuerRevoked {
			a.Revoked = revoked(t.bundle, at.presented(), withdrawn)
		}
		return
	}
	a.Verified = true
	c, err := policy.ClientOf(leaf)
	if err != nil {
		a.Reason = wordSubjectAmbiguous
		r.add(at.finding(wordSubjectAmbiguous, Error, at.leaf, "the client is not admitted: "+err.Error(), "ask its issuer for a certificate with another Subject"))
		return
	}
	if !c.Subject.IsZero() {
		a.Allow = "- subject: '" + strings.ReplaceAll(c.Subject.String(), "'", "''") + "'"
	}
	if a.Reason = unusable(leaf.PublicKey); a.Reason != "" || p == nil {
		return // there is a finding on the key
	}
	r.asked(&at, &a, p, c)
}

// asked puts a client whom a CA vouches for to the rules.
func (r *Report) asked(u *unit, a *Admission, p *policy.Policy, c *policy.Client) {
	grant := p.For(c)
	for _, rule := range grant.Rules() {
		a.Rules = append(a.Rules, Permission{Rule: plain(rule.Name), Methods: plainAll(rule.Methods), Paths: plainAll(rule.Paths)})
	}
	if a.Admitted = grant.Matched(); a.Admitted {
		return
	}
	if denial, denied := grant.Denied(); denied {
		a.Reason, a.DeniedBy, a.Allow = string(policy.Denied), plain(denial.Name), ""
		verdict := grant.Decide("GET", "/")
		r.add(u.finding(a.Reason, Error, u.leaf, "the client is not admitted: "+verdict.Detail,
			"to let this client in again, take it out of that entry under deny; allow does not win over it"))
		return
	}
	a.Reason = string(policy.SubjectNotAllowed)
	for i := range p.Rules {
		if rule := p.Rules[i]; rule.Report && meets(tried(rule), c) {
			a.OnTrial = append(a.OnTrial, plain(rule.Name))
		}
	}
	severity, problem, fix := Error, "the client is not admitted: ", a.paste()
	if a.ReportOnly = p.Report; a.ReportOnly {
		severity, problem = Warning, "the client is let through by report: true only, and would not be admitted without: "
	}
	problem += nearest(p, c)
	if len(a.OnTrial) > 0 {
		problem += fmt.Sprintf("; rule %q would, if it were not on trial (report: true)", a.OnTrial[0])
	}
	r.add(u.finding(a.Reason, severity, u.leaf, problem, fix))
}

func plainAll(list []string) []string {
	out := []string{}
	for _, s := range list {
		out = append(out, plain(s))
	}
	return out
}

// presented returns what the client sends: its file, the leaf first, without
// whatever else people keep in such files.
func (u *unit) presented() []*x509.Certificate {
	list := []*x509.Certificate{u.leaf.cert}
	for _, p := range u.leaf.file.placed() {
		if p.at != u.leaf.at {
			list = append(list, p.cert)
		}
	}
	return list
}

// unverified says why no CA of the listener vouches for u, and returns the word.
func (r *Report) unverified(u *unit, t *trust, err error) string {
	refusal, ok := errors.AsType[*certs.Refusal](err)
	if !ok {
		refusal = &certs.Refusal{Reason: certs.ReasonBadChain, Detail: err.Error()}
	}
	fix := map[string]string{
		certs.ReasonExpired:     "the client must present a renewed one",
		certs.ReasonNotYetValid: "wait; if that date is past, look at the clock of this machine",
		certs.ReasonWrongUsage:  "set clientCertificateUsage: clientOrServer, with a subject in every rule, if the certificate is a server's; else it must come from a CA and a profile for clientAuth",
		certs.ReasonNotACA:      "list its issuer under clientCA, and pin this one with certSHA256 in a rule",
		certs.ReasonTooLarge:    "have the client send its certificate and its intermediates only",
		certs.ReasonUnknownCA:   r.unknownFix(u, t),
		certs.ReasonBadChain:    "ask its issuer for another certificate",

		certs.ReasonRevoked:       "the client needs another certificate, and another key if that was compromised; if the CA erred, it has to say so in its next list",
		certs.ReasonIssuerRevoked: "the client needs a certificate from another CA",
		certs.ReasonCRLMissing:    "put the list of that CA into crl, or set crlPolicy: whenAvailable",
		certs.ReasonCRLExpired:    "put the present list of that CA into crl; crlGrace, under whenAvailable, lets its clients in for a while",
	}[refusal.Reason]
	if fix == "" {
		fix = "ask its issuer for another certificate"
	}
	r.add(u.finding(refusal.Reason, Error, u.leaf, "the client is not admitted: "+refusal.Detail, fix))
	return refusal.Reason
}

// unknownFix says what would lead from the client to a CA of the listener.
func (r *Report) unknownFix(u *unit, t *trust) string {
	top := u.path[len(u.path)-1].cert
	for _, p := range u.path[1:] {
		if p.file != u.leaf.file && !selfIssued(p.cert) {
			return fmt.Sprintf("have the client send the intermediate %s, which is in %q, after its certificate", named(p.cert), p.file.name)
		}
	}
	name := issuerOf(top)
	fix := fmt.Sprintf("add the certificate of the CA %s to clientCA, if its clients may ask for admission", issuerNamed(top))
	if urls := top.IssuingCertificateURL; len(urls) > 0 && !selfIssued(top) {
		fix += fmt.Sprintf("; it is to be had at %q, in DER", urls[0])
	}
	if len(u.path) == 1 && !slices.ContainsFunc(t.bundle.Anchors, func(c *x509.Certificate) bool { return nameOf(c) == name }) {
		fix += "; or, if that is an intermediate below a CA in clientCA, have the client send it after its certificate"
	}
	return fix
}

func (a *Admission) paste() string {
	if a.Allow == "" {
		return "the certificate has no Subject: admit it by san, spkiSHA256 or certSHA256"
	}
	return "to let this client in, add under allow: " + a.Allow
}

// write tells of a in one line.
func (a *Admission) write(b *strings.Builder) {
	where := ""
	if a.Listener != "" {
		where = " at " + a.Listener
	}
	fmt.Fprintf(b, "client %s%s: %s\n", a.File, where, a.verdict())
}

func (a *Admission) verdict() string {
	switch {
	case a.Admitted:
		var rules []string
		for i := range a.Rules {
			rules = append(rules, a.Rules[i].String())
		}
		return "admitted by " + strings.Join(rules, ", or by ")
	case a.ReportOnly:
		return "let through by report: true only; without it not admitted: " + a.Reason + a.trial()
	case a.DeniedBy != "":
		return fmt.Sprintf("not admitted: %s by the deny entry %q", a.Reason, a.DeniedBy)
	case a.Revoked != nil && a.Reason == certs.ReasonRevoked:
		return fmt.Sprintf("not admitted: %s, by an entry of %s", a.Reason, a.Revoked)
	case a.Revoked != nil:
		return fmt.Sprintf("not admitted: %s, by an entry of %s for %s", a.Reason, a.Revoked, a.Revoked.Subject)
	case a.Verified && a.Reason == "":
		return "a trusted CA vouches for it; there are no rules to ask; " + a.paste()
	case a.Reason != "":
		return "not admitted: " + a.Reason + a.trial()
	}
	return "not admitted"
}

// trial names the rules that would let the client in.
func (a *Admission) trial() string {
	if len(a.OnTrial) == 0 {
		return ""
	}
	return fmt.Sprintf("; admitted by rule %q if that were not on trial (report: true)", a.OnTrial[0])
}

// String names the rule, and the requests that it is limited to.
func (p *Permission) String() string {
	text := fmt.Sprintf("rule %q", p.Rule)
	if len(p.Methods)+len(p.Paths) == 0 {
		return text
	}
	return text + ", only for " + strings.TrimSpace(strings.Join(p.Methods, " or ")+" "+strings.Join(p.Paths, " or "))
}
