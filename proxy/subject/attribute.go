package subject

import (
	"encoding/hex"
	"strings"
)

// An Attribute is one type and value of a Name, in canonical spelling: Type is
// "CN" or a dotted OID, Value is the decoded text, or "#" and the hex of the
// DER where the value is not a character string (then Binary is true).
type Attribute struct {
	Type   string
	Value  string
	Binary bool
}

// NewAttribute returns the attribute with the type typ, in any spelling that
// [Parse] knows, and the text value. The value is taken as it is: a backslash
// is a backslash, and "#0500" is five characters. The error is a [*ParseError]
// if there is no such type, an [*AmbiguousError] if no name may hold the value.
func NewAttribute(typ, value string) (Attribute, error) {
	return Attribute{Type: typ, Value: value}.check()
}

// LongName returns the type of a as standards write it in full, such as
// "commonName" (RFC 4519 §2, X.520), and the dotted OID of a type that has no
// such name here. It is what a person reads; [Name.String] has the short one.
func (a Attribute) LongName() string {
	t, fault := typeNamed(a.Type)
	if fault != nil || t.long == "" {
		return a.Type
	}
	return t.long
}

// check returns a in canonical spelling.
func (a Attribute) check() (Attribute, error) {
	t, fault := typeNamed(a.Type)
	if fault != nil {
		return Attribute{}, fault.in(a.Type, 0)
	}
	if a.Binary {
		return hexAttribute(t.canonical(), a.Value)
	}
	return textAttribute(t.canonical(), a.Value)
}

// textAttribute makes the attribute of a character string. Every text passes
// through here, from a certificate and from a person: what it refuses is in no
// Name.
func textAttribute(typ, text string) (Attribute, error) {
	if err := checkText(text); err != nil {
		return Attribute{}, err
	}
	return Attribute{Type: typ, Value: text}, nil
}

// hexAttribute reads a value written as "#" and the hex of its DER (RFC 4514
// §2.4). If the value is a character string after all, its text counts: Go and
// OpenSSL write any value so whose type they have no name for.
func hexAttribute(typ, value string) (Attribute, error) {
	digits, ok := strings.CutPrefix(value, "#")
	der, err := hex.DecodeString(digits)
	if !ok || err != nil || len(der) == 0 {
		return Attribute{}, refuse(NotDER, `a value in hex is "#" and an even number of hex digits`)
	}
	e, rest, err := readElement(der)
	if err != nil {
		return Attribute{}, err
	}
	if len(rest) > 0 {
		return Attribute{}, refuse(NotDER, "%d bytes follow the value in hex", len(rest))
	}
	return e.attribute(typ)
}

// binaryAttribute makes the attribute of a value that is not a character
// string. It compares by its DER, byte by byte.
func binaryAttribute(typ string, der []byte) Attribute {
	return Attribute{Type: typ, Value: "#" + hex.EncodeToString(der), Binary: true}
}
