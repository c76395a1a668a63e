package certs

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// [x509.Certificate.Verify] has decided; what follows only finds words for it.
// It reports one error of many: an expired leaf hides that its CA is unknown,
// and an expired intermediate is reported as an unknown CA. So a path is looked
// for once more by names and signatures alone, among what is proved, which tells
// whether the way to an anchor exists at all; what is wrong on the way is then
// plain.

// refuse explains the error of a verification.
func (b *Bundle) refuse(s *sifting, now time.Time, err error) *Refusal {
	leaf := s.leaf
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var critical x509.UnhandledCriticalExtension
	if !errors.As(err, &unknown) && !errors.As(err, &invalid) && !errors.As(err, &critical) {
		// Among these is that x509 gave up after many signatures: no more of them.
		return badChain(leaf, err)
	}
	t := s.trace()
	if !t.anchored {
		return b.nowhere(s, t.path, now, err)
	}
	switch invalid.Reason { // 0 where err is none of that type
	case x509.IncompatibleUsage:
		return refusal(leaf, ReasonWrongUsage, err, "%s", b.wrongUsage(t.path))
	case x509.CANotAuthorizedForThisName:
		return refusal(leaf, ReasonNameConstraints, err, "has a name that a CA above it may not issue for: %s", shorten(invalid.Detail))
	}
	for i, c := range t.path {
		if code, when := outOfDate(c, now); code != "" {
			return refusal(leaf, code, err, "%s", b.dated(i, c, when))
		}
	}
	return badChain(leaf, err)
}

func badChain(leaf *x509.Certificate, err error) *Refusal {
	return refusal(leaf, ReasonBadChain, err, "has a chain that is not good: %s", shorten(fmt.Sprintf("%q", err)))
}

// nowhere explains that no way leads from the leaf to an anchor; path is the
// way there is.
func (b *Bundle) nowhere(s *sifting, path []*x509.Certificate, now time.Time, err error) *Refusal {
	if s.weak != nil {
		return refusal(s.leaf, ReasonWeakSignature, err, "is not accepted: %s is signed with %s, which is broken; ask the issuer for a new one",
			shownSubject(s.weak), s.weak.SignatureAlgorithm)
	}
	return refusal(s.leaf, ReasonUnknownCA, err, "%s", b.unknown(path, s.sent, now))
}

// dated says which certificate of a chain is out of date.
func (b *Bundle) dated(depth int, c *x509.Certificate, when string) string {
	switch {
	case depth == 0 && strings.HasPrefix(when, "expired"):
		return when + ": the " + b.usage.words().peer + " must present a renewed one"
	case depth == 0:
		return when + ": if that date is past, look at the clock of the node"
	}
	return fmt.Sprintf("is not good because the CA above it, %s, %s", shownSubject(c), when)
}

// refusal makes a Refusal whose detail starts with the leaf.
func refusal(leaf *x509.Certificate, reason string, err error, format string, a ...any) *Refusal {
	return &Refusal{Reason: reason, Leaf: leaf, Err: err,
		Detail: fmt.Sprintf("the certificate %s, serial %s, issued by %s%s, ", shownSubject(leaf), shownSerial(leaf), shownIssuer(leaf), shownAKI(leaf)) +
			fmt.Sprintf(format, a...)}
}

// shownSerial writes whole octets, as openssl does.
func shownSerial(c *x509.Certificate) string {
	return shorten(fmt.Sprintf("%x", c.SerialNumber.FillBytes(make([]byte, max(1, (c.SerialNumber.BitLen()+7)/8)))))
}

func shownAKI(c *x509.Certificate) string {
	if len(c.AuthorityKeyId) == 0 {
		return ""
	}
	return " (authority key " + shorten(fmt.Sprintf("%x", c.AuthorityKeyId)) + ")"
}

// maxTraced bounds the signatures that are checked to find words: whoever is
// refused could otherwise make us work.
const maxTraced = 6

// A tracing climbs from a leaf by names and signatures, whatever the dates,
// usages and constraints.
type tracing struct {
	*sifting
	path     []*x509.Certificate // the way found, leaf first: to an anchor, or as far as it goes
	anchored bool
}

func (s *sifting) trace() tracing {
	s.checks = maxTraced
	t := tracing{sifting: s}
	t.anchored = t.climb([]*x509.Certificate{s.leaf})
	return t
}

// climb extends path upwards and reports whether it found an anchor. Anchors
// are tried first, then what is proved.
func (t *tracing) climb(path []*x509.Certificate) bool {
	if len(path) > len(t.path) {
		t.path = path
	}
	top := path[len(path)-1]
	if slices.ContainsFunc(t.anchors, top.Equal) {
		t.path = path
		return true
	}
	for _, a := range issuers(top, t.anchors) {
		if t.issued(a, top) {
			t.path = append(path[:len(path):len(path)], a)
			return true
		}
	}
	for _, c := range issuers(top, t.proved) {
		if !slices.ContainsFunc(path, c.Equal) && t.issued(c, top) && t.climb(append(path[:len(path):len(path)], c)) {
			return true
		}
	}
	return false
}

// unknown says where the way upwards ended, and what would have been there.
func (b *Bundle) unknown(path, sent []*x509.Certificate, now time.Time) string {
	top := path[len(path)-1]
	var s strings.Builder
	switch {
	case bytes.Equal(top.RawIssuer, top.RawSubject) && len(path) == 1:
		s.WriteString("is self-signed and not trusted")
	case bytes.Equal(top.RawIssuer, top.RawSubject):
		fmt.Fprintf(&s, "leads to the root %s, which is not trusted", shownSubject(top))
	case len(path) == 1:
		s.WriteString("is by an issuer that is not trusted, " + b.absent(len(sent)))
	default:
		fmt.Fprintf(&s, "leads to the issuer %s%s, which is not trusted, %s", shownIssuer(top), shownAKI(top), b.absent(len(sent)))
	}
	if issuerIn(top, b.Anchors) != nil {
		s.WriteString("; a CA of that name is trusted, but it has another key")
	}
	if other := issuerIn(top, sent); other != nil && !other.Equal(top) {
		s.WriteString("; a certificate of that name was sent, but it is no CA or has another key")
	}
	s.WriteString("; " + b.held())
	if code, when := outOfDate(path[0], now); code != "" {
		s.WriteString("; besides, the certificate " + when)
	}
	return s.String()
}

// absent says what the peer sent in place of the issuer that is missing.
func (b *Bundle) absent(sent int) string {
	peer := b.usage.words().peer
	if sent == 0 {
		return "and the " + peer + " sent no intermediate certificate with it"
	}
	return fmt.Sprintf("and not proved by the %d other certificates that the %s sent", sent, peer)
}

// held names the anchors.
func (b *Bundle) held() string {
	const shown = 5
	if len(b.Anchors) == 0 {
		return "no CA is trusted at all"
	}
	var names []string
	for _, a := range b.Anchors {
		names = append(names, shownSubject(a))
	}
	return "trusted are " + few(names, shown)
}

// wrongUsage says which certificate of the chain takes the usage away, and what
// can be done about it.
func (b *Bundle) wrongUsage(path []*x509.Certificate) string {
	narrow := narrowest(path, b.usage.wanted())
	if narrow == nil {
		return "has no chain that permits " + b.usage.String()
	}
	text := fmt.Sprintf("is limited to %s, where %s is wanted", usagesOf(narrow), b.usage)
	if narrow != path[0] {
		text = fmt.Sprintf("cannot pass %s whatever it says itself, because the CA above it, %s, is limited to %s", b.usage, shownSubject(narrow), usagesOf(narrow))
	}
	if b.usage == ClientAuth && narrowest(path, ClientOrServer.wanted()) == nil {
		return text + "; set clientCertificateUsage: clientOrServer, with a subject in every rule, to accept it"
	}
	return text + "; it must come from a CA and a profile for that usage"
}
