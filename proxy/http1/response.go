package http1

import (
	"bytes"
	"strconv"
)

// maxResponseHead is the largest head of a response that is read, in bytes.
const maxResponseHead = 1 << 20

// A Response is the head of a response (RFC 9112 §4). Its bytes are good until
// its content is read.
type Response struct {
	Status int
	Length int64 // of the content, in bytes; -1 chunked, -2 until the connection closes
	Fields []Field
	Dated  bool // there is a Date field

	http10, chunked, hasLength bool
	announced                  int64 // Content-Length
	upgrade                    []byte
	fields                     fields
}

// read reads a head from s. noContent says that the request was HEAD.
func (r *Response) read(s *source, noContent bool) error {
	for {
		s.moved = false
		size, err := r.parse(s)
		if s.moved {
			continue
		}
		if err == nil {
			s.r += size
			r.frame(noContent)
		}
		return err
	}
}

func (r *Response) parse(s *source) (size int, err error) {
	for first := true; ; first = false {
		line, err := s.line(&size, maxResponseHead)
		switch {
		case err != nil || s.moved:
			return 0, err
		case line == nil:
			return 0, violation(HeadTooLarge, "the head of the response has more than %d bytes", maxResponseHead)
		}
		text, v := textOf(line, inFields)
		switch {
		case v != nil:
		case first:
			v = r.statusLine(text)
		case len(text) > 0:
			v = r.field(text)
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

// statusLine reads HTTP-version SP status-code SP [ reason-phrase ]. That the
// second blank may be missing when there is no phrase is what some servers do.
func (r *Response) statusLine(text []byte) *Violation {
	version, rest, _ := bytes.Cut(text, []byte(" "))
	code, phrase, _ := bytes.Cut(rest, []byte(" "))
	status, _ := strconv.Atoi(string(code))
	switch {
	case string(version) != "HTTP/1.1" && string(version) != "HTTP/1.0":
		return violation(BadVersion, "the response begins with %s", version)
	case len(code) != 3 || !digits.all(code) || status < 100 || status > 599:
		return violation(BadStatusLine, "the status %s is not one of HTTP", code)
	case valueOctets.stray(phrase) >= 0:
		return violation(BadStatusLine, "the reason phrase has a control character")
	}
	r.fields.reset()
	*r = Response{Status: status, http10: string(version) == "HTTP/1.0", fields: r.fields}
	return nil
}

const maxResponseFields = 1000

func (r *Response) field(text []byte) *Violation {
	if len(r.fields.list) == maxResponseFields {
		return tooManyFields(maxResponseFields)
	}
	name, value, v := cutField(text)
	if v != nil {
		return v
	}
	switch {
	case is(name, "content-length"):
		if r.hasLength || len(value) > 18 || !digits.all(value) {
			return violation(BadContentLength, "the Content-Length of the response is repeated or not a number: %s", value)
		}
		r.hasLength = true
		r.announced, _ = strconv.ParseInt(string(value), 10, 64)
	case is(name, "transfer-encoding"):
		if r.chunked || !is(value, "chunked") {
			return violation(BadTransferEncoding, "the Transfer-Encoding of the response is not chunked, once: %s", value)
		}
		r.chunked = true
	case is(name, "upgrade"):
		r.upgrade = value
	case is(name, "date"):
		r.Dated = true
	}
	return r.fields.add(name, value)
}

func (r *Response) end() *Violation {
	if r.chunked && (r.hasLength || r.http10) {
		return violation(AmbiguousFraming, "the response has a Transfer-Encoding and a Content-Length, or is HTTP/1.0")
	}
	r.fields.markOptions()
	r.Fields = r.fields.list
	return nil
}

// frame works out the length of the content (RFC 9112 §6.3).
func (r *Response) frame(noContent bool) {
	switch {
	case r.bodiless() || noContent:
		r.Length = 0
	case r.chunked:
		r.Length = -1
	case r.hasLength:
		r.Length = r.announced
	default:
		r.Length = untilClose
	}
}

// bodiless reports a status that never has content.
func (r *Response) bodiless() bool {
	return r.Status < 200 || r.Status == 204 || r.Status == 304
}

// persists reports whether the connection may carry another response. One that
// is announced to have content, and by its status cannot, is not trusted.
func (r *Response) persists() bool {
	if r.Status == 101 {
		return false // it carries something else now
	}
	odd := r.Status == 204 && (r.announced > 0 || r.chunked) || r.Status == 304 && r.chunked
	return !r.http10 && !r.fields.close && !odd && r.Length != untilClose
}

// Announced returns the Content-Length of the response, which HEAD and 304 have
// without content.
func (r *Response) Announced() (length int64, ok bool) { return r.announced, r.hasLength }

// Chunked reports whether the response has trailers, perhaps.
func (r *Response) Chunked() bool { return r.chunked }
