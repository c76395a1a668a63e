package check

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

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
	now    time.Time
}

// from returns the path that begins with begun, upwards as far as it goes; it
// ends at a self-issued certificate. Of several issuers that signed, those come
// first that are valid now, as peers look for them, and of these the leaf's own
// file's.
func (s *search) from(begun ...placed) []placed {
	path := begun
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
	for _, preferred := range []func(p placed) bool{
		func(p placed) bool { return p.file == path[0].file && validAt(p.cert, s.now) },
		func(p placed) bool { return p.file != path[0].file && validAt(p.cert, s.now) },
		func(p placed) bool { return p.file == path[0].file && !validAt(p.cert, s.now) },
		func(p placed) bool { return p.file != path[0].file && !validAt(p.cert, s.now) },
	} {
		for _, p := range s.pool {
			if preferred(p) && bytes.Equal(below.RawIssuer, p.cert.RawSubject) && s.issued(p.cert, below) {
				return p, true
			}
		}
	}
	return placed{}, false
}

func validAt(c *x509.Certificate, now time.Time) bool {
	return !now.Before(c.NotBefore) && !now.After(c.NotAfter)
}

// issued reports whether parent signed child. One that used SHA-1 did, though
// nobody believes it any more.
func (s *search) issued(parent, child *x509.Certificate) bool {
	if oversized(parent) || s.checks == 0 || parent.Equal(child) {
		return false
	}
	s.checks--
	err := child.CheckSignatureFrom(parent)
	var insecure x509.InsecureAlgorithmError
	return err == nil || errors.As(err, &insecure)
}

// oversized reports whether the key of c takes too long to check anything with.
func oversized(c *x509.Certificate) bool {
	k, ok := c.PublicKey.(*rsa.PublicKey)
	return ok && k.N.BitLen() > maxRSA
}

func selfIssued(c *x509.Certificate) bool { return bytes.Equal(c.RawSubject, c.RawIssuer) }

// chain finds the path of u, and says what its bundle has too much, too little,
// or in the wrong place.
func (r *Report) chain(u *unit, peers *trust) {
	u.peers = peers
	s := &search{checks: maxChecks, pool: u.spare, now: r.Now}
	u.path = s.from(r.verified(u)...)
	r.barred(u, s)
	r.order(u)
	r.surplus(u)
	r.apart(u)
}

// order says whether the certificates of the bundle come in their order.
func (r *Report) order(u *unit) {
	if u.leaf.at != 0 {
		f := u.finding(certs.CodeChainOrder, Error, u.leaf, fmt.Sprintf("the bundle starts with %s; its holder's certificate is only number %d",
			named(u.leaf.file.Certificates[0]), u.leaf.at+1), "write the certificates in this order: "+u.rightOrder(r.Now)+"; --fix-bundle OUT does it")
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
				"write the certificates in this order: "+u.rightOrder(r.Now)+"; --fix-bundle OUT does it")
			f.PeersSay, f.bundled = nil, true
			r.add(f)
			return
		}
		last = p.at
	}
}

// rightOrder names what a bundle should hold.
func (u *unit) rightOrder(now time.Time) string {
	var names []string
	for _, p := range u.bundle(now) {
		names = append(names, named(p.cert))
	}
	return strings.Join(names, ", ")
}

// needed returns the path without its root.
func (u *unit) needed() []placed {
	list := slices.Clone(u.path)
	if n := len(list); n > 1 && selfIssued(list[n-1].cert) {
		list = list[:n-1]
	}
	return list
}

// bundle returns what u should present: the path without its root. Other
// certificates that the issuers on it have, of the same key, stay behind these:
// they lead other peers to other roots.
func (u *unit) bundle(now time.Time) []placed {
	list := u.needed()
	for _, p := range u.leaf.file.placed() {
		held := func(q placed) bool { return q.cert.Equal(p.cert) }
		twin := func(q placed) bool {
			return bytes.Equal(q.cert.RawSubject, p.cert.RawSubject) && samePublicKey(p.cert.PublicKey, q.cert.PublicKey)
		}
		if !selfIssued(p.cert) && validAt(p.cert, now) && slices.ContainsFunc(u.path[1:], twin) && !slices.ContainsFunc(list, held) && len(list) < maxPath {
			list = append(list, p)
		}
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
		case !onPath && u.alternative(p.cert) && !validAt(p.cert, r.Now):
			f = u.finding(wordOutdated, Note, p, "the bundle also holds a certificate of this CA that is not valid now; Go and OpenSSL pass over it, old software may take it",
				"leave it out; --fix-bundle OUT does it")
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
