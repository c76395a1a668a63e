package check

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sidegate/sidegate/proxy/certs"
)

// apart says that an intermediate is at hand, but not in the bundle.
func (r *Report) apart(u *unit) {
	for i, p := range u.bundle(r.Now) {
		if p.file == u.leaf.file {
			continue
		}
		f := u.finding(wordMissingIntermediate, Error, u.leaf, fmt.Sprintf("the intermediate %s is not in the bundle; it is at hand, in %q", named(p.cert), p.file.name),
			"join the two into one file, the leaf first; --fix-bundle OUT does it")
		f.bundled = true
		r.add(f)
		if i > 0 {
			return // one is enough: the bundle is written at once
		}
	}
}

// absent says what it means that the bundle ends with a leaf of which no issuer
// is at hand. sure: no peer can find a way to the CAs that were named.
func (r *Report) absent(u *unit, sure bool) {
	leaf := u.leaf.cert
	severity, problem := Note, fmt.Sprintf("the bundle is a certificate alone, issued by %s: if that is an intermediate, it must follow", issuerNamed(leaf))
	fix := "append the intermediate certificate that came with it to the file; if that issuer is a root, all is well"
	switch public := isPublic(leaf); {
	case sure:
		severity = Error
		problem = fmt.Sprintf("no way leads from the certificate to a CA that the peer trusts: its issuer %s is neither in the bundle nor trusted", issuerNamed(leaf))
		fix = "append the intermediate certificate that came with it to the file"
	case public:
		severity, problem = Error, fmt.Sprintf("the intermediate %s is missing: public CAs never issue from a root, and peers know only roots", issuerNamed(leaf))
		fix = "append the intermediate certificate that came with it to the file"
	case len(leaf.IssuingCertificateURL) > 0:
		severity = Warning
	}
	if urls := leaf.IssuingCertificateURL; len(urls) > 0 {
		fix += fmt.Sprintf("; the certificate says that it is to be had at %q, in DER", urls[0])
	}
	f := u.finding(wordMissingIntermediate, severity, u.leaf, problem, fix)
	if severity == Note {
		f.PeersSay = nil
	}
	r.add(f)
}

// isPublic reports whether a CA that browsers trust issued c: it carries one of
// the certificate policies of the CA/Browser Forum (2.23.140.1.2.*, and
// 2.23.140.1.1 for extended validation).
func isPublic(c *x509.Certificate) bool {
	return slices.ContainsFunc(c.PolicyIdentifiers, func(oid asn1.ObjectIdentifier) bool {
		text := oid.String()
		return text == "2.23.140.1.1" || strings.HasPrefix(text, "2.23.140.1.2.")
	})
}

// barred says that an issuer is at hand that signed the top of the path, but may
// not sign at all.
func (r *Report) barred(u *unit, s *search) {
	top := u.path[len(u.path)-1].cert
	if selfIssued(top) {
		return
	}
	for _, p := range u.spare {
		if !bytes.Equal(p.cert.RawSubject, top.RawIssuer) || mayIssue(p.cert) || !s.keyFits(p.cert, top) {
			continue
		}
		lack := "it is no CA (basicConstraints)"
		if p.cert.IsCA {
			lack = "its keyUsage lacks keyCertSign"
		}
		u.barred = true
		r.add(u.finding(certs.ReasonBadChain, Error, u.leaf, fmt.Sprintf("the issuer %s is at hand, in %q, but may not issue certificates: %s", named(p.cert), p.file.name, lack),
			"ask the issuer for a certificate below one of its CAs"))
		return
	}
}

// mayIssue reports whether c may sign certificates (RFC 5280 §4.2.1.3, §4.2.1.9).
// Before there were extensions, everybody might.
func mayIssue(c *x509.Certificate) bool {
	return c.Version < 3 || c.IsCA && (c.KeyUsage == 0 || c.KeyUsage&x509.KeyUsageCertSign != 0)
}

// keyFits reports whether the key of parent signed child, whatever it may.
func (s *search) keyFits(parent, child *x509.Certificate) bool {
	if s.checks == 0 || oversized(parent) {
		return false
	}
	s.checks--
	err := parent.CheckSignature(child.SignatureAlgorithm, child.RawTBSCertificate, child.Signature)
	var insecure x509.InsecureAlgorithmError
	return err == nil || errors.As(err, &insecure)
}
