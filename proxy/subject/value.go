package subject

import (
	"encoding/binary"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// ASN.1 tags of character strings (X.680 §8.4), all primitive in DER.
const (
	tagObjectDescriptor = 0x07
	tagUTF8String       = 0x0c
	tagNumericString    = 0x12
	tagPrintableString  = 0x13
	tagTeletexString    = 0x14
	tagVideotexString   = 0x15
	tagIA5String        = 0x16
	tagGraphicString    = 0x19
	tagVisibleString    = 0x1a
	tagGeneralString    = 0x1b
	tagUniversalString  = 0x1c
	tagCharacterString  = 0x1d
	tagBMPString        = 0x1e
)

const constructed = 0x20

// attribute reads e as the value of an attribute of type typ.
func (e element) attribute(typ string) (Attribute, error) {
	switch e.tag {
	case tagUTF8String, tagNumericString, tagPrintableString, tagTeletexString, tagIA5String,
		tagVisibleString, tagUniversalString, tagBMPString:
		text, err := e.text()
		if err != nil {
			return Attribute{}, err
		}
		return textAttribute(typ, text)
	}
	switch e.tag &^ constructed {
	// A string in pieces is BER. The other types here switch alphabets within
	// the value (ISO 2022), so there is no telling which text they are.
	case tagUTF8String, tagNumericString, tagPrintableString, tagTeletexString, tagIA5String,
		tagVisibleString, tagUniversalString, tagBMPString, tagObjectDescriptor, tagVideotexString,
		tagGraphicString, tagGeneralString, tagCharacterString:
		return Attribute{}, refuse(BadString, "a value has the string type %#02x, which cannot be decoded", e.tag)
	}
	return binaryAttribute(typ, e.raw), nil
}

// text decodes a character string to UTF-8.
func (e element) text() (string, error) {
	text, ok := "", false
	switch e.tag {
	case tagTeletexString:
		text, ok = fromLatin1(e.content), true
	case tagBMPString:
		text, ok = fromUTF16(e.content)
	case tagUniversalString:
		text, ok = fromUTF32(e.content)
	case tagUTF8String:
		text, ok = string(e.content), utf8.Valid(e.content)
	default:
		text = string(e.content)
		ok = strings.IndexFunc(text, func(r rune) bool { return !allowed(e.tag, r) }) < 0
	}
	if !ok {
		return "", refuse(BadString, "a value has bytes that its string type %#02x does not allow", e.tag)
	}
	return text, nil
}

// allowed reports whether the string type tag, one of the ASCII ones, has r.
// Controls are an IA5String's right; checkText refuses them all the same.
func allowed(tag byte, r rune) bool {
	switch tag {
	case tagNumericString:
		return r == ' ' || isDigit(r)
	case tagPrintableString:
		// CAs put these two into PrintableStrings although X.680 has them not,
		// and crypto/x509 takes them; their meaning is not in doubt.
		return isPrintable(r) || r == '*' || r == '&'
	case tagVisibleString:
		return ' ' <= r && r <= '~'
	}
	return r < utf8.RuneSelf // IA5String
}

// isPrintable reports whether r is in a PrintableString (X.680 §41.4).
func isPrintable(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || isDigit(r) || strings.ContainsRune(" '()+,-./:=?", r)
}

func isDigit(r rune) bool { return '0' <= r && r <= '9' }

// fromLatin1 reads a TeletexString as ISO 8859-1. T.61 is something else, but
// that is how CAs fill it and how OpenSSL and crypto/x509 read it.
func fromLatin1(b []byte) string {
	runes := make([]rune, len(b))
	for i, c := range b {
		runes[i] = rune(c)
	}
	return string(runes)
}

// fromUTF16 reads a BMPString. Pairs of surrogates are not of the BMP, but
// Microsoft's CAs write them; a lone one is no character.
func fromUTF16(b []byte) (text string, ok bool) {
	if len(b)%2 != 0 {
		return "", false
	}
	var out strings.Builder
	for ; len(b) > 0; b = b[2:] {
		r := rune(binary.BigEndian.Uint16(b))
		if utf16.IsSurrogate(r) {
			if len(b) < 4 {
				return "", false
			}
			if r = utf16.DecodeRune(r, rune(binary.BigEndian.Uint16(b[2:]))); r == utf8.RuneError {
				return "", false
			}
			b = b[2:]
		}
		out.WriteRune(r)
	}
	return out.String(), true
}

// fromUTF32 reads a UniversalString.
func fromUTF32(b []byte) (text string, ok bool) {
	if len(b)%4 != 0 {
		return "", false
	}
	var out strings.Builder
	for ; len(b) > 0; b = b[4:] {
		u := binary.BigEndian.Uint32(b)
		if u > utf8.MaxRune || !utf8.ValidRune(rune(u)) {
			return "", false
		}
		out.WriteRune(rune(u))
	}
	return out.String(), true
}
