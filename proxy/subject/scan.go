package subject

import (
	"encoding/hex"
	"strings"
)

// A scanner reads the renderings with "," or ";" between RDNs: the grammar of
// RFC 4514 §3 with the quotes and blanks that RFC 2253 §4 wants read as well.
// It notes the layout, from which the order is told afterwards. Offsets are
// those of the whole input.
type scanner struct {
	in     string
	pos    int
	layout layout
}

func (s *scanner) problem(at int, problem, fix string) error {
	return (&fault{problem, fix}).in(s.in, at)
}

// name reads the RDNs to the end, in the order they are written.
func (s *scanner) name() ([][]Attribute, error) {
	var rdns [][]Attribute
	for {
		rdn, err := s.rdn()
		if err != nil {
			return nil, err
		}
		rdns = append(rdns, rdn)
		if s.pos == len(s.in) {
			return rdns, nil
		}
		if err := s.separator(); err != nil {
			return nil, err
		}
	}
}

func (s *scanner) rdn() ([]Attribute, error) {
	var rdn []Attribute
	for more := true; more; {
		a, err := s.attribute()
		if err != nil {
			return nil, err
		}
		rdn = append(rdn, a)
		if more, err = s.plus(); err != nil {
			return nil, err
		}
	}
	return rdn, nil
}

// attribute reads a type, "=" and a value.
func (s *scanner) attribute() (Attribute, error) {
	start := s.pos
	n := strings.IndexAny(s.in[start:], `=,;+"\`)
	if n < 0 || s.in[start+n] != '=' {
		return Attribute{}, s.problem(start, s.notAttribute(n), `if it belongs to the value before it, write the separator as "\," or "\+"; else `+asPrinted)
	}
	spelled := strings.TrimRight(s.in[start:start+n], " ")
	t, f := typeNamed(spelled)
	if f != nil {
		return Attribute{}, f.in(s.in, start)
	}
	s.layout.spelled(spelled, t)

	equals := start + n
	before := len(spelled) < n
	s.pos = equals + 1
	after := s.blanks()
	if before != after {
		return Attribute{}, s.problem(equals, `"=" has a blank on one side only, which may belong to the value`, asPrinted)
	}
	s.layout.equals.note(before, equals)
	return s.value(t.canonical())
}

func (s *scanner) notAttribute(n int) string {
	rest := s.in[s.pos:]
	if n >= 0 {
		rest = rest[:n]
	}
	return spell(rest) + " is not TYPE=value"
}

// value reads a value and leaves s behind its last character that is not a
// bare blank.
func (s *scanner) value(typ string) (Attribute, error) {
	start := s.pos
	if s.at('#') {
		return s.hexValue(typ)
	}
	read := s.bare
	if s.at('"') {
		read = s.quoted
	}
	text, err := read()
	if err != nil {
		return Attribute{}, err
	}
	a, err := textAttribute(typ, text)
	if err != nil {
		return Attribute{}, refused(s.in, start, err)
	}
	return a, nil
}

func (s *scanner) hexValue(typ string) (Attribute, error) {
	start := s.pos
	s.layout.escapes(start)
	for s.pos++; s.pos < len(s.in) && isHex(s.in[s.pos]); {
		s.pos++
	}
	a, err := hexAttribute(typ, s.in[start:s.pos])
	if err != nil {
		e := refused(s.in, start, err)
		e.Fix = `if the value is text that begins with #, write "\#"`
		return Attribute{}, e
	}
	return a, nil
}

// bare reads a value without quotes, up to a separator. Blanks at its end are
// not part of it unless escaped.
func (s *scanner) bare() (string, error) {
	var text []byte
	end := 0 // of the text without bare blanks behind
scan:
	for s.pos < len(s.in) {
		switch c := s.in[s.pos]; c {
		case ',', ';', '+':
			break scan
		case '"', '<', '>':
			return "", s.problem(s.pos, spell(string(c))+" is not escaped, so neither may be the separators", asPrinted)
		case '\\':
			b, err := s.escape()
			if err != nil {
				return "", err
			}
			text = append(text, b)
			end = len(text)
		default:
			text = append(text, c)
			if s.pos++; c != ' ' {
				end = len(text)
			}
		}
	}
	s.pos -= len(text) - end
	return string(text[:end]), nil
}

// quoted reads a value in quotes. In it a quote is escaped, or doubled as
// Microsoft does.
func (s *scanner) quoted() (string, error) {
	var text []byte
	start := s.pos
	s.layout.escapes(start)
	for s.pos++; s.pos < len(s.in); {
		switch c := s.in[s.pos]; c {
		case '"':
			if s.pos++; !s.at('"') {
				return string(text), nil
			}
			text = append(text, c)
			s.pos++
		case '\\':
			b, err := s.escape()
			if err != nil {
				return "", err
			}
			text = append(text, b)
		default:
			text = append(text, c)
			s.pos++
		}
	}
	return "", s.problem(start, "the quote is not closed", `close it with "`)
}

// escape reads a backslash with the character or the two hex digits after it.
func (s *scanner) escape() (byte, error) {
	s.layout.escapes(s.pos)
	rest := s.in[s.pos+1:]
	if rest != "" && strings.IndexByte(special+" #", rest[0]) >= 0 {
		s.pos += 2
		return rest[0], nil
	}
	if len(rest) >= 2 && isHex(rest[0]) && isHex(rest[1]) {
		b, _ := hex.DecodeString(rest[:2])
		s.pos += 3
		return b[0], nil
	}
	return 0, s.problem(s.pos, "the backslash escapes nothing", `write a backslash of the value as "\\"`)
}

// plus reads the "+" before a further attribute of the RDN, if there is one,
// and the blanks around it.
func (s *scanner) plus() (more bool, err error) {
	start := s.pos
	before := s.blanks()
	if !s.at('+') {
		if before && s.pos < len(s.in) {
			return false, s.problem(start, "a blank before the separator may belong to the value", `remove it, or write it as "\ "`)
		}
		return false, nil
	}
	s.pos++
	if after := s.blanks(); before != after {
		return false, s.problem(start, `"+" has a blank on one side only, which may belong to a value`, asPrinted)
	}
	return true, nil
}

func (s *scanner) separator() error {
	c := s.in[s.pos]
	if c != ',' && c != ';' {
		return s.problem(s.pos, spell(s.in[s.pos:])+" stands behind a complete value", `put the whole value in quotes, or write its special characters with a backslash`)
	}
	at := s.pos
	s.pos++
	s.layout.semicolons.note(c == ';', at)
	s.layout.separators.note(s.blanks(), at)
	return nil
}

// blanks skips blanks and reports whether there were any.
func (s *scanner) blanks() bool {
	start := s.pos
	for s.at(' ') {
		s.pos++
	}
	return s.pos > start
}

func (s *scanner) at(c byte) bool { return s.pos < len(s.in) && s.in[s.pos] == c }

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}
