package subject

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Parse reads a Name from any rendering that people paste. These are known,
// with the names of types in any case, long or short, or as dotted OIDs:
//
//	CN=a,O=Acme\, Inc.,C=BE      RFC 4514, RFC 2253, RFC 1779 (also with ";"), Go; most specific first
//	C = BE, O = "Acme, Inc."     OpenSSL before 3.2 (oneline); most specific last
//	C=BE, O=Acme, CN=a           OpenSSL 3.2 and later, Java, Microsoft; the order is inferred, see below
//	/C=BE/O=Acme/CN=a            OpenSSL compat; most specific last; escapes are refused
//
// A value may be in quotes, and "#" begins the hex of its DER. A label like
// "subject=" and line ends around the name are ignored.
//
// With blanks after the separators and none around "=" either order is in use.
// It is inferred only where one reading has a country or DC at the root end and
// the holder (CN, UID, emailAddress, serialNumber, O or OU) at the other, or
// where all types have OpenSSL's long names and CN, UID or emailAddress is last
// but not first. In the former case, root first, escapes and quotes are refused:
// OpenSSL writes none there, so they are not to be told from the value.
//
// The error is a [*ParseError]. It wraps an [*AmbiguousError] where [FromDER]
// would refuse the same name.
func Parse(s string) (Name, error) {
	s = strings.TrimRight(s, "\r\n")
	if len(s) > maxText {
		return Name{}, refused(s, maxText, refuse(TooLarge, "the name has %d bytes; %d is the limit", len(s), maxText))
	}
	if !utf8.ValidString(s) {
		return Name{}, refused(s, firstInvalid(s), refuse(BadString, "the text is not UTF-8"))
	}
	start := skipLabel(s)
	if at := severalLines(s, start); at > 0 {
		return Name{}, (&fault{"this is the form of several lines", "write what `sidegate subject FILE` prints"}).in(s, at)
	}
	rdns, err := readRendering(s, start)
	if err != nil {
		return Name{}, err
	}
	name, err := build(rdns)
	if err != nil {
		return Name{}, refused(s, start, err)
	}
	return name, nil
}

// readRendering reads in from start on and returns the RDNs, most specific first.
func readRendering(in string, start int) ([][]Attribute, error) {
	if start == len(in) {
		return nil, (&fault{"the name is empty", asPrinted}).in(in, start)
	}
	if in[start] == '/' {
		rdns, err := readSlashes(in, start)
		slices.Reverse(rdns)
		return rdns, err
	}
	s := scanner{in: in, pos: start}
	rdns, err := s.name()
	if err != nil {
		return nil, err
	}
	order, at, f := s.layout.order(rdns)
	if f != nil {
		return nil, f.in(in, max(start, at))
	}
	if order == rootFirst {
		slices.Reverse(rdns)
	}
	return rdns, nil
}

// skipLabel returns where the name begins: after blanks, and after "subject="
// or "Subject: " in a line of `openssl x509`.
func skipLabel(s string) int {
	blanks := func(at int) int { return len(s) - len(strings.TrimLeft(s[at:], " \r\n")) }
	start := blanks(0)
	for _, label := range []string{"subject=", "issuer=", "subject:", "issuer:"} {
		if end := start + len(label); end <= len(s) && strings.EqualFold(s[start:end], label) {
			return blanks(end)
		}
	}
	return start
}

// severalLines returns where the first line of s ends if it is a line for each
// attribute from start on, as OpenSSL writes with -nameopt multiline; else 0. That
// form has no escapes: a value with a line end is not to be told from two.
func severalLines(s string, start int) int {
	end := strings.IndexByte(s[start:], '\n')
	if end < 0 {
		return 0
	}
	for line := range strings.Lines(s[start:]) {
		if !strings.Contains(line, " = ") {
			return 0
		}
	}
	return start + end
}

// firstInvalid returns where s, which is not UTF-8, stops being it.
func firstInvalid(s string) int {
	at := 0
	for {
		r, size := utf8.DecodeRuneInString(s[at:])
		if r == utf8.RuneError && size <= 1 {
			return at
		}
		at += size
	}
}

// readSlashes reads OpenSSL's compat form, root first. Only versions since 3.0
// put a backslash before "/" and "+", and none does before a backslash: text
// with one cannot be undone. Neither can a "+", which older versions leave bare.
func readSlashes(in string, start int) ([][]Attribute, error) {
	if i := strings.IndexAny(in[start:], `\+"`); i >= 0 {
		problem := spell(in[start+i:start+i+1]) + " in the slash form may or may not be part of a value"
		return nil, (&fault{problem, asPrinted}).in(in, start+i)
	}
	var rdns [][]Attribute
	for at := start; at < len(in); {
		at++ // the slash
		segment, _, _ := strings.Cut(in[at:], "/")
		a, err := readSegment(in, at, segment)
		if err != nil {
			return nil, err
		}
		rdns = append(rdns, []Attribute{a})
		at += len(segment)
	}
	return rdns, nil
}

// readSegment reads the type=value that stands at byte at of in. The value has
// no escapes; where its edges could be read in two ways it is refused.
func readSegment(in string, at int, segment string) (Attribute, error) {
	spelled, value, found := strings.Cut(segment, "=")
	valueAt := at + len(spelled) + 1
	switch {
	case !found:
		f := fault{spell(segment) + " between slashes is not TYPE=value", asPrinted}
		return Attribute{}, f.in(in, at)
	case strings.HasPrefix(value, "#"), strings.Trim(value, " ") != value:
		f := fault{"a value of the slash form begins with # or has a blank at its edge", asPrinted}
		return Attribute{}, f.in(in, valueAt)
	}
	t, f := typeNamed(spelled)
	if f != nil {
		return Attribute{}, f.in(in, at)
	}
	a, err := textAttribute(t.canonical(), value)
	if err != nil {
		return Attribute{}, refused(in, valueAt, err)
	}
	return a, nil
}
