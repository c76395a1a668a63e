package certs

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"slices"
	"strings"
)

// anchors understands the CA files. Nothing is trusted by accident: only
// certificates that may issue others become anchors, so that a leaf in a CA
// file neither passes as its own authority nor as anybody's.
func (p *parser) anchors() {
	before := len(p.faults)
	leaves := 0
	for i := range p.ca {
		leaves += p.authority(&p.ca[i])
	}
	if len(p.ca) == 0 || len(p.faults) > before {
		return
	}
	if len(p.out.Anchors) == 0 {
		p.fault(p.noAnchor(leaves))
		return
	}
	p.anchorDates()
	p.anchorUsages()
	p.anchorConstraints()
}

// authority reads one CA file and returns how many certificates of it were left
// out.
func (p *parser) authority(s *source) (leftOut int) {
	certs := p.authorityCerts(s)
	if s.listed && len(certs) > 0 && !mayIssue(certs[0]) {
		p.warn(CodeLeftOut, s.file, "is left out: it starts with %s, which is not a CA; name the file itself to use the CA certificates in it", shownSubject(certs[0]))
		return len(certs)
	}
	var others []string
	for _, c := range certs {
		known := func(a *x509.Certificate) bool { return bytes.Equal(a.Raw, c.Raw) }
		switch {
		case !mayIssue(c):
			others = append(others, shownSubject(c))
		case !slices.ContainsFunc(p.out.Anchors, known):
			p.item(s.file, roleCA, c)
			p.out.Anchors = append(p.out.Anchors, c)
		}
	}
	p.notCAs(s, others)
	return len(others)
}

// notCAs warns of the certificates of a CA file that are no anchors: one line
// for all of them, as somebody may take a list of clients for a list of CAs.
func (p *parser) notCAs(s *source, names []string) {
	const shown = 3
	switch {
	case len(names) == 1:
		p.warn(CodeCANotCA, s.file, "%s is not a CA (basicConstraints CA:FALSE), so it is no trust anchor", names[0])
	case len(names) > 1:
		p.warn(CodeCANotCA, s.file, "%d certificates are not CAs (basicConstraints CA:FALSE), so they are no trust anchors: %s", len(names), few(names, shown))
	}
}

// authorityCerts returns the certificates of a CA file.
func (p *parser) authorityCerts(s *source) []*x509.Certificate {
	if certs, err := x509.ParseCertificates(s.data); err == nil && len(certs) > 0 {
		return certs // DER
	}
	held, fault := s.content()
	switch kind, odd := held.unexpected(blockCRL); {
	case fault != nil:
		p.fault(fault)
		return nil
	case odd:
		p.fault(s.wrongBlock(kind))
		return nil
	case s.listed && len(held.keys) > 0:
		p.warn(CodeLeftOut, s.file, "is left out: it holds a private key, so it is somebody's certificate and no list of CAs")
		return nil
	case len(held.certs) == 0:
		p.fault(&Fault{Code: CodeCAEmpty, File: s.file, Problem: "holds no CA certificate" + instead(held),
			Fix: p.usage.words().putCAs})
		return nil
	case len(held.keys) > 0:
		p.warn(CodeStrayKey, s.file, "also holds a private key: a CA file needs none, and this one should not be here")
	}
	if len(held.other) > 0 {
		p.warn(CodeStrayCRL, s.file, "holds a revocation list, which is not used from a CA file")
	}
	return held.certs
}

func instead(held content) string {
	switch {
	case len(held.keys) > 0:
		return ", only a private key"
	case len(held.other) > 0:
		return ", only a revocation list"
	}
	return ""
}

func (p *parser) caFiles() string {
	var names []string
	for _, s := range p.ca {
		names = append(names, s.file)
	}
	return shorten(strings.Join(names, ", "))
}

// noAnchor explains why nothing of what was read is an anchor; the warnings so
// far say it for each file.
func (p *parser) noAnchor(leaves int) *Fault {
	if leaves == 0 {
		return &Fault{Code: CodeCAEmpty, File: p.caFiles(),
			Problem: "no CA certificate is there: " + p.warned(),
			Fix:     p.usage.words().putCAs}
	}
	return &Fault{Code: CodeCANotCA, File: p.caFiles(),
		Problem: "holds no CA certificate: " + p.warned(),
		Fix:     "put the certificate of the issuer here; " + p.usage.words().pinOne}
}

// warned joins the warnings so far. Of one file that was named itself, the name
// is in front already.
func (p *parser) warned() string {
	all := strings.Join(p.out.Warnings, "; ")
	if len(p.ca) == 1 && !p.ca[0].listed {
		all = strings.ReplaceAll(all, p.ca[0].file+": ", "")
	}
	return shorten(all)
}

// anchorDates warns of anchors out of date, and faults if no other is there.
func (p *parser) anchorDates() {
	var stale []string
	code := ""
	for _, item := range p.out.Items {
		if c, when := outOfDate(item.Cert, p.now); c != "" && item.Role == roleCA {
			code = c
			stale = append(stale, shownSubject(item.Cert)+" "+when)
			p.warn(CodeCAExpired, item.File, "the CA %s %s: no %s below it passes", shownSubject(item.Cert), when, p.usage.words().peer)
		}
	}
	if len(stale) < len(p.out.Anchors) {
		return
	}
	f := &Fault{Code: CodeCAExpired, File: p.caFiles(),
		Problem: "no CA certificate is valid now: " + shorten(strings.Join(stale, "; ")),
		Fix:     "get the present certificates of these CAs"}
	if code == CodeNotYetValid {
		f.Fix += ", and look at the clock of the node"
	}
	p.fault(f)
}

// anchorUsages warns of anchors below which nobody can have the usage wanted:
// extended key usages nest, so a CA limited to serverAuth cannot issue for
// clientAuth, whatever its certificates say. The public CAs that are in
// browsers are all becoming like that.
func (p *parser) anchorUsages() {
	wanted := p.usage.wanted()
	var limited []string
	for _, item := range p.out.Items {
		if item.Role != roleCA || len(nested(wanted, item.Cert)) > 0 {
			continue
		}
		what := fmt.Sprintf("the CA %s is limited to %s", shownSubject(item.Cert), usagesOf(item.Cert))
		limited = append(limited, what)
		p.warn(CodeCAUsage, item.File, "%s: nothing below it can pass %s", what, p.usage)
	}
	if len(limited) < len(p.out.Anchors) {
		return
	}
	f := &Fault{Code: CodeCAUsage, File: p.caFiles(),
		Problem: fmt.Sprintf("no certificate can pass %s: %s", p.usage, shorten(strings.Join(limited, "; "))),
		Fix:     "trust a CA that issues for " + p.usage.String()}
	if p.usage == ClientAuth && slices.ContainsFunc(p.out.Anchors, forServers) {
		f.Fix = "set clientCertificateUsage: clientOrServer, with a subject in every rule, or trust a CA that issues for clientAuth"
	}
	p.fault(f)
}

// nameConstraints is the extension of RFC 5280 §4.2.1.10.
var nameConstraints = asn1.ObjectIdentifier{2, 5, 29, 30}

// anchorConstraints warns of anchors that seem to be fenced in. Constraints on
// directory names are not supported by x509, so a rule on the Subject is outside
// of every fence. Servers are told by their SANs, where the fence holds.
func (p *parser) anchorConstraints() {
	if p.usage == ServerAuth {
		return
	}
	for _, item := range p.out.Items {
		fence := func(e pkix.Extension) bool { return e.Id.Equal(nameConstraints) }
		if item.Role == roleCA && slices.ContainsFunc(item.Cert.Extensions, fence) {
			p.warn(CodeCAConstraints, item.File, "the name constraints of the CA %s fence the SANs of its certificates, not their Subjects: it can issue every Subject that a rule allows",
				shownSubject(item.Cert))
		}
	}
}

func forServers(c *x509.Certificate) bool { return allows(c, x509.ExtKeyUsageServerAuth) }

// mayIssue reports whether c may be a trust anchor: a CA by its basic
// constraints (RFC 5280 §4.2.1.9), or a self-issued certificate of version 1,
// which has none: some private roots are still like that.
func mayIssue(c *x509.Certificate) bool {
	if c.Version < 3 {
		return bytes.Equal(c.RawSubject, c.RawIssuer)
	}
	return c.BasicConstraintsValid && c.IsCA
}
