package subject

import "strings"

// An order says which end of the text is the root of the name.
type order int

const (
	rootLast  order = iota // RFC 4514
	rootFirst              // DER, and OpenSSL unless told otherwise
)

// A layout is what a scanner saw of the blanks and spellings, which tell one
// tool's rendering from another's.
type layout struct {
	equals     mark // blanks around "="
	separators mark // a blank after a separator
	semicolons mark // the separator is ";"
	escapeAt   int  // where the first backslash, quote or hex is; 0: there is none
	long       bool // a type has a name that OpenSSL prints only with lname
	short      bool // a type has a name that it never prints so
}

// A mark is a habit of the writer, and where it was broken first.
type mark struct {
	seen, is bool
	brokenAt int // 0: never; the first sign is at byte 1 or later
}

func (m *mark) note(is bool, at int) {
	switch {
	case !m.seen:
		m.seen, m.is = true, is
	case m.is != is && m.brokenAt == 0:
		m.brokenAt = at
	}
}

// spelled notes how t is written. A type that OpenSSL spells the same way with
// and without lname is a sign of neither.
func (l *layout) spelled(as string, t attributeType) {
	isLong := strings.EqualFold(as, t.long) || t.long == "" && as == t.oid
	l.long = l.long || isLong && t.short != ""
	l.short = l.short || !isLong
}

// escapes notes that there is a backslash, a quote or hex at a byte.
func (l *layout) escapes(at int) {
	if l.escapeAt == 0 {
		l.escapeAt = at
	}
}

// order decides which end of rdns is the root, or says why and at which byte
// it cannot. A name in two styles is refused even where its order is plain: the
// odd separator may be part of a value that was written without escapes.
func (l *layout) order(rdns [][]Attribute) (o order, at int, f *fault) {
	switch {
	case l.equals.brokenAt > 0:
		return 0, l.equals.brokenAt, &fault{`"=" has blanks around it in one place and none in another`, asPrinted}
	case l.separators.brokenAt > 0 || l.semicolons.brokenAt > 0:
		at = max(l.separators.brokenAt, l.semicolons.brokenAt)
		return 0, at, &fault{"the separators differ, so one of them may be part of a value", asPrinted}
	case len(rdns) == 1:
		return rootLast, 0, nil
	case l.equals.is && l.separators.is:
		return rootFirst, 0, nil
	case l.equals.is:
		return 0, 0, &fault{`blanks around "=" but not after the separators: no telling which end is the root`, asPrinted}
	case !l.separators.is:
		return rootLast, 0, nil
	}
	return l.infer(rdns[0], rdns[len(rdns)-1])
}

// infer decides by what stands at the ends. Attributes of the root and of the
// leaf must both be there, in one reading only.
func (l *layout) infer(first, last []Attribute) (o order, at int, f *fault) {
	forward := has(first, oidC, oidDC) && has(last, holder...)
	backward := has(last, oidC, oidDC) && has(first, holder...)
	long := l.long && !l.short
	switch {
	case backward && !forward:
		return rootLast, 0, nil
	case forward && !backward && !long && l.escapeAt > 0:
		// This is OpenSSL's default since 3.2, which escapes nothing.
		return 0, l.escapeAt, &fault{"OpenSSL writes this style without escapes, so this may be part of the value", asPrinted}
	case forward && !backward:
		return rootFirst, 0, nil
	case long && !backward && has(last, leaf...) && !has(first, leaf...):
		return rootFirst, 0, nil
	}
	return 0, 0, &fault{"no telling which end is the root: OpenSSL writes it first, others last", asPrinted}
}

// The types found at the leaf end. O and OU are among those of a holder because
// public CAs leave the CN out more and more.
var (
	leaf   = []string{oidCN, oidUID, oidEmailAddress}
	holder = append([]string{oidSerialNumber, oidO, oidOU}, leaf...)
)

func has(rdn []Attribute, oids ...string) bool {
	for _, a := range rdn {
		for _, oid := range oids {
			if oidOf(a.Type) == oid {
				return true
			}
		}
	}
	return false
}
