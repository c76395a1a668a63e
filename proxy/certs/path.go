package certs

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"slices"
	"sync"
)

// [x509.Certificate.Verify] builds paths (RFC 4158) from the leaf upwards. It so
// checks signatures with the keys of certificates that nobody vouches for yet,
// and tries every order of those that have one name and one key: four such CA
// certificates with a P-521 key and different SANs are worth a tenth of a second
// of CPU. TLS 1.3 asks for the verdict before the client proves that it has its
// key, so anybody may send them, over and over.
//
// Hence what a client sends is sifted first, from the anchors downwards: an
// intermediate counts only if an anchor issued it, or one that was proved in
// this way. A key of a stranger then never checks anything, however slow it is;
// what junk costs is a few checks with the keys of the anchors. The verdict
// stays that of x509, which sees what is left.

// Bounds of a sifting. Whoever runs a CA below an anchor can still send slow keys
// that are proved, so their number is bounded too.
const (
	maxOfOneName = 2  // a CA renewed, or cross-certified, has two certificates
	maxChecks    = 8  // signatures: two intermediates, each below one of two anchors, need four
	maxRemember  = 64 // intermediates that are proved once and for all
)

// A sifting is what is known of a presented chain before it is verified.
type sifting struct {
	anchors []*x509.Certificate
	leaf    *x509.Certificate
	sent    []*x509.Certificate // after the leaf, as presented
	named   []*x509.Certificate // those of sent that may be above the leaf, by their names
	proved  []*x509.Certificate // those of named that an anchor vouches for
	fresh   [][sha256.Size]byte // digests of those of proved that were not remembered
	weak    *x509.Certificate   // a certificate with a signature too weak to count
	checks  int                 // signatures that may still be checked
}

func (b *Bundle) sift(presented []*x509.Certificate) *sifting {
	s := &sifting{anchors: b.Anchors, leaf: presented[0], sent: presented[1:], checks: max(maxChecks, b.checks)}
	s.climb()
	s.descend(b.remembered)
	return s
}

// climb collects the certificates above the leaf, by names alone.
func (s *sifting) climb() {
	for below := []*x509.Certificate{s.leaf}; len(below) > 0; below = below[1:] {
		for _, c := range issuers(below[0], s.sent) {
			sameName := func(other *x509.Certificate) bool { return bytes.Equal(other.RawSubject, c.RawSubject) }
			if !c.IsCA || c.Equal(s.leaf) || slices.ContainsFunc(s.named, c.Equal) || count(s.named, sameName) == maxOfOneName {
				continue
			}
			s.named = append(s.named, c)
			below = append(below, c)
		}
	}
}

// descend proves what it can of the named, one step further from the anchors
// each time: no pair of issuer and issued is looked at twice.
func (s *sifting) descend(known *memory) {
	for above := s.anchors; len(above) > 0; {
		var next []*x509.Certificate
		for _, c := range s.named {
			if !slices.Contains(s.proved, c) && s.proves(above, c, known) {
				next = append(next, c)
			}
		}
		s.proved = append(s.proved, next...)
		above = next
	}
}

// proves reports whether c is one of above, or issued by one of them.
func (s *sifting) proves(above []*x509.Certificate, c *x509.Certificate, known *memory) bool {
	if slices.ContainsFunc(above, c.Equal) {
		return true
	}
	sum := sha256.Sum256(c.Raw)
	if known.has(sum) {
		return true
	}
	if !slices.ContainsFunc(issuers(c, above), func(p *x509.Certificate) bool { return s.issued(p, c) }) {
		return false
	}
	s.fresh = append(s.fresh, sum)
	return true
}

// checksFor returns how many checks anchors can call for: where many of them
// have one name and a certificate does not say which key signed it, each is
// tried. Anchors are the operator's, so this is nothing a stranger can raise.
func checksFor(anchors []*x509.Certificate) int {
	most, named := 0, make(map[string]int)
	for _, a := range anchors {
		named[string(a.RawSubject)]++
		most = max(most, named[string(a.RawSubject)])
	}
	return maxOfOneName * most
}

// anchored reports whether there is an issuer for the leaf among what is
// trusted and proved, by its name. If not, the leaf leads nowhere.
func (s *sifting) anchored() bool {
	return slices.ContainsFunc(s.anchors, s.leaf.Equal) ||
		len(issuers(s.leaf, s.anchors)) > 0 || len(issuers(s.leaf, s.proved)) > 0
}

// unproved returns the way from the leaf as far as nobody vouches for it, by
// names alone.
func (s *sifting) unproved() []*x509.Certificate {
	path := []*x509.Certificate{s.leaf}
	for _, c := range s.named {
		if !slices.Contains(s.proved, c) {
			path = append(path, c)
		}
	}
	return path
}

// issued reports whether parent signed child.
func (s *sifting) issued(parent, child *x509.Certificate) bool {
	if s.checks == 0 {
		return false
	}
	s.checks--
	err := child.CheckSignatureFrom(parent)
	var insecure x509.InsecureAlgorithmError
	if errors.As(err, &insecure) {
		s.weak = child
	}
	return err == nil
}

// issuers returns the certificates of list that have the name of c's issuer.
// Key identifiers put them in order, and no more: they help to find a path and
// prove nothing (RFC 5280 §4.2.1.1), and some private CAs get them wrong.
func issuers(c *x509.Certificate, list []*x509.Certificate) []*x509.Certificate {
	var found []*x509.Certificate
	for _, candidate := range list {
		if bytes.Equal(c.RawIssuer, candidate.RawSubject) {
			found = append(found, candidate)
		}
	}
	slices.SortStableFunc(found, func(a, b *x509.Certificate) int { return cmp.Compare(keyDistance(c, a), keyDistance(c, b)) })
	return found
}

// keyDistance is 0 where the key identifiers of child and parent agree, 1 where
// one is missing, 2 where they differ.
func keyDistance(child, parent *x509.Certificate) int {
	switch {
	case len(child.AuthorityKeyId) == 0 || len(parent.SubjectKeyId) == 0:
		return 1
	case bytes.Equal(child.AuthorityKeyId, parent.SubjectKeyId):
		return 0
	}
	return 2
}

func count(list []*x509.Certificate, is func(*x509.Certificate) bool) (n int) {
	for _, c := range list {
		if is(c) {
			n++
		}
	}
	return n
}

// A memory knows intermediates that were proved below the anchors of one
// Bundle, so that the same clients' do not cost a check each time. What is
// proved stays so, as the anchors do not change; dates and constraints are
// looked at in each verification. Only the way of a leaf that was verified is
// remembered, so a stranger gets nothing into it.
type memory struct {
	mu   sync.RWMutex // guards sums
	sums map[[sha256.Size]byte]bool
}

func (m *memory) has(sum [sha256.Size]byte) bool {
	if m == nil {
		return false
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.sums[sum]
}

func (m *memory) add(sums [][sha256.Size]byte) {
	if m == nil || len(sums) == 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.sums == nil {
		m.sums = make(map[[sha256.Size]byte]bool)
	}
	for _, sum := range sums {
		if len(m.sums) < maxRemember {
			m.sums[sum] = true
		}
	}
}
