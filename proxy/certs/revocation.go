package certs

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"slices"
	"time"
)

// A CRLPolicy says what becomes of the clients of a CA of which there is no fresh
// revocation list.
type CRLPolicy int

// The policies.
const (
	// CRLWhenAvailable lets those pass whose CA has no list, and refuses those whose
	// CA's list has expired.
	CRLWhenAvailable CRLPolicy = iota
	// CRLStrict refuses both.
	CRLStrict
)

// String returns the policy as the configuration spells it.
func (p CRLPolicy) String() string {
	if p == CRLStrict {
		return "strict"
	}
	return "whenAvailable"
}

// crlTerms say how long a list counts.
type crlTerms struct {
	policy CRLPolicy
	grace  time.Duration
}

// termsOf returns those of o: a grace would make strict less so.
func termsOf(o Options) crlTerms {
	if o.CRLPolicy == CRLStrict {
		return crlTerms{policy: o.CRLPolicy}
	}
	return crlTerms{policy: o.CRLPolicy, grace: max(0, o.CRLGrace)}
}

// end returns when c ends to count.
func (t crlTerms) end(c *CRL) time.Time { return c.NextUpdate.Add(t.grace) }

// A revocation is what a Bundle knows of withdrawn certificates. It is immutable.
type revocation struct {
	crlTerms
	issuers map[string][]*CRL // by RawIssuer
	anchors []*finding        // the anchors that were withdrawn
}

func revocationOf(lists []*CRL, terms crlTerms) *revocation {
	r := &revocation{crlTerms: terms, issuers: make(map[string][]*CRL)}
	for _, c := range lists {
		r.issuers[string(c.RawIssuer)] = append(r.issuers[string(c.RawIssuer)], c)
	}
	return r
}

// A finding is a reason why a chain does not count.
type finding struct {
	reason string            // one of the Reason constants
	cert   *x509.Certificate // of the chain
	issuer *x509.Certificate // of cert; nil where cert is an anchor
	list   *CRL              // that says so; nil if there is none
	entry  Revocation        // of cert in list
}

// graver reports whether f says more than other, which may be nil: that somebody is
// withdrawn more than that it cannot be known.
func (f *finding) graver(other *finding) bool {
	return other == nil || f.gravity() > other.gravity()
}

func (f *finding) gravity() int {
	return slices.Index([]string{ReasonCRLMissing, ReasonCRLExpired, ReasonIssuerRevoked, ReasonRevoked}, f.reason)
}

// unrevoked returns those of the chains in which nothing is revoked, and the earliest
// moment at which this may be otherwise. If there are none, the Refusal says why.
func (b *Bundle) unrevoked(chains [][]*x509.Certificate, now time.Time) (v Verified, soonest time.Time, refused *Refusal) {
	var gravest *finding
	for _, chain := range chains {
		end, bad := b.revocation.check(chain, now)
		if bad != nil {
			if bad.graver(gravest) {
				gravest = bad
			}
			continue
		}
		if v.Chains = append(v.Chains, chain); end.After(v.Until) {
			v.Until = end
		}
		if soonest.IsZero() || end.Before(soonest) {
			soonest = end
		}
	}
	if len(v.Chains) == 0 {
		leaf := chains[0][0]
		return v, soonest, refusal(leaf, gravest.reason, nil, "%s", b.revocation.words(gravest, leaf))
	}
	return v, soonest, nil
}

// check looks each certificate of a chain up in the lists of its issuer: the one that
// is above it there, as a CA may have many keys. An anchor is trusted for what it is,
// so that it has no list is nothing; but a list that names it counts. What is returned
// is when the chain ends, or the gravest reason why it does not count.
func (r *revocation) check(chain []*x509.Certificate, now time.Time) (end time.Time, gravest *finding) {
	end = endOf(chain)
	note := func(f *finding) {
		if f != nil && f.graver(gravest) {
			gravest = f
		}
	}
	anchor := len(chain) - 1
	for i, c := range chain[:anchor] {
		until, bad := r.look(c, chain[i+1], now)
		if bad != nil && bad.reason == ReasonRevoked && i > 0 {
			bad.reason = ReasonIssuerRevoked
		}
		if note(bad); !until.IsZero() && until.Before(end) {
			end = until
		}
	}
	for _, f := range r.anchors {
		if f.cert.Equal(chain[anchor]) {
			withdrawn := *f
			if anchor == 0 {
				withdrawn.reason = ReasonRevoked // it presents itself
			}
			note(&withdrawn)
		}
	}
	return end, gravest
}

// look looks c up in the newest list of its issuer, and returns when that ends to
// count; zero if there is none and none is wanted. A list that the issuer's key has
// signed and its certificate does not allow counts against c, but is none that strict
// asks for: the holder of a revoked certificate may choose with which one of the CA he
// comes.
func (r *revocation) look(c, issuer *x509.Certificate, now time.Time) (end time.Time, bad *finding) {
	lists := r.of(issuer)
	for _, one := range lists {
		if entry, found := one.Find(c.SerialNumber); found {
			return end, &finding{reason: ReasonRevoked, cert: c, issuer: issuer, list: one, entry: entry}
		}
	}
	if r.policy == CRLStrict && (len(lists) == 0 || lists[0].checkIssuer(issuer) != nil) {
		return end, &finding{reason: ReasonCRLMissing, cert: c, issuer: issuer}
	}
	for _, one := range lists {
		switch until := r.end(one); {
		case now.After(until):
			bad = &finding{reason: ReasonCRLExpired, cert: c, issuer: issuer, list: one}
		case end.IsZero() || until.Before(end):
			end = until
		}
	}
	return end, bad
}

// of returns the newest list that the key of issuer signed. There may be more that are
// as new as it.
func (r *revocation) of(issuer *x509.Certificate) (newest []*CRL) {
	for _, one := range r.issuers[string(issuer.RawSubject)] {
		switch {
		case !one.signedBy(issuer):
		case len(newest) == 0 || older(newest[0], one):
			newest = []*CRL{one}
		case !older(one, newest[0]):
			newest = append(newest, one)
		}
	}
	return newest
}

// older reports whether a was made before b, of two lists of one CA: by their numbers,
// which only grow and which every list must have (RFC 5280 §5.2.3), else by their
// dates. One without a number is older than any that has one: were the two compared
// by date, three lists could each be older than the next, and none be the newest.
func older(a, b *CRL) bool {
	switch {
	case a.Number == nil && b.Number == nil:
		return a.ThisUpdate.Before(b.ThisUpdate)
	case a.Number == nil || b.Number == nil:
		return a.Number == nil
	}
	if order := a.Number.Cmp(b.Number); order != 0 {
		return order < 0
	}
	return a.ThisUpdate.Before(b.ThisUpdate)
}

// words says what f is, and how to mend it, after the words for the leaf of a chain.
func (r *revocation) words(f *finding, leaf *x509.Certificate) string {
	is := ""
	if f.cert != leaf {
		is = fmt.Sprintf("is not good because the CA above it, %s, serial %s, ", shownSubject(f.cert), shownSerial(f.cert))
	}
	switch f.reason {
	case ReasonRevoked, ReasonIssuerRevoked:
		return is + f.withdrawn()
	case ReasonCRLMissing:
		return is + fmt.Sprintf("cannot be checked: there is no revocation list of its issuer, %s, and crlPolicy is strict; "+
			"add that list to crl, or set crlPolicy: whenAvailable to let pass what such a CA issued", shownSubject(f.issuer))
	}
	text := is + fmt.Sprintf("cannot be checked: %s in %q expired on %s", f.list.named(), shorten(f.list.File), shownTime(f.list.NextUpdate))
	switch {
	case r.policy == CRLStrict:
		text += ", and crlPolicy: strict knows no grace; replace it by the CA's present list"
	case r.grace > 0:
		text += fmt.Sprintf(", and a crlGrace of %s has passed since; replace it by the CA's present list", r.grace)
	default:
		text += "; replace it by the CA's present list, or set crlGrace for a CA that is late"
	}
	return text
}

// withdrawn says when and by which list the certificate of f was revoked.
func (f *finding) withdrawn() string {
	why := ""
	if f.entry.Reason != "" {
		why = " (" + f.entry.Reason + ")"
	}
	return fmt.Sprintf("was revoked on %s%s by %s", shownTime(f.entry.Date), why, f.list.named())
}

// named says which list c is, safe to show.
func (c *CRL) named() string {
	number := ""
	if c.Number != nil {
		number = " number " + shorten(c.Number.String())
	}
	return fmt.Sprintf(`the revocation list%s of the CA "%s"`, number, c.Issuer)
}

// signer returns which of the anchors signed c. If none did, err says why one of its
// name did not; that is nil if no anchor has that name.
func (c *CRL) signer(anchors []*x509.Certificate) (by *x509.Certificate, err error) {
	for _, a := range anchors {
		if !bytes.Equal(a.RawSubject, c.RawIssuer) {
			continue
		}
		problem := c.CheckSignatureFrom(a)
		if problem == nil {
			return a, nil
		}
		if err == nil || codeOf(problem) == CodeCRLSignature { // says more than that it has another key
			err = problem
		}
	}
	return nil, err
}

// prover returns a CA that was found to have signed c: an anchor, or one above a peer
// that was verified, as no other is ever asked for. It is nil as long as there is none.
func (c *CRL) prover() *x509.Certificate {
	c.signature.mu.Lock()
	defer c.signature.mu.Unlock()
	return c.signature.prover
}
