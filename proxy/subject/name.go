package subject

import "slices"

// A Name is a distinguished name: who a certificate speaks for. It is an
// immutable, comparable value. Two Names are equal exactly when they have the
// same RDNs in the same order, each RDN the same set of attributes, each
// attribute the same type and the same value; only the ASN.1 string type of a
// value is ignored, because it may change at renewal.
//
// The zero Name is no name at all. No certificate has it: [FromDER] refuses an
// empty subject.
type Name struct{ canonical string }

// New returns the Name of rdns, which are in the order of the canonical form:
// most specific first. The attributes of one RDN may be in any order. Types are
// read as [NewAttribute] reads them. The error is a [*ParseError] for a type
// and an [*AmbiguousError] for the rest.
func New(rdns [][]Attribute) (Name, error) {
	own := make([][]Attribute, len(rdns))
	for i, rdn := range rdns {
		for _, a := range rdn {
			checked, err := a.check()
			if err != nil {
				return Name{}, err
			}
			own[i] = append(own[i], checked)
		}
	}
	return build(own)
}

// String returns the canonical form. It is pure ASCII, safe in a header, and
// empty for the zero Name.
func (n Name) String() string { return n.canonical }

// IsZero reports whether n is no name.
func (n Name) IsZero() bool { return n.canonical == "" }

// Attributes returns the attributes of n in the order of its canonical form.
// Which of them share an RDN is not told.
func (n Name) Attributes() []Attribute { return slices.Concat(n.rdns()...) }

// rdns reads n back from its canonical form, so that a Name is nothing but a
// string and comparing two is comparing strings.
func (n Name) rdns() [][]Attribute {
	if n.IsZero() {
		return nil
	}
	s := scanner{in: n.canonical}
	rdns, err := s.name()
	if err != nil {
		panic("subject: canonical form does not parse: " + err.Error())
	}
	return rdns
}

// MarshalText returns the canonical form; it never fails.
func (n Name) MarshalText() ([]byte, error) { return []byte(n.canonical), nil }

// UnmarshalText reads any rendering that [Parse] reads. Empty text is an error
// and not the zero Name: a rule whose subject was left out must not come to
// mean a client without one.
func (n *Name) UnmarshalText(text []byte) error {
	parsed, err := Parse(string(text))
	if err != nil {
		return err
	}
	*n = parsed
	return nil
}
