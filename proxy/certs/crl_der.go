package certs

import (
	"bytes"
	"encoding/asn1"
	"time"
)

// The DER tags of a revocation list.
const (
	tagBoolean         = 0x01
	tagInteger         = 0x02
	tagBitString       = 0x03
	tagOctetString     = 0x04
	tagOID             = 0x06
	tagEnumerated      = 0x0a
	tagUTCTime         = 0x17
	tagGeneralizedTime = 0x18
	tagSequence        = 0x30
	tagExtensions      = 0xa0 // [0] EXPLICIT
)

// A derReader reads the elements of some DER one after the other. It allocates
// nothing and looks at nothing twice, because a list may have a million entries:
// encoding/asn1 and crypto/x509 would turn 50 MB into ten times as much.
type derReader []byte

// peek returns the tag of the next element, or 0 at the end.
func (r derReader) peek() byte {
	if len(r) == 0 {
		return 0
	}
	return r[0]
}

// read returns the content of the next element, which must have the tag.
func (r *derReader) read(tag byte) (content []byte, ok bool) {
	_, content, ok = r.element(tag)
	return content, ok
}

// element returns the next element, which must have the tag, and its content. It
// takes DER only (X.690 §10.1): definite lengths, each in as few octets as it needs.
func (r *derReader) element(tag byte) (whole, content []byte, ok bool) {
	b := *r
	if len(b) < 2 || b[0] != tag {
		return nil, nil, false
	}
	header, length := 2, int(b[1])
	if length >= 0x80 {
		octets := length & 0x7f
		if octets < 1 || octets > 4 || len(b) < 2+octets || b[2] == 0 {
			return nil, nil, false
		}
		header, length = 2+octets, 0
		for _, o := range b[2:header] {
			length = length<<8 | int(o)
		}
		if length < 0x80 {
			return nil, nil, false
		}
	}
	if length < 0 || length > len(b)-header { // below 0: four octets where an int has 32 bits
		return nil, nil, false
	}
	*r = b[header+length:]
	return b[:header+length], b[header : header+length], true
}

// integer returns the content of the next element, an INTEGER in its shortest form.
func (r *derReader) integer() (content []byte, ok bool) {
	content, ok = r.read(tagInteger)
	if !ok || len(content) == 0 {
		return nil, false
	}
	if len(content) > 1 && (content[0] == 0 && content[1] < 0x80 || content[0] == 0xff && content[1] >= 0x80) {
		return nil, false
	}
	return content, true
}

// time reads a Time in the form of RFC 5280 §4.1.2.5: with seconds, without a fraction,
// in UTC. Either type may be of any year (§5.1.2.4). It returns the seconds since 1970.
func (r *derReader) time() (unix int64, ok bool) {
	tag, yearDigits := r.peek(), 2
	switch tag {
	case tagUTCTime:
	case tagGeneralizedTime:
		yearDigits = 4
	default:
		return 0, false
	}
	text, ok := r.read(tag)
	if !ok || len(text) != yearDigits+len("MMDDHHMMSSZ") {
		return 0, false
	}
	year, ok := digits(text[:yearDigits])
	if !ok {
		return 0, false
	}
	if tag == tagUTCTime { // of 1950 to 2049
		year += 1900
		if year < 1950 {
			year += 100
		}
	}
	return restOfTime(year, text[yearDigits:])
}

// restOfTime reads MMDDHHMMSSZ.
func restOfTime(year int, text []byte) (unix int64, ok bool) {
	var field [5]int // month, day, hour, minute, second
	for i := range field {
		if field[i], ok = digits(text[2*i : 2*i+2]); !ok {
			return 0, false
		}
	}
	month, day, hour, minute, second := field[0], field[1], field[2], field[3], field[4]
	if hour > 23 || minute > 59 || second > 59 || text[len(text)-1] != 'Z' {
		return 0, false
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	if int(t.Month()) != month || t.Day() != day { // it makes 3 March of 31 February
		return 0, false
	}
	return t.Unix(), true
}

func digits(text []byte) (n int, ok bool) {
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int(c-'0')
	}
	return n, true
}

// A crlExtension is one Extension (RFC 5280 §4.2) of an entry.
type crlExtension struct {
	oid      []byte // the content of the OBJECT IDENTIFIER
	critical bool
	value    []byte
}

// extension reads one Extension. A critical that is FALSE should have been left out
// in DER, but is written by enough CAs that crypto/x509 takes it too.
func (r *derReader) extension() (x crlExtension, ok bool) {
	content, ok := r.read(tagSequence)
	in := derReader(content)
	if !ok {
		return x, false
	}
	if x.oid, ok = in.read(tagOID); !ok {
		return x, false
	}
	if in.peek() == tagBoolean {
		flag, ok := in.read(tagBoolean)
		if !ok || len(flag) != 1 || flag[0] != 0 && flag[0] != 0xff {
			return x, false
		}
		x.critical = flag[0] != 0
	}
	x.value, ok = in.read(tagOctetString)
	return x, ok && len(in) == 0
}

// maxOIDOctets bounds the name of an extension in an entry.
const maxOIDOctets = 64

// shownOID writes out the content of an OBJECT IDENTIFIER, if it is one.
func shownOID(content []byte) (text string, ok bool) {
	var oid asn1.ObjectIdentifier
	if len(content) > maxOIDOctets {
		return "", false
	}
	if _, err := asn1.Unmarshal(encoded(tagOID, content), &oid); err != nil {
		return "", false
	}
	return shorten(oid.String()), true
}

// encoded returns an element whose content is all parts.
func encoded(tag byte, parts ...[]byte) []byte {
	// Marshal fails for types that it does not know, and this is one that it knows.
	whole, _ := asn1.Marshal(asn1.RawValue{Class: int(tag >> 6), IsCompound: tag&0x20 != 0, Tag: int(tag & 0x1f), Bytes: bytes.Join(parts, nil)})
	return whole
}
