package subject_test

import (
	"encoding/asn1"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sidegate/sidegate/proxy/subject"
)

// FuzzParseRender: what parses is rendered to text and DER that read back as
// the same name, and the canonical form is printable ASCII.
func FuzzParseRender(f *testing.F) {
	for _, v := range readVectors(f) {
		for _, r := range v.renderings {
			f.Add(r.text)
		}
	}
	f.Add(`subject=CN="a""b"+OID.1.2=#0500;O=\C3\A9\ `)
	f.Fuzz(func(t *testing.T, s string) {
		n, err := subject.Parse(s)
		if err != nil {
			return
		}
		roundTrip(t, n)
	})
}

// FuzzFromDER: names that compare equal have the same structure by
// encoding/asn1, and those with the same structure compare equal.
func FuzzFromDER(f *testing.F) {
	vectors := readVectors(f)
	for i, v := range vectors {
		f.Add(v.der, vectors[(i+1)%len(vectors)].der)
	}
	a, b := pair(o, utf8String("A")), pair(cn, utf8String("x"))
	f.Add(sequence(set(a, b)), sequence(set(b, a)))
	f.Add(sequence(set(a, b)), sequence(set(a), set(b)))
	f.Add(only(utf8String("#0500")), only([]byte{5, 0}))
	f.Add(only(utf8String("A")), only(tlv(0x1e, []byte("\x00A"))))
	f.Fuzz(func(t *testing.T, left, right []byte) {
		l, err := subject.FromDER(left)
		if err != nil {
			return
		}
		roundTrip(t, l)
		for _, other := range [][]byte{right, l.DER()} {
			r, err := subject.FromDER(other)
			if err != nil {
				continue
			}
			sl, okl := structure(left)
			sr, okr := structure(other)
			if okl && okr && (l == r) != (sl == sr) {
				t.Errorf("%s and %s compare %v, but their structures are\n%s\n%s", l, r, l == r, sl, sr)
			}
		}
	})
}

func roundTrip(t *testing.T, n subject.Name) {
	t.Helper()
	if got := mustParse(t, n.String()); got != n {
		t.Errorf("%s parses to %s", n, got)
	}
	if got := mustRead(t, n.DER()); got != n {
		t.Errorf("the DER of %s reads %s", n, got)
	}
	if n.IsZero() {
		t.Error("the zero name came without an error")
	}
	for _, c := range []byte(n.String()) {
		if c < ' ' || c > '~' {
			t.Fatalf("%q has byte %#02x", n, c)
		}
	}
}

// structure describes a name by another decoder's reading of it. ok is false
// for what that decoder does not read, such as OIDs with arcs beyond an int.
func structure(der []byte) (description string, ok bool) {
	type attribute struct {
		Type  asn1.ObjectIdentifier
		Value asn1.RawValue
	}
	var sets []asn1.RawValue
	if _, err := asn1.Unmarshal(der, &sets); err != nil {
		return "", false
	}
	var out []string
	for _, set := range sets {
		var attributes []attribute
		if _, err := asn1.UnmarshalWithParams(set.FullBytes, &attributes, "set"); err != nil {
			return "", false
		}
		var parts []string
		for _, a := range attributes {
			parts = append(parts, fmt.Sprintf("%v=%s", a.Type, describe(a.Value)))
		}
		slices.Sort(parts)
		out = append(out, fmt.Sprintf("%q", parts))
	}
	return strings.Join(out, "\n"), true
}

// describe gives the text of a string that encoding/asn1 knows, and the bytes
// of the rest.
func describe(v asn1.RawValue) string {
	var text any
	if v.Class == asn1.ClassUniversal {
		switch v.Tag {
		case asn1.TagT61String, asn1.TagBMPString:
			return fmt.Sprintf("text %q", decodeWide(v))
		case 26: // VisibleString, which encoding/asn1 does not know
			return fmt.Sprintf("text %q", v.Bytes)
		case 28: // UniversalString, neither
			runes := make([]rune, 0, len(v.Bytes)/4)
			for i := 0; i+4 <= len(v.Bytes); i += 4 {
				runes = append(runes, rune(v.Bytes[i+1])<<16|rune(v.Bytes[i+2])<<8|rune(v.Bytes[i+3]))
			}
			return fmt.Sprintf("text %q", string(runes))
		}
		if _, err := asn1.Unmarshal(v.FullBytes, &text); err == nil {
			if s, isText := text.(string); isText {
				return fmt.Sprintf("text %q", s)
			}
		}
	}
	return fmt.Sprintf("bytes %x", v.FullBytes)
}

// decodeWide decodes what encoding/asn1 leaves as bytes or trims.
func decodeWide(v asn1.RawValue) string {
	var text string
	if v.Tag == asn1.TagBMPString {
		if _, err := asn1.Unmarshal(v.FullBytes, &text); err != nil {
			return fmt.Sprintf("%x", v.FullBytes)
		}
		return text
	}
	for _, b := range v.Bytes {
		text += string(rune(b))
	}
	return text
}
