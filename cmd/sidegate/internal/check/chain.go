package check

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sidegate/sidegate/proxy/certs"
)

// Bounds of a search for a path. Files may come from anybody, and a signature
// with a large key takes long to check.
const (
	maxPath   = 10
	maxChecks = 100
	maxRSA    = 16384
	// maxSurplus is how many certificates too many are told of: somebody may take a
	// list of CAs for a bundle.
	maxSurplus = 20
)

// A search climbs from a leaf by names and signatures, whatever the dates and
// usages are: those have findings of their own.
type search struct {
	checks int
	pool   []placed
}

// from returns the path from leaf upwards, as far as it goes; it ends at a
// self-issued certificate. Certificates of the leaf's own file come first.
func (s *search) from(leaf placed) []placed {
	path := []placed{leaf}
	for len(path) < maxPath && !selfIssued(path[len(path)-1].cert) {
		next, ok := s.issuer(path)
		if !ok {
			break
		}
		path = append(path, next)
	}
	return path
}

func (s *search) issuer(path []placed) (found placed, ok bool) {
	below := path[len(path)-1].cert
	for _, own := range []bool{true, false} {
		for _, p := range s.pool {
			if (p.file == path[0].file) != own || !bytes.Equal(below.RawIssuer, p.cert.RawSubject) {
				continue
			}
			if s.issued(p.cert, below) {
				return p, true
			}
		}
	}
	return placed{}, false
}

// issued reports whether parent signed child. One that used SHA-1 did, though
// nobody believes it any more.
func (s *search) issued(parent, child *x509.Certificate) bool {
	if k, ok := parent.PublicKey.(*rsa.PublicKey); ok && k.N.BitLen() > maxRSA || s.checks == 0 || parent.Equal(child) {
		return false
	}
	s.checks--
	err := child.CheckSignatureFrom(parent)
	var insecure x509.InsecureAlgorithmError
	return err == nil || errors.As(err, &insecure)
}

func selfIssued(c *x509.Certificate) bool { return bytes.Equal(c.RawSubject, c.RawIssuer) }

// chain finds the path of u, and says what its bundle has too much, too little,
// or in the wrong place.
func (r *Report) chain(u *unit) {
	s := &search{checks: maxChecks, pool: u.spare}
	u.path = s.from(u.leaf)
	r.order(u)
	r.surplus(u)
	r.apart(u)
}

// order says whether the certificates of the bundle come in their order.
func (r *Report) order(u *unit) {
	if u.leaf.at != 0 {
		f := u.finding(certs.CodeChainOrder, Error, u.leaf, fmt.Sprintf("the bundle starts with %s; its holder's certificate is only number %d",
			named(u.leaf.file.Certificates[0]), u.leaf.at+1), "write the certificates in this order: "+u.rightOrder()+"; --fix-bundle OUT does it")
		f.bundled = true
		if u.key == nil { // nothing was refused yet: without the key, this is a guess
			f.Severity = Warning
			f.PeersSay = nil
		}
		r.add(f)
		return
	}
	last := 0
	for _, p := range u.path {
		if p.file != u.leaf.file {
			continue
		}
		if p.at < last {
			f := u.finding(certs.CodeChainOrder, Warning, p, fmt.Sprintf("the certificate %s stands before the one that it issued: TLS 1.2 wants each certificate to be followed by its issuer (RFC 5246 §7.4.2), and some peers insist", named(p.cert)),
				"write the certificates in this order: "+u.rightOrder()+"; --fix-bundle OUT does it")
			f.PeersSay, f.bundled = nil, true
			r.add(f)
			return
		}
		last = p.at
	}
}

// rightOrder names what a bundle should hold.
func (u *unit) rightOrder() string {
	var names []string
	for _, p := range u.bundle() {
		names = append(names, named(p.cert))
	}
	return strings.Join(names, ", ")
}

// bundle returns what u should present: the path without its root.
func (u *unit) bundle() []placed {
	list := slices.Clone(u.path)
	if n := len(list); n > 1 && selfIssued(list[n-1].cert) {
		list = list[:n-1]
	}
	return list
}

// surplus says what else is in the bundle.
func (r *Report) surplus(u *unit) {
	seen := map[string]bool{}
	told := 0
	for _, p := range u.leaf.file.placed() {
		again := seen[string(p.cert.Raw)]
		seen[string(p.cert.Raw)] = true
		onPath := slices.ContainsFunc(u.path, func(q placed) bool { return q.cert.Equal(p.cert) })
		var f Finding
		switch {
		case again:
			f = u.finding(wordDuplicate, Note, p, "the certificate is in the bundle twice", "leave it out; --fix-bundle OUT does it")
		case onPath && selfIssued(p.cert) && p.at != u.leaf.at:
			f = u.finding(wordRootIncluded, Note, p, "the bundle holds the root, which peers have already, or do not trust because it is sent", "leave it out, to save bytes in each handshake; --fix-bundle OUT does it")
		case !onPath && !u.alternative(p.cert):
			f = u.finding(wordUnrelated, Warning, p, fmt.Sprintf("the certificate has nothing to do with %s: it did not issue it, nor a CA above it", named(u.leaf.cert)),
				"take it out, some peers refuse such a chain; --fix-bundle OUT does it")
		default:
			continue
		}
		f.bundled = true
		r.add(f)
		if told++; told == maxSurplus {
			return
		}
	}
}

// alternative reports whether c has the name of an issuer on the path: it may be
// a cross-certificate, by which other peers find another root.
func (u *unit) alternative(c *x509.Certificate) bool {
	return slices.ContainsFunc(u.path, func(p placed) bool { return bytes.Equal(p.cert.RawIssuer, c.RawSubject) })
}

// apart says that an intermediate is at hand, but not in the bundle.
func (r *Report) apart(u *unit) {
	for i, p := range u.bundle() {
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
