package policy

import (
	"strings"
	"unicode/utf8"
)

// matchPath reports whether rawPath, percent-decoded, is the path that pattern
// names or, if pattern ends in "/*", a path below it: "/a/*" matches "/a/" and
// "/a/b/c" but not "/a". The rawPath must not be ambiguous: see [pathFault].
func matchPath(pattern, rawPath string) bool {
	if strings.HasSuffix(pattern, "/*") {
		_, ok := cutDecoded(rawPath, pattern[:len(pattern)-1])
		return ok
	}
	rest, ok := cutDecoded(rawPath, pattern)
	return ok && rest == ""
}

// cutDecoded takes prefix, compared after percent-decoding, off raw.
func cutDecoded(raw, prefix string) (rest string, ok bool) {
	for i := range len(prefix) {
		b, n := octet(raw)
		if n == 0 || b != prefix[i] {
			return raw, false
		}
		raw = raw[n:]
	}
	return raw, true
}

// octet returns the first octet of raw, percent-decoded (RFC 3986 §2.1), and
// the number of bytes it takes there: 1 or 3, or 0 if raw is empty or begins
// with a percent sign that is not part of a triplet.
func octet(raw string) (b byte, n int) {
	if raw == "" {
		return 0, 0
	}
	if raw[0] != '%' {
		return raw[0], 1
	}
	if len(raw) < 3 {
		return 0, 0
	}
	high, ok1 := unhex(raw[1])
	low, ok2 := unhex(raw[2])
	if !ok1 || !ok2 {
		return 0, 0
	}
	return high<<4 | low, 3
}

func unhex(b byte) (digit byte, ok bool) {
	switch {
	case '0' <= b && b <= '9':
		return b - '0', true
	case 'a' <= b && b <= 'f':
		return b - 'a' + 10, true
	case 'A' <= b && b <= 'F':
		return b - 'A' + 10, true
	}
	return 0, false
}

// pathFault says what makes raw ambiguous: something that one server on the way
// removes, decodes or resolves and the next does not. It returns an empty string
// for a path that every server reads alike.
func pathFault(raw string) string {
	if plainPath(raw) {
		return ""
	}
	if raw == "" || raw[0] != '/' {
		// "*" (RFC 9112 §3.2.4) and the absolute form are not paths.
		return "does not begin with a slash"
	}
	for rest, more := raw[1:], true; more; {
		var segment string
		segment, rest, more = strings.Cut(rest, "/")
		if segment == "" && more {
			// Some servers merge slashes, and many URL parsers take what
			// follows a leading "//" for a host.
			return "has an empty segment"
		}
		if fault := segmentFault(segment); fault != "" {
			return fault
		}
	}
	return ""
}

// plainPath reports whether raw is an ordinary path, in one pass. It may say no
// to a path that is fine, never yes to one that is not.
func plainPath(raw string) bool {
	slash := false // the byte before is a slash
	for i := range len(raw) {
		b := raw[i]
		if !unreserved[b] || slash && (b == '.' || b == '/') || i == 0 && b != '/' {
			return false
		}
		slash = b == '/'
	}
	return raw != ""
}

// unreserved are the characters of RFC 3986 §2.3 and the slash.
var unreserved = func() (set [256]bool) {
	for _, b := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/" {
		set[b] = true
	}
	return set
}()

// segmentFault says what makes one segment of a raw path ambiguous.
func segmentFault(segment string) string {
	if dotSegment(segment) {
		return "has a dot segment"
	}
	for rest := segment; rest != ""; {
		b, n := octet(rest)
		if fault := octetFault(b, n, rest); fault != "" {
			return fault
		}
		if b >= utf8.RuneSelf {
			if n = runeLength(rest); n == 0 {
				return "is not UTF-8"
			}
		}
		rest = rest[n:]
	}
	return ""
}

// dotSegment reports whether segment is one that is resolved away (RFC 3986
// §5.2.4), also once a server has cut off its parameters: servlet containers
// read "..;x" as ".." and ";x" as an empty segment.
func dotSegment(segment string) bool {
	for _, name := range [...]string{"", ".", ".."} {
		rest, ok := cutDecoded(segment, name)
		if !ok {
			continue
		}
		if b, _ := octet(rest); b == ';' || rest == "" && name != "" {
			return true
		}
	}
	return false
}

// octetFault says what is wrong with b, which takes the first n bytes of rest.
func octetFault(b byte, n int, rest string) string {
	switch {
	case n == 0:
		return "has a percent sign without two hexadecimal digits"
	case b == '/':
		return "has an encoded slash"
	case b == '\\':
		return "has a backslash"
	case b < ' ' || b == 0x7f:
		return "has a control character"
	case b == '%' && beginsTriplet(rest[n:]):
		return "is percent-encoded twice"
	case n == 1 && b >= utf8.RuneSelf:
		return "has a character that must be percent-encoded"
	case n == 1 && (b == '?' || b == '#' || b == ' '):
		// They end a path; a caller that leaves them in has not cut it off.
		return "has a character that must be percent-encoded"
	}
	return ""
}

// beginsTriplet reports whether a percent sign before rest, percent-decoded,
// would make a triplet for a server that decodes a second time.
func beginsTriplet(rest string) bool {
	for range 2 {
		b, n := octet(rest)
		if _, hex := unhex(b); n == 0 || !hex {
			return false
		}
		rest = rest[n:]
	}
	return true
}

// runeLength returns how many bytes of raw the percent-encoded UTF-8 of its
// first rune takes, or 0 if there is none: overlong forms such as %c0%ae are a
// dot to a careless decoder.
func runeLength(raw string) int {
	var octets [utf8.UTFMax]byte
	var ends [utf8.UTFMax + 1]int
	count := 0
	for count < utf8.UTFMax {
		b, n := octet(raw[ends[count]:])
		if n != 3 {
			break
		}
		octets[count] = b
		count++
		ends[count] = ends[count-1] + n
	}
	r, size := utf8.DecodeRune(octets[:count])
	if r == utf8.RuneError && size <= 1 {
		return 0
	}
	return ends[size]
}
