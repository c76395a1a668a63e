package subject_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/sidegate/sidegate/proxy/subject"
)

// good is a name that each hostile one is a small change of.
var good = sequence(set(pair(o, utf8String("Acme"))), set(pair(cn, utf8String("a"))))

func TestHostileDERIsRefused(t *testing.T) {
	acme := pair(o, utf8String("Acme"))
	many := bytes.Repeat(set(acme), 101)
	tests := []struct {
		name   string
		der    []byte
		reason subject.Reason
	}{
		{"nothing at all", nil, subject.NotDER},
		{"an empty name", sequence(), subject.Empty},
		{"an empty SET", sequence(set(), set(acme)), subject.EmptyRDN},
		{"only an empty SET", sequence(set()), subject.EmptyRDN},
		{"an empty attribute", sequence(set(sequence())), subject.NotDER},
		{"a type without a value", sequence(set(sequence(oid(o)))), subject.NotDER},
		{"two values", sequence(set(sequence(oid(o), utf8String("a"), utf8String("b")))), subject.NotDER},
		{"a SET as the name", set(set(acme)), subject.NotDER},
		{"a SEQUENCE as an RDN", sequence(sequence(acme)), subject.NotDER},
		{"a SET as an attribute", sequence(set(set(oid(o), utf8String("a")))), subject.NotDER},
		{"a string as a type", sequence(set(sequence(utf8String("O"), utf8String("a")))), subject.NotDER},
		{"an empty OID", sequence(set(pair("", utf8String("a")))), subject.NotDER},
		{"an OID that is cut off", sequence(set(pair("\x55\x84", utf8String("a")))), subject.NotDER},
		{"an OID with a padded arc", sequence(set(pair("\x55\x80\x04\x0a", utf8String("a")))), subject.NotDER},
		{"an OID beyond all use", sequence(set(pair(strings.Repeat("\x55", 65), utf8String("a")))), subject.NotDER},
		{"a byte behind the name", append(slices.Clone(good), 0), subject.NotDER},
		{"the name twice", slices.Concat(good, good), subject.NotDER},
		{"a byte behind an RDN", sequence(set(acme), []byte{0}), subject.NotDER},
		{"an indefinite length", slices.Concat([]byte{0x30, 0x80}, set(acme), []byte{0, 0}), subject.NotDER},
		{"a long form of a short length", slices.Concat([]byte{0x30, 0x81, byte(len(set(acme)))}, set(acme)), subject.NotDER},
		{"a length with a leading zero", slices.Concat([]byte{0x30, 0x82, 0, 0x90}, make([]byte, 0x90)), subject.NotDER},
		{"a length of three bytes", append([]byte{0x30, 0x83, 0, 1, 0}, make([]byte, 256)...), subject.NotDER},
		{"a length that overflows", []byte{0x30, 0x88, 255, 255, 255, 255, 255, 255, 255, 255}, subject.NotDER},
		{"a length past the end", []byte{0x30, 0x7f, 0x31}, subject.NotDER},
		{"a tag of two bytes", only([]byte{0x1f, 0x01, 0x00}), subject.NotDER},
		{"end-of-contents as a value", only([]byte{0x00, 0x00}), subject.NotDER},
		{"the same attribute twice in an RDN", sequence(set(acme, acme)), subject.Repeated},
		{"the same in two string types", sequence(set(acme, pair(o, tlv(0x13, []byte("Acme"))))), subject.Repeated},
		{"a string in pieces", only(tlv(0x2c, utf8String("Ac"), utf8String("me"))), subject.BadString},
		{"a GeneralString", only(tlv(0x1b, []byte("Acme"))), subject.BadString},
		{"a GraphicString", only(tlv(0x19, []byte("Acme"))), subject.BadString},
		{"101 attributes", sequence(many), subject.TooLarge},
		{"more than 16 KiB", only(utf8String(strings.Repeat("a", 17<<10))), subject.TooLarge},
		{"16 KiB that grow when they are decoded", only(tlv(0x14, bytes.Repeat([]byte{0xe9}, 16000))), subject.TooLarge},
	}
	mustRead(t, good)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			n, err := subject.FromDER(test.der)
			ambiguous, ok := errors.AsType[*subject.AmbiguousError](err)
			if !ok || ambiguous.Reason != test.reason || !n.IsZero() {
				t.Errorf("got name %q and error %v, want the reason %q", n, err, test.reason)
			}
		})
	}
}

func TestEveryCutAndEveryBitOfANameIsAnotherNameOrRefused(t *testing.T) {
	name := mustRead(t, good)
	for i := range good {
		if n, err := subject.FromDER(good[:i]); err == nil {
			t.Errorf("cut after %d bytes it is %s", i, n)
		}
		for bit := range 8 {
			flipped := slices.Clone(good)
			flipped[i] ^= 1 << bit
			n, err := subject.FromDER(flipped)
			if err == nil && n == name {
				t.Errorf("with bit %d of byte %d flipped it is still %s", bit, i, n)
			}
		}
	}
}

func TestStringTypes(t *testing.T) {
	tests := []struct {
		name    string
		tag     byte
		content string
		want    string // the canonical form; empty: refused
	}{
		{"UTF8String", 0x0c, "é", `O=\C3\A9`},
		{"UTF8String that is cut off", 0x0c, "a\xc3", ""},
		{"UTF8String with an overlong slash", 0x0c, "\xc0\xaf", ""},
		{"UTF8String with a surrogate", 0x0c, "\xed\xa0\x80", ""},
		{"UTF8String without a character", 0x0c, "", "O="},
		{"PrintableString", 0x13, "A-z (0), it's: 1/2=?+.", `O=A-z (0)\, it's: 1/2\=?\+.`},
		{"PrintableString as CAs write it", 0x13, "*.AT&T", "O=*.AT&T"},
		{"PrintableString with @", 0x13, "a@b", ""},
		{"PrintableString with _", 0x13, "a_b", ""},
		{"IA5String", 0x16, "a@b_c", "O=a@b_c"},
		{"IA5String with a high byte", 0x16, "\xe9", ""},
		{"NumericString", 0x12, "12 34", "O=12 34"},
		{"NumericString with a letter", 0x12, "1a", ""},
		{"VisibleString", 0x1a, "a~b", "O=a~b"},
		{"VisibleString with a high byte", 0x1a, "\xe9", ""},
		{"TeletexString is Latin-1", 0x14, "caf\xe9", `O=caf\C3\A9`},
		{"TeletexString with C1", 0x14, "a\x85", ""},
		{"BMPString", 0x1e, "\x00A\x20\xac", `O=A\E2\82\AC`},
		{"BMPString with a pair of surrogates", 0x1e, "\xd8\x3d\xdc\x36", `O=\F0\9F\90\B6`},
		{"BMPString with a high surrogate at the end", 0x1e, "\xd8\x3d", ""},
		{"BMPString with a high surrogate alone", 0x1e, "\xd8\x3d\x00A", ""},
		{"BMPString with a low surrogate first", 0x1e, "\xdc\x36\xd8\x3d", ""},
		{"BMPString of odd length", 0x1e, "\x00A\x00", ""},
		{"BMPString with a NUL at its end", 0x1e, "\x00A\x00\x00", ""},
		{"UniversalString", 0x1c, "\x00\x00\x00A\x00\x01\xf4\x36", `O=A\F0\9F\90\B6`},
		{"UniversalString with a surrogate", 0x1c, "\x00\x00\xd8\x3d", ""},
		{"UniversalString beyond Unicode", 0x1c, "\x00\x11\x00\x00", ""},
		{"UniversalString below zero", 0x1c, "\xff\xff\xff\xff", ""},
		{"UniversalString of odd length", 0x1c, "\x00\x00\x00A\x00", ""},
		{"BIT STRING", 0x03, "\x02\x01", "O=#03020201"},
		{"NULL", 0x05, "", "O=#0500"},
		{"SEQUENCE", 0x30, "\x0c\x01a", "O=#30030c0161"},
		{"a context tag", 0x8c, "A", "O=#8c0141"},
	}
	for _, test := range tests {
		n, err := subject.FromDER(only(tlv(test.tag, []byte(test.content))))
		if _, ok := errors.AsType[*subject.AmbiguousError](err); n.String() != test.want || ok != (test.want == "") {
			t.Errorf("%s: got %q, %v; want %q", test.name, n, err, test.want)
		}
	}
}
