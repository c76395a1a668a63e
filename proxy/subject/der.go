package subject

import (
	"crypto/x509"
	"slices"
)

// ASN.1 identifier octets (X.690 §8.1.2) of the types around the values.
const (
	tagOID      = 0x06
	tagSequence = 0x30
	tagSet      = 0x31
)

// FromDER reads the DER of a Name (RFC 5280 §4.1.2.4), normally
// [x509.Certificate.RawSubject] or RawIssuer. It refuses what is not DER, what
// is ambiguous, an empty name, and more than 16 KiB or 100 attributes; the
// error is always an [*AmbiguousError]. It keeps no part of der.
func FromDER(der []byte) (Name, error) {
	if len(der) > maxDER {
		return Name{}, refuse(TooLarge, "the name has %d bytes; %d is the limit", len(der), maxDER)
	}
	sets, err := readOnly(der, tagSequence, "the name")
	if err != nil {
		return Name{}, err
	}
	var rdns [][]Attribute
	for len(sets) > 0 {
		var e element
		if e, sets, err = readElement(sets); err != nil {
			return Name{}, err
		}
		rdn, err := e.rdn()
		if err != nil {
			return Name{}, err
		}
		rdns = append(rdns, rdn)
	}
	slices.Reverse(rdns) // DER has the root first, the written form last
	return build(rdns)
}

// rdn reads a RelativeDistinguishedName: SET OF AttributeTypeAndValue. Their
// order is not looked at, although DER fixes it: as a set they are the same.
func (e element) rdn() ([]Attribute, error) {
	if e.tag != tagSet {
		return nil, refuse(NotDER, "an RDN has tag %#02x, not SET", e.tag)
	}
	var rdn []Attribute
	for pairs := e.content; len(pairs) > 0; {
		pair, rest, err := readElement(pairs)
		if err != nil {
			return nil, err
		}
		a, err := pair.pair()
		if err != nil {
			return nil, err
		}
		rdn, pairs = append(rdn, a), rest
	}
	return rdn, nil
}

// pair reads an AttributeTypeAndValue: SEQUENCE of an OID and any one value.
func (e element) pair() (Attribute, error) {
	if e.tag != tagSequence {
		return Attribute{}, refuse(NotDER, "an attribute has tag %#02x, not SEQUENCE", e.tag)
	}
	oid, rest, err := readElement(e.content)
	if err != nil {
		return Attribute{}, err
	}
	typ, err := oid.typ()
	if err != nil {
		return Attribute{}, err
	}
	value, rest, err := readElement(rest)
	if err != nil {
		return Attribute{}, err
	}
	if len(rest) > 0 {
		return Attribute{}, refuse(NotDER, "%d bytes follow the value of an attribute", len(rest))
	}
	return value.attribute(typ)
}

// typ reads an attribute type. [x509.OID] does it because the arcs of an
// [encoding/asn1.ObjectIdentifier] end at an int.
func (e element) typ() (string, error) {
	var oid x509.OID
	if e.tag != tagOID || len(e.content) > maxOID || oid.UnmarshalBinary(e.content) != nil {
		return "", refuse(NotDER, "an attribute type is not an object identifier of at most %d bytes", maxOID)
	}
	return typeWithOID(oid.String()).canonical(), nil
}

// An element is one tag, length and value.
type element struct {
	tag     byte
	content []byte
	raw     []byte // all of it
}

// readOnly reads the one element that b must be, and returns its content.
func readOnly(b []byte, tag byte, what string) ([]byte, error) {
	e, rest, err := readElement(b)
	if err != nil {
		return nil, err
	}
	if e.tag != tag {
		return nil, refuse(NotDER, "%s has tag %#02x, not %#02x", what, e.tag, tag)
	}
	if len(rest) > 0 {
		return nil, refuse(NotDER, "%d bytes follow %s", len(rest), what)
	}
	return e.content, nil
}

// readElement takes one element off b. Lengths must be definite and as short
// as can be (X.690 §10.1). Tags of more than one byte are refused: no standard
// has one in a name.
func readElement(b []byte) (e element, rest []byte, err error) {
	if len(b) < 2 {
		return e, nil, refuse(NotDER, "the bytes end within a tag or length")
	}
	if b[0]&0x1f == 0x1f || b[0] == 0 {
		return e, nil, refuse(NotDER, "tag %#02x has no place in a name", b[0])
	}
	length, head := int(b[1]), 2
	if b[1] >= 0x80 {
		if length, head, err = readLongLength(b); err != nil {
			return e, nil, err
		}
	}
	if length > len(b)-head {
		return e, nil, refuse(NotDER, "a length of %d runs past the end by %d", length, length-(len(b)-head))
	}
	end := head + length
	return element{tag: b[0], content: b[head:end], raw: b[:end]}, b[end:], nil
}

// readLongLength reads a length of 128 or more, in the bytes after b[1], which
// counts them. Two do for [maxDER].
func readLongLength(b []byte) (length, head int, err error) {
	n := int(b[1] & 0x7f)
	if n == 0 || n > 2 || len(b) < 2+n {
		return 0, 0, refuse(NotDER, "a length is indefinite, too long or cut off")
	}
	for _, c := range b[2 : 2+n] {
		length = length<<8 | int(c)
	}
	if length < 0x80 || n == 2 && length < 0x100 {
		return 0, 0, refuse(NotDER, "a length is written in more bytes than it needs")
	}
	return length, 2 + n, nil
}
