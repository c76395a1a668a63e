package subject

import (
	"fmt"
	"unicode"
	"unicode/utf8"
)

// Bounds of a name. They are far above any real one (RFC 5280 appendix A.1
// allows 64 characters for most values) and keep the work on a hostile one small.
const (
	maxDER        = 16 << 10   // bytes of DER
	maxText       = 5 * maxDER // bytes of text: escapes and OIDs grow up to fourfold
	maxAttributes = 100
	maxOID        = 64 // bytes of an OID's content; one made of a UUID has 20
)

// A Reason is a word that says why a name is refused.
type Reason string

// The reasons.
const (
	Empty     Reason = "empty"         // no RDN; the holder may still be named by a SAN
	EmptyRDN  Reason = "empty-rdn"     // an RDN without attributes
	NotDER    Reason = "not-der"       // the bytes are not the one encoding of a Name
	BadString Reason = "bad-string"    // bytes that the string type of the value does not allow
	BadRune   Reason = "bad-character" // a character that is invisible, or shown as another
	Repeated  Reason = "repeated"      // the same type and value twice in one RDN
	TooLarge  Reason = "too-large"     // more bytes or attributes than any real name has
)

// An AmbiguousError is the refusal of a name that could be read, shown or
// compared in more than one way.
type AmbiguousError struct {
	Reason Reason
	Detail string // one clause for the log, printable ASCII, without the value
}

func (e *AmbiguousError) Error() string { return "ambiguous name: " + e.Detail }

func refuse(r Reason, format string, args ...any) error {
	return &AmbiguousError{Reason: r, Detail: fmt.Sprintf(format, args...)}
}

// checkText refuses text that a reader may take for other text.
func checkText(s string) error {
	if !utf8.ValidString(s) {
		return refuse(BadString, "a value is not UTF-8")
	}
	for at, r := range s {
		if !shows(r) {
			return refuse(BadRune, "a value has %U at byte %d, which is invisible or not to be told apart", r, at)
		}
	}
	return nil
}

// shows reports whether r is a character that is seen and stands for itself.
// It is a list of what is good, so that what Unicode adds later is refused
// until the tables know it. Not graphic are control characters (NUL, CR and LF
// forge headers and log lines), format characters (bidi overrides turn text
// around), line separators, private use, surrogates, noncharacters and
// unassigned code points. Default-ignorable marks and fillers are graphic but
// leave no mark on the page, and U+FFFD stands for a character somebody lost.
func shows(r rune) bool {
	if r < utf8.RuneSelf {
		return ' ' <= r && r <= '~'
	}
	return unicode.IsGraphic(r) && r != unicode.ReplacementChar &&
		!unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}
