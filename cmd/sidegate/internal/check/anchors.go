package check

import (
	"crypto/x509"
	"fmt"
	"slices"

	"github.com/sidegate/sidegate/proxy/certs"
)

// peers reads the CA files of the other side. What is odd in them is not ours to
// mend: in a list of all public roots, some have always expired.
func (r *Report) peers(paths []string) *trust {
	before := len(r.Findings)
	t := r.authorities("", certs.Files{CA: paths}, certs.Options{Usage: certs.ClientOrServer})
	for i := range r.Findings[before:] {
		if f := &r.Findings[before+i]; f.Severity == Warning {
			f.Severity = Note
		}
	}
	return t
}

// oddityFixes are what to do about the oddities that do not say it themselves.
var oddityFixes = map[string]string{
	certs.CodeCANotCA:   "put the certificate of its issuer there; a single client is pinned by certSHA256 in a rule",
	certs.CodeCAExpired: "get the present certificate of the CA, or take it out",
	certs.CodeCAUsage:   "take it out, or accept what it issues: clientCertificateUsage: clientOrServer",
	certs.CodeStrayKey:  "take the key out of the file",
	certs.CodeStrayCRL:  "take it out of the file; where lists are to count is crl",
}

// authorities reads CA files and revocation lists, lists what is in them, and says
// what is odd.
func (r *Report) authorities(listener string, files certs.Files, o certs.Options) *trust {
	store, err := certs.Open(files, o)
	if err != nil {
		faults := certs.Faults(err)
		r.faults(listener, faults)
		r.unusable(listener, files, o.Usage)
		return &trust{fault: faults[0].Code}
	}
	t := &trust{bundle: store.Current()}
	h := heard{listener, t.bundle, o}
	held := map[string]*file{}
	var anchors []placed
	for _, item := range t.bundle.Items {
		f := held[item.File]
		if f == nil {
			data, _ := certs.ReadFile(item.File) // it was read a moment ago
			f = &file{name: item.File, Inspection: certs.Inspect(item.File, data)}
			held[item.File] = f
			r.known = append(r.known, f.placed()...)
		}
		anchors = append(anchors, placed{item.Cert, f, max(0, slices.IndexFunc(f.Certificates, item.Cert.Equal))})
	}
	for _, odd := range t.bundle.Oddities {
		if severity, ok := r.severity(odd, h); ok {
			r.add(Finding{Word: odd.Code, Severity: severity, Listener: listener, File: odd.File, Problem: odd.Problem, Fix: fixOf(odd.Code)})
		}
	}
	for _, p := range anchors {
		r.list(p, roleCA)
		r.authority(listener, p)
		r.mute(listener, p)
	}
	if len(files.CRL) > 0 {
		r.lists(h)
		r.passedOver(listener, files.CRL)
	}
	return t
}

func fixOf(code string) string {
	if fix := oddityFixes[code]; fix != "" {
		return fix
	}
	return listFixes[code]
}

// severity says how much an oddity matters, and reports false if there are findings
// of this package's own about it.
func (r *Report) severity(o certs.Oddity, h heard) (s Severity, ok bool) {
	if o.Code == certs.CodeCAConstraints {
		return Note, true
	}
	return r.listSeverity(o, h)
}

// mute says that a CA can vouch for nobody, whoever it certifies: for reasons that
// package certs leaves to the verification.
func (r *Report) mute(listener string, p placed) {
	u := &unit{listener: listener}
	if !mayIssue(p.cert) {
		r.add(u.finding(certs.CodeCAUsage, Warning, p, "its keyUsage lacks keyCertSign (RFC 5280 §4.2.1.3), so no certificate below it can be verified",
			"take it out of clientCA, and put the CA there that issues the certificates"))
	}
	r.critical(u, p)
}

// unusable lists the CAs and revocation lists of which Open has said that they
// cannot be used, and says of each CA why nobody below it passes.
func (r *Report) unusable(listener string, files certs.Files, usage certs.Usage) {
	for _, path := range files.CA {
		for _, f := range r.glance(path) {
			for _, p := range f.placed() {
				if p.cert.IsCA {
					r.list(p, roleCA)
					r.limited(listener, p, usage)
					r.mute(listener, p)
				}
			}
		}
	}
	for _, path := range files.CRL {
		for _, f := range r.glance(path) {
			for _, c := range f.lists {
				by, _ := signer(c, r.known)
				r.show(c, by)
			}
		}
	}
}

// limited says that extended key usages nest: a CA that is limited to others can
// certify nobody for usage.
func (r *Report) limited(listener string, p placed, usage certs.Usage) {
	wanted := map[certs.Usage][]x509.ExtKeyUsage{
		certs.ClientAuth:     {x509.ExtKeyUsageClientAuth},
		certs.ServerAuth:     {x509.ExtKeyUsageServerAuth},
		certs.ClientOrServer: {x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}[usage]
	if slices.ContainsFunc(wanted, func(u x509.ExtKeyUsage) bool { return allows(p.cert, u) }) {
		return
	}
	fix := "take it out, and put a CA there that issues for " + usage.String()
	if usage == certs.ClientAuth && allows(p.cert, x509.ExtKeyUsageServerAuth) {
		fix = oddityFixes[certs.CodeCAUsage]
	}
	u := &unit{listener: listener}
	r.add(u.finding(certs.CodeCAUsage, Warning, p, fmt.Sprintf("the CA is limited to %s: nothing below it can pass %s", listed(usagesOf(p.cert)), usage), fix))
}

// authority says what is, or soon will be, wrong with a CA certificate.
func (r *Report) authority(listener string, p placed) {
	u := &unit{listener: listener}
	if r.soon(p.cert) {
		r.add(u.finding(wordExpiresSoon, Warning, p, fmt.Sprintf("the CA expires in %s; nothing below it passes after that", plural(daysLeft(p.cert, r.Now), "day")),
			"get the present certificate of the CA, and trust both until then"))
	}
}
