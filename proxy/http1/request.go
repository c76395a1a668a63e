package http1

import "bytes"

// A Request is the head of a request (RFC 9112 §3). Its bytes are good until
// its content is read. Of a head that was refused it has what came before.
type Request struct {
	Method    []byte
	Target    []byte // as sent, in any form; see [Request.Path]
	Host      []byte // of the Host field, or of the target in HTTP/1.0; nil if there is neither
	HTTP10    bool
	Length    int64 // of the content, in bytes; -1 if it is chunked
	Close     bool  // the connection ends with the response
	Upgrade   []byte
	Upgrades  int  // how many Upgrade fields there are
	Continue  bool // Expect: 100-continue
	Expects   bool // anything else is expected
	Trailers  bool // the client takes trailers (TE: trailers)
	Fields    []Field
	IsHead    bool // the response has no content
	HasLength bool // there is a Content-Length, if only of 0

	authority, path []byte // of a target in absolute form; else all of it is path
	head            head
	fields          fields
}

// reset forgets the request, before the next one that may be of somebody else.
func (r *Request) reset() {
	r.fields.forget()
	*r = Request{head: r.head, fields: r.fields}
}

// read reads a head from s, which holds its first byte, into a Request that is
// new or was reset.
func (r *Request) read(s *source, l *Limits) error {
	s.begin()
	for {
		size, err := r.parse(s, l)
		if s.moved {
			continue // a larger buffer: all that points into the old one is void
		}
		if err == nil {
			s.r += size
		}
		return err
	}
}

// parse reads the lines of a head. It begins anew when the buffer moves.
func (r *Request) parse(s *source, l *Limits) (size int, err error) {
	s.moved = false
	for first := true; ; first = false {
		line, err := s.line(&size, l.HeadBytes)
		switch {
		case err != nil || s.moved:
			return 0, err
		case line == nil:
			return 0, violation(HeadTooLarge, "the head of the request has more than %d bytes", l.HeadBytes)
		}
		where := inFields
		if first {
			where = inRequestLine
		}
		text, v := textOf(line, where)
		switch {
		case v != nil:
		case first:
			v = r.begin(text)
		case len(text) > 0:
			v = r.field(text, l)
		default:
			if v = r.end(); v == nil {
				return size, nil
			}
		}
		if v != nil {
			return 0, v
		}
	}
}

// begin reads the request-line.
func (r *Request) begin(text []byte) *Violation {
	line, v := parseRequestLine(text)
	if v != nil {
		return v
	}
	r.head.begin(line)
	r.fields.reset()
	*r = Request{
		Method: line.method, IsHead: string(line.method) == "HEAD", Target: line.target, HTTP10: line.http10,
		authority: line.authority, path: line.rest, head: r.head, fields: r.fields,
	}
	return nil
}

// field reads a field line.
func (r *Request) field(text []byte, l *Limits) *Violation {
	if len(r.fields.list) == l.Fields {
		return tooManyFields(l.Fields)
	}
	name, value, v := cutField(text)
	if v == nil {
		v = r.head.field(name, value)
	}
	if v == nil {
		v = r.fields.add(name, value)
	}
	if v != nil {
		return v
	}
	switch {
	case is(name, "host"):
		r.Host = value
	case is(name, "upgrade"):
		r.Upgrade = value
		r.Upgrades++
	case is(name, "expect"):
		r.expect(value)
	case is(name, "te"):
		r.Trailers = r.Trailers || wantsTrailers(value)
	}
	return nil
}

// expect reads an expectation (RFC 9110 §10.1.1), which is answered here and
// not forwarded as it is.
func (r *Request) expect(value []byte) {
	r.fields.list[len(r.fields.list)-1].Hop = true
	switch {
	case r.HTTP10:
	case is(value, "100-continue"):
		r.Continue = true
	default:
		r.Expects = true
	}
}

// WantsTrailers reports whether a TE field takes trailers.
func WantsTrailers(te string) bool { return wantsTrailers([]byte(te)) }

// wantsTrailers looks for the member trailers in TE (RFC 9110 §10.1.4).
func wantsTrailers(list []byte) bool {
	for more := true; more; {
		var member []byte
		member, list, more = bytes.Cut(list, []byte(","))
		if is(trimOWS(member), "trailers") {
			return true
		}
	}
	return false
}

// end is called at the empty line.
func (r *Request) end() *Violation {
	if v := r.head.end(); v != nil {
		return v
	}
	r.Length, r.HasLength = r.head.length, r.head.hasLength
	if r.head.chunked {
		r.Length = -1
	}
	if r.Host == nil {
		r.Host = r.authority
	}
	r.fields.markOptions()
	r.Fields = r.fields.list
	r.Close = r.fields.close || r.HTTP10
	r.Continue = r.Continue && r.Length != 0
	return nil
}

// Path returns the target in origin form, as it is forwarded, and the part of it
// before the query. An absolute form loses scheme and authority, which Host
// repeats (RFC 9112 §3.2.2); target may then begin with the query, while path is
// never empty. OPTIONS for a whole server is for * in every form (§3.2.4).
func (r *Request) Path() (target, path []byte) {
	if r.isAsterisk() {
		return asterisk, asterisk
	}
	path, _, _ = bytes.Cut(r.path, []byte("?"))
	if len(path) == 0 {
		path = root
	}
	return r.path, path
}

var asterisk, root = []byte("*"), []byte("/")

func (r *Request) isAsterisk() bool {
	return len(r.path) == 0 && string(r.Method) == "OPTIONS" || string(r.path) == "*"
}

// IsPath reports whether the target is a path, absolute or not: neither the
// asterisk nor the authority form.
func (r *Request) IsPath() bool {
	return (r.authority != nil || r.Target[0] == '/') && !r.isAsterisk()
}

// AppendStart appends the request-line and the Host field.
func (r *Request) AppendStart(dst []byte) []byte {
	target, _ := r.Path()
	dst = append(dst, r.Method...)
	dst = append(dst, ' ')
	if len(target) == 0 || target[0] == '?' {
		dst = append(dst, '/')
	}
	dst = append(dst, target...)
	dst = append(dst, " HTTP/1.1\r\nHost: "...)
	dst = append(dst, r.Host...)
	return append(dst, "\r\n"...)
}
