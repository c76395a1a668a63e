package certs

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"time"
)

// maxFrame bounds what a list says beside its entries: names, extensions, signature.
const maxFrame = 64 << 10

// ParseCRL reads one list in DER, strictly: it must be complete, direct, for all
// certificates of its CA, and say when the next one comes. Its error is a [*CRLError].
// Neither who signed it nor whether it has expired is looked at: see
// [CRL.CheckSignatureFrom] and NextUpdate. It does not keep der, and needs, beside der
// and what it returns, next to nothing.
//
// A list of version 1 is one without extensions. An entry with a negative serial number
// is skipped, as no certificate with one is ever accepted; one of more than 64 octets
// makes the list malformed.
func ParseCRL(der []byte) (*CRL, error) {
	p, problem := dissect(der)
	if problem != nil {
		return nil, problem
	}
	c, problem := p.frame()
	if problem != nil {
		return nil, problem
	}
	if c.revoked, problem = parseEntries(p.entries, p.version1); problem != nil {
		return nil, problem
	}
	c.Entries = c.revoked.sort()
	c.Sum = sha256.Sum256(der)
	return c, nil
}

// crlParts are the parts of a list, in the order in which they lie in it. Each is a
// part of the DER, with tag and length unless it says otherwise.
type crlParts struct {
	tbs        []byte // what is signed
	version1   bool
	algorithm  []byte
	issuer     []byte
	thisUpdate time.Time
	nextUpdate time.Time
	times      []byte // thisUpdate and nextUpdate
	entries    []byte // content of revokedCertificates; nil if there are none
	extensions []byte // nil if there are none
	signature  []byte
}

// dissect finds the parts of a list, and what must hold between them.
func dissect(der []byte) (p crlParts, problem *CRLError) {
	in := derReader(der)
	list, ok := in.read(tagSequence)
	switch {
	case !ok:
		return p, malformed("is not DER, or is cut short")
	case len(in) > 0:
		return p, malformed("is followed by %d octets that do not belong to it", len(in))
	}
	in = list
	tbs, content, ok := in.element(tagSequence)
	if !ok {
		return p, malformed("has no tbsCertList")
	}
	p.tbs = tbs
	algorithm, _, ok := in.element(tagSequence)
	if !ok {
		return p, malformed("has no signature algorithm")
	}
	signature, bits, ok := in.element(tagBitString)
	if !ok || len(in) > 0 || len(bits) < 2 || bits[0] != 0 {
		return p, malformed("has no signature at its end")
	}
	p.signature = signature
	if problem := p.dissectTBS(content); problem != nil {
		return p, problem
	}
	if !bytes.Equal(algorithm, p.algorithm) {
		return p, malformed("names two signature algorithms, one in what is signed and another beside it")
	}
	if beside := len(der) - len(p.entries); beside > maxFrame {
		return p, malformed("says %d octets beside its entries, more than %d", beside, maxFrame)
	}
	return p, nil
}

// dissectTBS finds the parts of what is signed.
func (p *crlParts) dissectTBS(content []byte) *CRLError {
	in := derReader(content)
	p.version1 = in.peek() != tagInteger
	if !p.version1 {
		if version, ok := in.integer(); !ok || len(version) != 1 || version[0] != 1 {
			return malformed("is neither of version 2 nor, without a version, of version 1")
		}
	}
	var ok bool
	if p.algorithm, _, ok = in.element(tagSequence); !ok {
		return malformed("has no signature algorithm in what is signed")
	}
	if p.issuer, _, ok = in.element(tagSequence); !ok {
		return malformed("has no issuer")
	}
	if problem := p.dissectTimes(&in); problem != nil {
		return problem
	}
	if in.peek() == tagSequence {
		if p.entries, ok = in.read(tagSequence); !ok {
			return malformed("has entries that do not end where they say")
		}
	}
	if in.peek() == tagExtensions {
		if p.extensions, _, ok = in.element(tagExtensions); !ok || p.version1 {
			return malformed("has extensions that are cut short, or that its version does not have")
		}
	}
	if len(in) > 0 {
		return malformed("has something after its extensions")
	}
	return nil
}

// dissectTimes reads thisUpdate and nextUpdate.
func (p *crlParts) dissectTimes(in *derReader) *CRLError {
	begin := *in
	from, ok := in.time()
	if !ok {
		return malformed("does not say when it was issued (thisUpdate)")
	}
	if tag := in.peek(); tag != tagUTCTime && tag != tagGeneralizedTime {
		return crlError(CodeCRLNoNextUpdate, "does not say when the next one comes (nextUpdate), so nobody can tell how long it holds")
	}
	until, ok := in.time()
	if !ok {
		return malformed("does not say in a readable way when the next one comes (nextUpdate)")
	}
	p.thisUpdate, p.nextUpdate = time.Unix(from, 0).UTC(), time.Unix(until, 0).UTC()
	p.times = begin[:len(begin)-len(*in)]
	if until < from {
		return malformed("says that the next one comes before it: nextUpdate is %s, thisUpdate %s", shownTime(p.nextUpdate), shownTime(p.thisUpdate))
	}
	return nil
}

// frame reads all but the entries. It has crypto/x509 read a list that is the same
// but has no entries: that knows every corner of names, extensions and algorithms, and
// what it makes of such a small list may cost what it costs.
func (p *crlParts) frame() (*CRL, *CRLError) {
	version := encoded(tagInteger, []byte{1})
	tbs := encoded(tagSequence, version, p.algorithm, p.issuer, p.times, p.extensions)
	list, err := x509.ParseRevocationList(encoded(tagSequence, tbs, p.algorithm, p.signature))
	if err != nil {
		return nil, malformed("cannot be decoded: %s", shorten(err.Error()))
	}
	if problem := checkExtensions(p.extensions, list.Extensions); problem != nil {
		return nil, problem
	}
	c := &CRL{
		Issuer:     bareName(list.RawIssuer, list.Issuer),
		RawIssuer:  bytes.Clone(p.issuer),
		KeyID:      bytes.Clone(list.AuthorityKeyId),
		Number:     list.Number,
		ThisUpdate: p.thisUpdate,
		NextUpdate: p.nextUpdate,
	}
	var problem *CRLError
	c.signature, problem = newSignature(list, p.tbs)
	return c, problem
}
