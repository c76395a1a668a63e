package subject_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode"

	"github.com/sidegate/sidegate/proxy/subject"
)

func TestRunesThatAreRefused(t *testing.T) {
	for what, runes := range map[string]string{
		"zero-width":              "\u200b\u200c\u200d\u2060\ufeff\u180e",
		"bidi":                    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",
		"other format":            "\u00ad\u0600\u206a\ufff9\U000e0001\U000e0041",
		"line and paragraph":      "\u2028\u2029",
		"C1":                      "\u0080\u0085\u009b\u009f",
		"filler":                  "\u115f\u1160\u3164\uffa0",
		"joiner and selector":     "\u034f\ufe00\ufe0f\U000e0100",
		"private use":             "\ue000\uf8ff\U000f0000\U0010fffd",
		"noncharacter":            "\ufdd0\ufffe\uffff\U0001ffff\U0010ffff",
		"unassigned":              "\u0378\U000e0fff",
		"replacement of the lost": "\ufffd",
	} {
		for _, r := range runes {
			value := "a" + string(r) + "b"
			_, fromDER := subject.FromDER(only(utf8String(value)))
			_, fromText := subject.Parse("O=" + value)
			_, fromHex := subject.Parse("O=#" + fmt.Sprintf("%x", utf8String(value)))
			_, attribute := subject.NewAttribute("O", value)
			for how, err := range map[string]error{"FromDER": fromDER, "Parse": fromText, "Parse of hex": fromHex, "NewAttribute": attribute} {
				ambiguous, ok := errors.AsType[*subject.AmbiguousError](err)
				if !ok || ambiguous.Reason != subject.BadRune {
					t.Errorf("%s: %s of %U: got %v", what, how, r, err)
				} else if strings.ContainsRune(err.Error(), r) {
					t.Errorf("%s: %s of %U shows the character: %q", what, how, r, err)
				}
			}
		}
	}
}

func TestRunesThatStay(t *testing.T) {
	// Composed and decomposed, other scripts, symbols, spaces that are seen, and
	// what looks like something else: all are themselves.
	const runes = "é\u0301äßøŁΩЖ漢字한ا🐶€’«»\u00a0\u3000ǅ²"
	seen := make(map[string]rune)
	for _, r := range runes {
		n := mustRead(t, only(utf8String("a"+string(r))))
		if other, ok := seen[n.String()]; ok {
			t.Errorf("%U and %U are both %s", r, other, n)
		}
		seen[n.String()] = r
		if got := n.Attributes()[0].Value; got != "a"+string(r) {
			t.Errorf("%U: value %q", r, got)
		}
		if strings.IndexFunc(n.String(), func(r rune) bool { return r > unicode.MaxASCII }) >= 0 {
			t.Errorf("%U: %q is not ASCII", r, n)
		}
	}
}

// Each byte, alone, at the start, inside and at the end of a value, is either
// refused or survives the way to text and DER and back.
func TestEveryByteInAValue(t *testing.T) {
	for _, place := range []string{"%c", "%ca", "a%cb", "a%c", "%[1]c%[1]c"} {
		for b := range rune(256) {
			value := fmt.Sprintf(place, b)
			n, err := subject.FromDER(only(utf8String(value)))
			if bad := b < ' ' || 0x7f <= b && b < 0xa0 || b == 0xad; bad != (err != nil) {
				t.Errorf("%q: got %v", value, err)
			}
			if err != nil {
				continue
			}
			if got := mustParse(t, n.String()); got != n {
				t.Errorf("%q: %s parses to %s", value, n, got)
			}
			if got := mustRead(t, n.DER()); got != n {
				t.Errorf("%q: the DER of %s reads %s", value, n, got)
			}
			if got := n.Attributes()[0].Value; got != value {
				t.Errorf("%q: the value became %q", value, got)
			}
		}
	}
}
