package certs

import (
	"crypto/x509"
	"time"
)

// Bounds of what a peer may present. A real chain has two to four
// certificates of 1 to 4 KiB; crypto/tls alone would take 256 KiB. There is no
// bound on keys beyond that of crypto/tls, which refuses RSA above 8192 bits:
// the key of a stranger is never used (see path.go).
const (
	maxPresented      = 5
	maxPresentedBytes = 64 << 10
)

// Verified is the result of a verification that succeeded.
type Verified struct {
	Chains [][]*x509.Certificate // each from the leaf to an anchor, nothing of it revoked
	// Until is when the longest-living chain ends, or the revocation lists that it
	// stands on do: verify again after it.
	Until time.Time
}

// A Refusal says why a peer's certificate is not good.
type Refusal struct {
	Reason string            // one of the Reason constants
	Detail string            // a sentence that names what is wrong and, where there is one, the setting to change
	Leaf   *x509.Certificate // what was presented, not proved to be the caller's; nil if nothing
	Err    error             // the cause, where there is one
}

// The reasons of a Refusal, stable words for logs and metrics.
const (
	ReasonNoCertificate   = "no-certificate"   // the peer sent none
	ReasonTooLarge        = "too-large"        // it sent too many, or too long ones
	ReasonUnknownCA       = "unknown-ca"       // no way from the certificate to an anchor
	ReasonExpired         = "expired"          // it, or a CA above it, has ended
	ReasonNotYetValid     = "not-yet-valid"    // it, or a CA above it, has not begun
	ReasonWrongUsage      = "wrong-usage"      // extended key usage, its own or a CA's
	ReasonNameConstraints = "name-constraints" // a CA may not issue for its names (RFC 5280 §4.2.1.10)
	ReasonWeakSignature   = "weak-signature"   // signed with SHA-1 or MD5
	ReasonNotACA          = "not-a-ca"         // it is listed as an anchor but may not issue
	ReasonBadChain        = "bad-chain"        // anything else that RFC 5280 §6 forbids
	ReasonRevoked         = "revoked"          // a revocation list names it
	ReasonIssuerRevoked   = "issuer-revoked"   // a revocation list names a CA above it
	ReasonCRLMissing      = "crl-missing"      // [CRLStrict], and a CA above it has no revocation list
	ReasonCRLExpired      = "crl-expired"      // the revocation list of a CA above it has ended
)

// Error returns the detail.
func (r *Refusal) Error() string { return r.Detail }

// Unwrap returns the cause.
func (r *Refusal) Unwrap() error { return r.Err }

// Verify verifies a peer's certificate, leaf first, against the anchors at the
// time now (RFC 5280 §6) for the usage of the Bundle. What follows the leaf are
// intermediates and trusted for nothing. The error is a [*Refusal]. Verify is
// safe for concurrent use.
//
// An anchor need not be a root: a chain ends at the first certificate that is
// one. A leaf cannot vouch for itself by being listed as an anchor; only CA
// certificates become anchors (see [Files]), and one of those, presented as a
// peer's certificate, is accepted like any other. To let in one particular
// certificate, pin it in a rule.
//
// What a certificate without a way to an anchor costs is bounded by the keys of
// the anchors, whatever comes with it: Verify runs before a peer has proved
// anything.
//
// Where there are revocation lists, a chain counts only if none names a certificate
// of it, by the [CRLPolicy] of the Bundle (RFC 5280 §6.3, for lists that are complete
// and direct).
//
// Verify says that a CA vouches for the certificate, not that the peer has its
// key: that is proved by the TLS handshake. Names are the policy's matter.
func (b *Bundle) Verify(presented []*x509.Certificate, now time.Time) (Verified, error) {
	if refusal := b.bounded(presented); refusal != nil {
		return Verified{}, refusal
	}
	sum := sumOf(presented)
	if known, ok := b.proven.at(sum, now); ok {
		return known, nil
	}
	s := b.sift(presented)
	if !s.anchored() {
		return Verified{}, b.nowhere(s, s.unproved(), now, x509.UnknownAuthorityError{Cert: s.leaf})
	}
	chains, err := s.leaf.Verify(x509.VerifyOptions{
		Roots:         b.pool(),
		Intermediates: poolOf(s.proved),
		KeyUsages:     b.usage.wanted(),
		CurrentTime:   now,
	})
	if err != nil {
		return Verified{}, b.refuse(s, now, err)
	}
	// A self-issued certificate of version 1 may be an anchor, but carries no
	// word that it is more than a leaf, so it cannot present itself.
	if len(chains[0]) == 1 && !presented[0].IsCA {
		return Verified{}, refusal(presented[0], ReasonNotACA, nil,
			"is itself listed as a CA without being one: trust its issuer, %s", b.usage.words().pinIt)
	}
	v := Verified{Chains: chains, Until: until(chains)}
	soonest := v.Until
	if b.revocation != nil {
		var refused *Refusal
		if v, soonest, refused = b.unrevoked(chains, now); refused != nil {
			return Verified{}, refused
		}
	}
	b.remembered.add(s.fresh)
	b.proven.add(sum, v, soonest)
	return v, nil
}

// pool returns the anchors. It is never nil: that would mean the roots of the
// system.
func (b *Bundle) pool() *x509.CertPool {
	if b.roots == nil {
		return x509.NewCertPool()
	}
	return b.roots
}

func poolOf(list []*x509.Certificate) *x509.CertPool {
	pool := x509.NewCertPool()
	for _, c := range list {
		pool.AddCert(c)
	}
	return pool
}

// bounded refuses what is not worth the work of verifying.
func (b *Bundle) bounded(presented []*x509.Certificate) *Refusal {
	w := b.usage.words()
	if len(presented) == 0 {
		return &Refusal{Reason: ReasonNoCertificate,
			Detail: "the " + w.peer + " sent no certificate: " + w.none}
	}
	size := 0
	for _, c := range presented {
		size += len(c.Raw)
	}
	if !wholeOctets(presented[0].Raw) {
		return refusal(presented[0], ReasonBadChain, nil, "has a signature that is no whole number of octets, which no CA writes: get the certificate again as it was issued")
	}
	if len(presented) > maxPresented || size > maxPresentedBytes {
		return refusal(presented[0], ReasonTooLarge, nil,
			"came with %d certificates of %d bytes together, where %d certificates and %d bytes are allowed: the %s should send its own and its intermediates only",
			len(presented), size, maxPresented, maxPresentedBytes, w.peer)
	}
	return nil
}

// wholeOctets reports whether the signature of a certificate in DER has no unused bits.
// crypto/x509 shifts those away, so that whoever holds a certificate could write it in
// several ways, each with a fingerprint of its own: a denied one with another.
func wholeOctets(certificate derReader) bool {
	in, _ := certificate.read(tagSequence)
	rest := derReader(in)
	_, _ = rest.read(tagSequence) // tbsCertificate
	_, _ = rest.read(tagSequence) // signatureAlgorithm
	bits, ok := rest.read(tagBitString)
	return ok && len(bits) > 0 && bits[0] == 0
}

// until returns when the last of the chains ends.
func until(chains [][]*x509.Certificate) (last time.Time) {
	for _, chain := range chains {
		if end := endOf(chain); end.After(last) {
			last = end
		}
	}
	return last
}

// endOf returns when a chain ends: it lives as long as its shortest-lived certificate.
func endOf(chain []*x509.Certificate) time.Time {
	end := chain[0].NotAfter
	for _, c := range chain[1:] {
		if c.NotAfter.Before(end) {
			end = c.NotAfter
		}
	}
	return end
}
