package certs

import (
	"crypto/x509/pkix"
	"encoding/asn1"
)

// The extensions of a list (RFC 5280 §5.2) that matter here.
var (
	oidCRLNumber = asn1.ObjectIdentifier{2, 5, 29, 20}
	oidDelta     = asn1.ObjectIdentifier{2, 5, 29, 27}
	oidScope     = asn1.ObjectIdentifier{2, 5, 29, 28} // issuingDistributionPoint
)

// checkExtensions refuses what would make a list mean another thing than it seems to:
// raw are the extensions as they are written, all as crypto/x509 has read them.
func checkExtensions(raw []byte, all []pkix.Extension) *CRLError {
	if raw != nil && !areExtensions(raw) {
		return malformed("has extensions that cannot be decoded, or an empty list of them")
	}
	byOID := map[string]pkix.Extension{}
	for _, x := range all {
		name := x.Id.String()
		if _, twice := byOID[name]; twice {
			return malformed("has the extension %s twice", shorten(name))
		}
		byOID[name] = x
	}
	if _, found := byOID[oidDelta.String()]; found {
		return crlError(CodeCRLDelta, "is a delta: it names only what has changed since another list")
	}
	if x, found := byOID[oidScope.String()]; found {
		return checkScope(x.Value)
	}
	if x, found := byOID[oidCRLNumber.String()]; found {
		if problem := checkNumber(x.Value); problem != nil {
			return problem
		}
	}
	for _, x := range all {
		if x.Critical && !x.Id.Equal(oidCRLNumber) {
			return crlError(CodeCRLCriticalExtension, "has the critical extension %s, which is not implemented", shorten(x.Id.String()))
		}
	}
	return nil
}

// areExtensions reports whether the element holds Extensions and nothing beside them,
// which crypto/x509 does not look at.
func areExtensions(raw derReader) bool {
	content, ok := raw.read(tagExtensions)
	in := derReader(content)
	list, good := in.read(tagSequence)
	if !ok || !good || len(in) > 0 || len(list) == 0 {
		return false
	}
	for in = list; len(in) > 0; {
		if _, ok := in.extension(); !ok {
			return false
		}
	}
	return true
}

// maxCRLNumberOctets is of RFC 5280 §5.2.3.
const maxCRLNumberOctets = 20

// checkNumber holds a CRL number against RFC 5280 §5.2.3.
func checkNumber(value []byte) *CRLError {
	in := derReader(value)
	number, ok := in.integer()
	switch {
	case !ok || len(in) > 0:
		return malformed("has a CRL number that is no number")
	case number[0] >= 0x80:
		return malformed("has a negative CRL number")
	case len(number) > maxCRLNumberOctets:
		return malformed("has a CRL number of %d octets, more than %d", len(number), maxCRLNumberOctets)
	}
	return nil
}

// checkScope says what an issuingDistributionPoint (RFC 5280 §5.2.5) limits a list to.
// Even one that limits nothing is refused: its only use is to tell lists of one CA
// apart, and here is none to be told apart from.
func checkScope(value []byte) *CRLError {
	in := derReader(value)
	content, ok := in.read(tagSequence)
	if !ok || len(in) > 0 {
		return malformed("has an issuingDistributionPoint that is none")
	}
	var scopes []string
	for in = content; len(in) > 0; {
		tag := in.peek()
		field, ok := in.read(tag)
		scope, known := scopeNames[tag]
		if !ok || !known {
			return malformed("has an issuingDistributionPoint that is none")
		}
		limits := tag == tagDistributionPoint || tag == tagSomeReasons || len(field) == 1 && field[0] != 0
		switch {
		case limits && tag == tagIndirect:
			return crlError(CodeCRLIndirect, "is indirect: it revokes certificates of other CAs too")
		case limits:
			scopes = append(scopes, scope)
		}
	}
	if len(scopes) == 0 {
		return crlError(CodeCRLScoped, "has an issuingDistributionPoint: it may be one of several that its CA publishes")
	}
	return crlError(CodeCRLScoped, "covers a part of the certificates of its CA only: it is limited to %s", few(scopes, len(scopes)))
}

// The tags of an issuingDistributionPoint's fields that are told apart.
const (
	tagDistributionPoint = 0xa0
	tagSomeReasons       = 0x83
	tagIndirect          = 0x84
)

// scopeNames are the fields of an issuingDistributionPoint by their tags.
var scopeNames = map[byte]string{
	tagDistributionPoint: "a distribution point",
	0x81:                 "user certificates",
	0x82:                 "CA certificates",
	tagSomeReasons:       "some reasons",
	tagIndirect:          "",
	0x85:                 "attribute certificates",
}
