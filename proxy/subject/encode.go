package subject

import (
	"bytes"
	"crypto/x509"
	"encoding/hex"
	"slices"
	"strings"
)

// DER returns an encoding of n that [FromDER] reads back as n, and nil for the
// zero Name. Values are UTF8Strings except where RFC 5280 appendix A or the CA's
// custom wants another type: PrintableString for countries, serialNumber and
// dnQualifier, IA5String for emailAddress and DC.
func (n Name) DER() []byte {
	if n.IsZero() {
		return nil
	}
	return encode(n.rdns())
}

// encode writes rdns, which are in written order, in that of DER.
func encode(rdns [][]Attribute) []byte {
	var sets []byte
	for _, rdn := range slices.Backward(rdns) {
		var pairs [][]byte
		for _, a := range rdn {
			pair := appendElement(nil, tagOID, encodeOID(oidOf(a.Type)))
			pairs = append(pairs, appendElement(nil, tagSequence, append(pair, encodeValue(a)...)))
		}
		slices.SortFunc(pairs, bytes.Compare) // X.690 §11.6
		sets = appendElement(sets, tagSet, slices.Concat(pairs...))
	}
	return appendElement(nil, tagSequence, sets)
}

func encodeOID(dotted string) []byte {
	oid, err := x509.ParseOID(dotted)
	if err != nil {
		panic("subject: attribute type " + dotted + " is not an OID")
	}
	der, _ := oid.MarshalBinary() // it has no way to fail
	return der
}

func encodeValue(a Attribute) []byte {
	if a.Binary {
		der, err := hex.DecodeString(a.Value[1:])
		if err != nil {
			panic("subject: binary value " + a.Value + " is not hex")
		}
		return der
	}
	return appendElement(nil, stringType(a), []byte(a.Value))
}

// stringType chooses the ASN.1 string type for the text of a.
func stringType(a Attribute) byte {
	notPrintable := func(r rune) bool { return !isPrintable(r) }
	notASCII := func(r rune) bool { return r > '~' }
	switch oidOf(a.Type) {
	case oidC, oidSerialNumber, oidJurisdictionC, oidDNQualifier:
		if strings.IndexFunc(a.Value, notPrintable) < 0 {
			return tagPrintableString
		}
	case oidEmailAddress, oidDC:
		if strings.IndexFunc(a.Value, notASCII) < 0 {
			return tagIA5String
		}
	}
	return tagUTF8String
}

// appendElement appends tag, length and content. A length of more than two
// bytes is written too, so that build can measure what it then refuses.
func appendElement(out []byte, tag byte, content []byte) []byte {
	out = append(out, tag)
	switch n := len(content); {
	case n < 0x80:
		out = append(out, byte(n))
	case n < 0x100:
		out = append(out, 0x81, byte(n))
	case n < 0x10000:
		out = append(out, 0x82, byte(n>>8), byte(n))
	default:
		out = append(out, 0x83, byte(n>>16), byte(n>>8), byte(n))
	}
	return append(out, content...)
}
