package probe

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sidegate/sidegate/proxy/certs"
)

// verify verifies what the server sent, and reports whether it is good. With
// --ca that is done as the sidecar does it for an outgoing connection. The roots
// of the system are for people who look: the sidecar itself never trusts them.
func (r *run) verify(now time.Time) bool {
	var chains [][]*x509.Certificate
	var err error
	var word string
	if r.system {
		chains, word, err = verifyBySystem(r.sent, now)
	} else {
		var v certs.Verified
		v, err = r.bundle.Verify(r.sent, now)
		chains = v.Chains
		if refusal, ok := errors.AsType[*certs.Refusal](err); ok {
			word, err = refusal.Reason, errors.Join(refusal.Err)
		}
	}
	if len(chains) == 0 {
		r.unverified(word, err, now)
		return false
	}
	path := &Path{Source: "the roots of this system"}
	for _, c := range chains[0] {
		path.Subjects = append(path.Subjects, subjectOf(c))
	}
	if !r.system {
		path.Source = shown(r.source[string(chains[0][len(chains[0])-1].Raw)], maxShown)
	}
	r.Verified = path
	return true
}

// verifyBySystem verifies sent against the roots of this system. Its words are
// those of package certs.
func verifyBySystem(sent []*x509.Certificate, now time.Time) (chains [][]*x509.Certificate, word string, err error) {
	o := x509.VerifyOptions{Intermediates: x509.NewCertPool(), CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	for _, c := range sent[1:min(len(sent), maxChain)] {
		o.Intermediates.AddCert(c)
	}
	chains, err = sent[0].Verify(o)
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	switch {
	case err == nil:
		return chains, "", nil
	case errors.As(err, &unknown), errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return nil, datedOrUnknown(sent, o, now), err
	case invalid.Cert != nil && invalid.Reason == x509.IncompatibleUsage:
		return nil, certs.ReasonWrongUsage, err
	case invalid.Cert != nil && invalid.Reason == x509.CANotAuthorizedForThisName:
		return nil, certs.ReasonNameConstraints, err
	}
	if _, ok := errors.AsType[x509.SystemRootsError](err); ok {
		return nil, certs.ReasonUnknownCA, err
	}
	return nil, certs.ReasonBadChain, err
}

// datedOrUnknown finds the word where crypto/x509 reports one error of two: an
// expired certificate hides that its CA is unknown, and an expired intermediate
// looks like an unknown CA. So it is asked again for a time at which everything
// that was sent is valid.
func datedOrUnknown(sent []*x509.Certificate, o x509.VerifyOptions, now time.Time) string {
	way := climb(sent[0], sent[1:])
	if weak(way) != nil {
		return certs.ReasonWeakSignature
	}
	late := outOfDate(way, now)
	if late == nil {
		return certs.ReasonUnknownCA
	}
	o.CurrentTime = way[0].NotBefore
	for _, c := range way {
		if c.NotBefore.After(o.CurrentTime) {
			o.CurrentTime = c.NotBefore
		}
	}
	if _, err := sent[0].Verify(o); err != nil {
		return certs.ReasonUnknownCA
	}
	return dateWord(late, now)
}

func dateWord(c *x509.Certificate, now time.Time) string {
	if now.Before(c.NotBefore) {
		return certs.ReasonNotYetValid
	}
	return certs.ReasonExpired
}

// outOfDate returns the first certificate of way that is not valid now, or nil.
func outOfDate(way []*x509.Certificate, now time.Time) *x509.Certificate {
	i := slices.IndexFunc(way, func(c *x509.Certificate) bool { return now.After(c.NotAfter) || now.Before(c.NotBefore) })
	if i < 0 {
		return nil
	}
	return way[i]
}

// weak returns the first certificate of way that is signed with what is broken.
// A root's own signature counts for nothing.
func weak(way []*x509.Certificate) *x509.Certificate {
	for _, c := range way {
		switch c.SignatureAlgorithm {
		case x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1:
			if !selfIssued(c) {
				return c
			}
		}
	}
	return nil
}

// unverified says why the server's certificate is not good, and what to do.
func (r *run) unverified(word string, err error, now time.Time) {
	way := climb(r.sent[0], append(slices.Clone(r.sent[1:]), r.bundle.Anchors...))
	text := ""
	if err != nil {
		text = shown(err.Error(), maxShown)
	}
	late, frail := outOfDate(way, now), weak(way)
	switch {
	case word == certs.ReasonUnknownCA:
		r.unknown()
	case (word == certs.ReasonExpired || word == certs.ReasonNotYetValid) && late != nil:
		r.dated(late, now)
	case word == certs.ReasonWrongUsage:
		r.wrongUsage(way)
	case word == certs.ReasonWeakSignature && frail != nil:
		r.find(Error, word, fmt.Sprintf("%s is signed with %s, which is broken", subjectOf(frail), frail.SignatureAlgorithm), "have a new certificate issued")
	case word == certs.ReasonNameConstraints:
		r.find(Error, word, "a CA above the certificate may not issue for its names: "+text, "have the certificate issued by a CA that may")
	case word == certs.ReasonTooLarge:
		r.find(Error, word, fmt.Sprintf("the server sends %s, more than a chain needs", count(len(r.sent), "certificate")), "send the server's own certificate and its intermediates only")
	default:
		r.find(Error, word, "the chain is not good: "+text, "show this to whoever issued the certificate")
	}
}

// unknown says where the way upwards ends, and what is missing there.
func (r *run) unknown() {
	const goSays = ` ("x509: certificate signed by unknown authority")`
	way := climb(r.sent[0], r.sent[1:])
	top := way[len(way)-1]
	named := slices.ContainsFunc(r.bundle.Anchors, func(a *x509.Certificate) bool { return bytes.Equal(a.RawSubject, top.RawIssuer) })
	give := "; if that is the partner's CA, get its certificate from them in a way that you trust, and give it with --ca"
	switch {
	case named:
		r.find(Error, certs.ReasonUnknownCA, fmt.Sprintf("a CA called %s is trusted, but with another key than the one that signed%s", issuerOf(top), goSays), "get the current certificate of this CA")
	case selfIssued(top) && len(way) == 1:
		r.find(Error, certs.ReasonUnknownCA, fmt.Sprintf("the certificate %s is self-signed and not trusted%s", subjectOf(top), goSays), "have it issued by a CA, and give the certificate of that CA with --ca")
	case selfIssued(top):
		r.find(Error, certs.ReasonUnknownCA, fmt.Sprintf("the chain ends at the root %s, which is not among %s%s", subjectOf(top), r.trust(), goSays), "check whom you called"+give)
	case len(way) == 1:
		r.find(Error, certs.ReasonUnknownCA, fmt.Sprintf("the server sends no intermediate certificate, and the issuer of its own, %s, is not among %s%s", issuerOf(top), r.trust(), goSays),
			"serve the bundled certificate: the server's own, then the intermediate"+download(top)+give)
	default:
		r.find(Error, certs.ReasonUnknownCA, fmt.Sprintf("the chain leads to the issuer %s, which is not among %s%s", issuerOf(top), r.trust(), goSays),
			"if it is an intermediate, the server should send it too"+download(top)+give)
	}
}

// download says where the issuer of c can be had (RFC 5280 §4.2.2.1).
func download(c *x509.Certificate) string {
	if len(c.IssuingCertificateURL) == 0 {
		return ""
	}
	return ", which is at " + shown(c.IssuingCertificateURL[0], maxShown)
}

// dated says which certificate is out of its dates.
func (r *run) dated(late *x509.Certificate, now time.Time) {
	whose := "the server's certificate"
	if !late.Equal(r.sent[0]) {
		whose = "the CA above the server's certificate, " + subjectOf(late) + ","
	}
	if dateWord(late, now) == certs.ReasonNotYetValid {
		r.find(Error, certs.ReasonNotYetValid, fmt.Sprintf("%s is not valid before %s", whose, date(late.NotBefore)), "wait until then; if that date is past, set the clock of this machine")
		return
	}
	r.find(Error, certs.ReasonExpired, fmt.Sprintf("%s expired on %s, %s ago", whose, date(late.NotAfter), days(now.Sub(late.NotAfter))),
		"have it renewed; if that was done, the server still serves the old one: reload it")
}

// wrongUsage says which certificate of the chain may not vouch for a server.
func (r *run) wrongUsage(way []*x509.Certificate) {
	for _, c := range slices.Backward(way) {
		if len(c.ExtKeyUsage)+len(c.UnknownExtKeyUsage) > 0 && !slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageServerAuth) && !slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny) {
			r.find(Error, certs.ReasonWrongUsage, fmt.Sprintf("%s is limited to %s, and so no certificate of a server (serverAuth)", subjectOf(c), usages(c)),
				"have the server's certificate issued for serverAuth, by a CA that may")
			return
		}
	}
	r.find(Error, certs.ReasonWrongUsage, "the chain is not for servers (serverAuth)", "have the server's certificate issued for serverAuth")
}
