package config

import (
	"net/url"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/sidegate/sidegate/proxy/policy"
	"github.com/sidegate/sidegate/proxy/subject"
)

// newPolicy returns what in says of clients as the proxy asks it. If that does not
// pass validation, it is never used.
func newPolicy(in *Ingress) *policy.Policy {
	p := &policy.Policy{Report: in.Report}
	for i := range in.Deny {
		p.Deny = append(p.Deny, in.Deny[i].policyDenial())
	}
	for i := range in.Allow {
		p.Rules = append(p.Rules, in.Allow[i].policyRule())
	}
	return p
}

// checkEntryName checks the name of an entry at the path. names are those of the
// entries before it, with their paths.
func (v *validator) checkEntryName(at, name string, names map[string]string) {
	v.checkName(at+".name", name)
	if first, ok := names[name]; ok {
		v.addf(at+".name", "%s is the name of %s already; choose another", quote(name), first)
	} else {
		names[name] = at
	}
}

func (v *validator) checkRules(at string, in *Ingress) {
	names := map[string]string{}
	for i := range in.Allow {
		r, p := &in.Allow[i], index(at, i)
		v.checkEntryName(p, r.Name, names)
		v.checkWho(p, r)
		v.checkValues(p, r)
		v.checkAttributes(p+".subjectHas", r.SubjectHas)
		v.checkSAN(p+".san", &r.SAN)
		v.checkMethods(p+".methods", r.Methods)
		for j, text := range r.Paths {
			v.checkPath(index(p+".paths", j), text)
		}
		if in.ClientCertificateUsage == ClientOrServer {
			v.checkBinding(p, r, in.Policy.Rules[i].BindsIdentity())
		}
	}
}

// checkBinding wants rules to bind an identity where server certificates are good
// for clients, because a public CA certifies the servers of everybody.
func (v *validator) checkBinding(at string, r *Rule, bound bool) {
	const mend = "by subject, subjectHas, san, spkiSHA256 or certSHA256, or use clientAuth"
	switch {
	case r.AnyClient:
		v.addf(at+".anyClient", "rule %q would let in every holder of a TLS server certificate, because of clientCertificateUsage: clientOrServer; name the clients "+mend, r.Name)
	case r.namesClient() && !bound:
		v.addf(at, "rule %q does not bind an identity, but clientCertificateUsage: clientOrServer accepts every holder of a TLS server certificate; name the clients "+mend, r.Name)
	}
}

// checkWho wants every rule to say whom it is for: an empty condition must not
// come to mean everybody because a line was deleted.
func (v *validator) checkWho(at string, r *Rule) {
	switch {
	case !r.AnyClient && !r.namesClient():
		v.addf(at, "rule %q names no client; add subject, subjectHas, issuer, san, spkiSHA256 or certSHA256, "+
			"or write anyClient: true to mean everybody whom the clientCA certifies", r.Name)
	case r.AnyClient && r.namesClient():
		v.addf(at+".anyClient", "rule %q names its clients, and says that any will do; remove one of the two", r.Name)
	}
}

// checkValues refuses values that are there and say nothing. No client meets
// them, but whoever made them, in code or by a fingerprint of nothing, should know.
func (v *validator) checkValues(at string, r *Rule) {
	v.checkNames(at+".subject", r.Subject)
	v.checkPins(at+".spkiSHA256", r.SPKISHA256, "a key")
	v.checkPins(at+".certSHA256", r.CertSHA256, "a certificate")
}

func (v *validator) checkNames(at string, names []subject.Name) {
	for i, name := range names {
		if name.IsZero() {
			v.addf(index(at, i), "is empty; write a distinguished name, or remove it")
		}
	}
}

func (v *validator) checkPins(at string, pins []SHA256, of string) {
	for i, pin := range pins {
		if pin == (SHA256{}) {
			v.addf(index(at, i), "is all zeros, which is the digest of nothing; write the digest of %s", of)
		}
	}
}

// checkAttributes refuses a type twice, which no Subject could satisfy.
func (v *validator) checkAttributes(at string, as Attributes) {
	seen := map[string]bool{}
	for _, a := range as {
		if seen[a.Type] {
			v.addf(at, "asks for %s twice, but each must occur exactly once; keep one", quote(a.Type))
		}
		seen[a.Type] = true
	}
}

func (v *validator) checkSAN(at string, s *SAN) {
	for i, name := range s.DNS {
		if !isHostName(strings.TrimPrefix(name, "*.")) {
			v.addf(index(at+".dns", i), "%s is not a DNS name; write it as partner.example, in ASCII (xn--…)", quote(name))
		}
	}
	for i, text := range s.URI {
		if u, err := url.Parse(text); err != nil || u.Scheme == "" || !printable(text) {
			v.addf(index(at+".uri", i), "%s is not a URI with a scheme; write it as spiffe://example.org/web", quote(text))
		}
	}
	for i, text := range s.Email {
		local, domain, ok := strings.Cut(text, "@")
		if !ok || local == "" || !isHostName(domain) || !printable(text) {
			v.addf(index(at+".email", i), "%s is not an address of mail; write it as web@partner.example", quote(text))
		}
	}
	for i, ip := range s.IP {
		if !ip.IsValid() || ip.Zone() != "" {
			v.addf(index(at+".ip", i), "%q cannot stand in a certificate; write an address without a zone", ip)
		}
	}
}

func (v *validator) checkMethods(at string, methods []string) {
	for i, m := range methods {
		p := index(at, i)
		switch {
		case !isToken(m):
			v.addf(p, "%s is not a method; write one such as POST, and several as a list", quote(m))
		case m != strings.ToUpper(m):
			v.addf(p, "%s is in lower case, and methods are case-sensitive; write %q", quote(m), strings.ToUpper(m))
		case m == "CONNECT":
			v.addf(p, "CONNECT is always refused; remove it")
		}
	}
}

// checkPath accepts only paths that some request can match. Requests are matched
// on the decoded path, and what is ambiguous there is refused before.
func (v *validator) checkPath(at, p string) {
	exact := strings.TrimSuffix(p, "/*")
	switch {
	case !strings.HasPrefix(p, "/"):
		v.addf(at, "%s does not start with a slash; write %s", quote(p), quote("/"+p))
	case strings.ContainsAny(p, "?#"):
		v.addf(at, "%s has a query or fragment; write the path only, the query is never compared", quote(p))
	case strings.Contains(p, `\`):
		v.addf(at, "%s has a backslash, which no accepted request has; write slashes", quote(p))
	case strings.Contains(exact, "*"):
		v.addf(at, "%s has a * in the middle; it is a wildcard only as the last segment, as in /hooks/*", quote(p))
	case encoded(p):
		plain, _ := url.PathUnescape(p)
		v.addf(at, "%s is percent-encoded, but paths are compared decoded; write %s", quote(p), quote(plain))
	case strings.Contains(p, "//") || hasDots(p):
		v.addf(at, "%s has an empty or dot segment, which no accepted request has; write %s", quote(p), quote(clean(p)))
	case !utf8.ValidString(p) || strings.ContainsFunc(p, isControl):
		v.addf(at, "%s has a control character or is not UTF-8; remove it", quote(p))
	}
}

// encoded reports whether p has a percent triplet.
func encoded(p string) bool {
	plain, err := url.PathUnescape(p)
	return err == nil && plain != p
}

func hasDots(p string) bool {
	for _, segment := range strings.Split(p, "/") {
		name, _, _ := strings.Cut(segment, ";")
		if name == "." || name == ".." {
			return true
		}
	}
	return false
}

// clean is path.Clean that keeps a final slash.
func clean(p string) string {
	c := path.Clean(p)
	if strings.HasSuffix(p, "/") && c != "/" {
		c += "/"
	}
	return c
}

func isControl(r rune) bool { return r < 0x20 || 0x7f <= r && r < 0xa0 }

// printable reports whether s is visible ASCII, as the IA5Strings of a SAN must be.
func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}
