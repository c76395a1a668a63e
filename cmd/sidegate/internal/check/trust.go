package check

import (
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sidegate/sidegate/proxy/certs"
)

// A trust is what one side trusts: the CA files as a sidecar reads them.
type trust struct {
	bundle *certs.Bundle // nil: they cannot be used, and fault is why
	fault  string        // the first of the words for that
}

// soon reports whether c, which has not expired, does so within the time that
// was asked for. If none was, it is 30 days, but never more than a third of its
// life, or a certificate that lives for a day would always be about to expire.
func (r *Report) soon(c *x509.Certificate) bool {
	return !r.Now.After(c.NotAfter) && c.NotAfter.Sub(r.Now) < r.ahead(c)
}

// defaultWithin is how far ahead an end is announced.
const defaultWithin = 30 * 24 * time.Hour

func (r *Report) ahead(c *x509.Certificate) time.Duration {
	if r.within > 0 {
		return r.within
	}
	return min(defaultWithin, c.NotAfter.Sub(c.NotBefore)/3)
}

// reaches says whether what u presents leads to a CA that its peers trust.
func (r *Report) reaches(u *unit, t *trust) {
	if t.bundle == nil {
		return
	}
	chains, err := verify(u.leaf.cert, t.bundle.Anchors, u.leaf.file.Certificates, u.usage(), r.Now)
	if err == nil {
		r.partial(u, chains)
		return
	}
	anchored := placedAll(t.bundle.Anchors, "the trusted CAs")
	s := &search{checks: maxChecks, pool: append(u.leaf.file.placed(), anchored...), now: r.Now}
	path := s.from(u.leaf)
	top := path[len(path)-1]
	if slices.ContainsFunc(t.bundle.Anchors, top.cert.Equal) {
		r.refused(u, path, "a way leads to a CA that the peer trusts, but it is not good: ", err)
		return
	}
	r.nowhere(u, path, t.bundle.Anchors)
}

// placedAll gives certificates a place, for a search.
func placedAll(list []*x509.Certificate, name string) (all []placed) {
	f := &file{name: name}
	f.Certificates = list
	return f.placed()
}

// verify does what a peer with these anchors does with the bundle.
func verify(leaf *x509.Certificate, anchors, sent []*x509.Certificate, usage x509.ExtKeyUsage, now time.Time) ([][]*x509.Certificate, error) {
	roots, intermediates := x509.NewCertPool(), x509.NewCertPool()
	for _, c := range anchors {
		roots.AddCert(c)
	}
	for _, c := range sent {
		if !oversized(c) {
			intermediates.AddCert(c)
		}
	}
	return leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: intermediates, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{usage}})
}

// nowhere says where the way to the trusted CAs ends.
func (r *Report) nowhere(u *unit, path []placed, anchors []*x509.Certificate) {
	if r.knows(wordMissingIntermediate, u.leaf.file.name) {
		return // it is at hand, and to be put into the bundle
	}
	top := path[len(path)-1].cert
	trusted := "trusted are " + namesOf(anchors)
	switch {
	case len(path) == 1 && selfIssued(top):
		r.add(u.finding(wordSelfSigned, Error, u.leaf, "the certificate is self-signed and not among the trusted CAs; "+trusted,
			"give it to the peer as a CA, or have a CA that the peer trusts issue one"))
	case len(path) == 1:
		r.absent(u, true)
	case selfIssued(top):
		r.add(u.finding(wordWrongRoot, Error, u.leaf, fmt.Sprintf("the chain is complete, but it ends at the root %s, which the peer does not trust; %s", named(top), trusted),
			fmt.Sprintf("have the peer add the CA %s to what it trusts, or get a certificate from a CA that it trusts", named(top))))
	default:
		r.add(u.finding(wordWrongRoot, Error, u.leaf, fmt.Sprintf("the chain leads to the issuer %s, which is neither in the bundle nor trusted; %s", issuerNamed(top), trusted),
			fmt.Sprintf("have the peer add the CA %s to what it trusts; if that is another intermediate, append it to the bundle", issuerNamed(top))))
	}
}

// namesOf lists the Subjects of certificates, the first of many.
func namesOf(list []*x509.Certificate) string {
	const most = 5
	var names []string
	for _, c := range list[:min(most, len(list))] {
		names = append(names, named(c))
	}
	text := strings.Join(names, ", ")
	if more := len(list) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// refused explains err where a path exists. What the findings on its certificates
// themselves explain is not said again.
func (r *Report) refused(u *unit, path []placed, what string, err error) {
	var invalid x509.CertificateInvalidError
	words := []string{certs.CodeExpired, certs.CodeNotYetValid, certs.ReasonWrongUsage, certs.ReasonWeakSignature, wordCriticalExtension}
	for _, f := range r.Findings {
		onPath := func(p placed) bool { return f.File == plain(p.file.name) && f.Certificate == p.at+1 }
		if f.Severity == Error && slices.Contains(words, f.Word) && (slices.ContainsFunc(path, onPath) || slices.ContainsFunc(u.path, onPath)) {
			return
		}
	}
	word, fix := certs.ReasonBadChain, "ask the issuer for another certificate"
	if errors.As(err, &invalid) && invalid.Reason == x509.CANotAuthorizedForThisName {
		word, fix = certs.ReasonNameConstraints, "ask the issuer which of its CAs may certify these names"
	}
	if errors.As(err, &invalid) && invalid.Reason == x509.IncompatibleUsage {
		word, fix = certs.ReasonWrongUsage, "get a certificate from a CA that issues for "+usageNames[u.usage()]
	}
	f := u.finding(word, Error, u.leaf, what+err.Error(), fix)
	f.PeersSay = []Saying{{"Go", err.Error()}}
	r.add(f)
}

// verified returns the path that a peer finds: to a CA that it trusts, from what
// is sent, or else from all that is at hand. If there is none it is the leaf alone.
// What is trusted and not at hand is left out.
func (r *Report) verified(u *unit) []placed {
	own := u.leaf.file.placed()
	for _, pool := range [][]placed{own, u.spare} {
		if u.peers == nil || u.peers.bundle == nil {
			break
		}
		chains, err := verify(u.leaf.cert, u.peers.bundle.Anchors, certificatesOf(pool), u.usage(), r.Now)
		if err != nil {
			continue
		}
		path := []placed{u.leaf}
		for _, c := range chains[0][1:] {
			here := slices.IndexFunc(own, func(p placed) bool { return p.cert.Equal(c) })
			there := slices.IndexFunc(u.spare, func(p placed) bool { return p.cert.Equal(c) })
			switch {
			case here >= 0:
				path = append(path, own[here])
			case there >= 0:
				path = append(path, u.spare[there])
			default:
				return path
			}
		}
		return path
	}
	return []placed{u.leaf}
}

func certificatesOf(list []placed) (all []*x509.Certificate) {
	for _, p := range list {
		all = append(all, p.cert)
	}
	return all
}

// sound says what RFC 5280 forbids about the path, where nobody was asked whom
// the peers trust: as a peer would see it that trusts its top.
func (r *Report) sound(u *unit) {
	if len(u.path) == 1 {
		return
	}
	if err := u.passes(u.path[1:], r.Now); err != nil {
		r.refused(u, u.path, fmt.Sprintf("the chain to %s is not good: ", named(u.path[len(u.path)-1].cert)), err)
	}
}

// passes says why peers would not take the leaf with the certificates sent: those
// that are known, or any that trust the top of the path. The usages are not asked
// about then: there are findings for them.
func (u *unit) passes(sent []placed, now time.Time) error {
	usage, anchors := x509.ExtKeyUsageAny, []*x509.Certificate{u.path[len(u.path)-1].cert}
	if u.peers != nil && u.peers.bundle != nil {
		usage, anchors = u.usage(), u.peers.bundle.Anchors
	}
	_, err := verify(u.leaf.cert, anchors, certificatesOf(sent), usage, now)
	return err
}

// partial notes that every chain ends at an intermediate that is trusted itself.
func (r *Report) partial(u *unit, chains [][]*x509.Certificate) {
	var end *x509.Certificate
	for _, chain := range chains {
		if end = chain[len(chain)-1]; selfIssued(end) {
			return
		}
	}
	r.add(u.finding(wordPartialChain, Note, u.leaf, fmt.Sprintf("the chain ends at %s, an intermediate that is trusted itself: Go and curl accept that; nginx, and openssl verify without -partial_chain, want its root too", named(end)),
		fmt.Sprintf("where the peer is built on OpenSSL, have it trust the root %s as well", issuerNamed(end))))
}
