package subject

import (
	"cmp"
	"slices"
	"strings"
)

// build makes the Name of rdns, which it may reorder within. They are in
// written order, most specific first, and their attributes are checked.
func build(rdns [][]Attribute) (Name, error) {
	if len(rdns) == 0 {
		return Name{}, refuse(Empty, "the name is empty")
	}
	if n := len(slices.Concat(rdns...)); n > maxAttributes {
		return Name{}, refuse(TooLarge, "the name has %d attributes; %d is the limit", n, maxAttributes)
	}
	for _, rdn := range rdns {
		if err := sortRDN(rdn); err != nil {
			return Name{}, err
		}
	}
	// Every Name has a DER that FromDER takes, whichever way it was made.
	if n := len(encode(rdns)); n > maxDER {
		return Name{}, refuse(TooLarge, "the name has %d bytes in DER; %d is the limit", n, maxDER)
	}
	return Name{canonical: render(rdns)}, nil
}

// sortRDN puts the attributes of an RDN, a set, into the one order that makes
// equal sets equal strings: by OID, then by value.
func sortRDN(rdn []Attribute) error {
	if len(rdn) == 0 {
		return refuse(EmptyRDN, "an RDN has no attribute")
	}
	slices.SortFunc(rdn, func(a, b Attribute) int {
		return cmp.Or(compareOID(oidOf(a.Type), oidOf(b.Type)), cmp.Compare(a.Value, b.Value), compareBool(a.Binary, b.Binary))
	})
	for i, a := range rdn[1:] {
		if a == rdn[i] {
			return refuse(Repeated, "an RDN has the same %s twice", a.Type)
		}
	}
	return nil
}

// compareOID orders dotted OIDs by their arcs. An arc has no leading zero, so
// the longer one is the larger.
func compareOID(a, b string) int {
	for a != b {
		arcA, restA, _ := strings.Cut(a, ".")
		arcB, restB, _ := strings.Cut(b, ".")
		if c := cmp.Or(cmp.Compare(len(arcA), len(arcB)), cmp.Compare(arcA, arcB)); c != 0 {
			return c
		}
		a, b = restA, restB
	}
	return 0
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// render writes the canonical form: RFC 4514 §2 with every choice taken.
func render(rdns [][]Attribute) string {
	var out []byte
	for i, rdn := range rdns {
		if i > 0 {
			out = append(out, ',')
		}
		for j, a := range rdn {
			if j > 0 {
				out = append(out, '+')
			}
			out = append(out, a.Type...)
			out = append(out, '=')
			if a.Binary {
				out = append(out, a.Value...)
			} else {
				out = appendText(out, a.Value)
			}
		}
	}
	return string(out)
}

// special are the characters that a backslash goes before, anywhere in a value.
// RFC 4514 leaves "=" bare; escaped, no pattern "CN=admin" can match inside a
// value.
const special = `,+"\<>;=`

// appendText appends text with the escapes of RFC 4514 §2.4, and every byte
// outside printable ASCII as a pair of hex digits.
func appendText(out []byte, text string) []byte {
	const digits = "0123456789ABCDEF"
	for i := range len(text) {
		c := text[i]
		first, last := i == 0, i == len(text)-1
		switch {
		case c < ' ' || c > '~':
			out = append(out, '\\', digits[c>>4], digits[c&0xf])
		case strings.IndexByte(special, c) >= 0, first && c == '#', (first || last) && c == ' ':
			out = append(out, '\\', c)
		default:
			out = append(out, c)
		}
	}
	return out
}
