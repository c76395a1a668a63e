package http1

import "bytes"

// A class is a set of octets.
type class [256]bool

const alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

var (
	tokenChars  = classOf(alphanumeric + "!#$%&'*+-.^_`|~") // RFC 9110 §5.6.2
	hostChars   = classOf(alphanumeric + "-._~")            // RFC 3986 §2.3, which is more than names have
	digits      = classOf("0123456789")
	hexDigits   = classOf("0123456789ABCDEFabcdef")
	visible     = class{}.with(0x21, 0x7e)
	valueOctets = class{'\t': true}.with(' ', 0x7e).with(0x80, 0xff) // RFC 9110 §5.5
)

func classOf(chars string) (c class) {
	for _, b := range []byte(chars) {
		c[b] = true
	}
	return c
}

// with returns c and the octets from first to last.
func (c class) with(first, last int) class {
	for b := first; b <= last; b++ {
		c[b] = true
	}
	return c
}

// stray returns the index of the first octet of s outside of c, or -1.
func (c *class) stray(s []byte) int {
	for i, b := range s {
		if !c[b] {
			return i
		}
	}
	return -1
}

// all reports whether s has octets of c only, and at least one.
func (c *class) all(s []byte) bool { return len(s) > 0 && c.stray(s) < 0 }

// trimOWS takes optional white space (RFC 9110 §5.6.3) from both ends.
func trimOWS(s []byte) []byte { return bytes.Trim(s, " \t") }

// is reports whether s is word, which is in lower case, whatever the ASCII case of s.
func is(s []byte, word string) bool {
	if len(s) != len(word) {
		return false
	}
	for i, b := range s {
		if 'A' <= b && b <= 'Z' {
			b += 'a' - 'A'
		}
		if b != word[i] {
			return false
		}
	}
	return true
}
