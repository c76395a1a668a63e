package http1

import (
	"bytes"
	"strconv"
)

// A head is what the head of one request says about who is meant and what
// follows it.
type head struct {
	http10    bool
	connect   bool
	authority []byte // of a target in absolute form; the storage is used again

	host      bool
	upgrade   bool
	chunked   bool
	hasLength bool
	length    int64
}

// requestLine checks method SP target SP HTTP-version (RFC 9112 §3).
func (s *stream) requestLine(text []byte) *Violation {
	method, rest, ok1 := bytes.Cut(text, []byte(" "))
	target, version, ok2 := bytes.Cut(rest, []byte(" "))
	switch {
	case len(text) == 0:
		return violation(BadRequestLine, "an empty line comes before the request-line")
	case !tokenChars.all(method):
		return violation(BadRequestLine, "the method %s is not a token", method)
	case !ok1 || !ok2 || len(target) == 0:
		return violation(BadRequestLine, "the request-line with method %s has not three parts", method)
	case string(version) != "HTTP/1.1" && string(version) != "HTTP/1.0":
		return violation(BadVersion, "the version is %s", version)
	}
	authority, v := checkTarget(method, target)
	if v != nil {
		return v
	}
	s.head = head{
		http10:    string(version) == "HTTP/1.0",
		connect:   string(method) == "CONNECT",
		authority: append(s.head.authority[:0], authority...),
	}
	s.state = inFields
	return nil
}

// field checks a field line of the head.
func (s *stream) field(text []byte) *Violation {
	name, value, v := s.cutField(text)
	if v != nil {
		return v
	}
	switch {
	case is(name, "host"):
		return s.head.setHost(value)
	case is(name, "content-length"):
		return s.head.setLength(value)
	case is(name, "transfer-encoding"):
		return s.head.setEncoding(value)
	case is(name, "upgrade"):
		s.head.upgrade = true
	case is(name, "trailer"):
		return checkAnnounced(value)
	}
	return nil
}

// cutField divides a field line (RFC 9112 §5), which is counted.
func (s *stream) cutField(text []byte) (name, value []byte, v *Violation) {
	if s.fields++; s.fields > s.fieldLimit {
		return nil, nil, violation(TooManyFields, "there are more than %d field lines", s.fieldLimit)
	}
	if text[0] == ' ' || text[0] == '\t' {
		return nil, nil, violation(BadField, "a field line begins with white space (obs-fold, RFC 9112 §5.2)")
	}
	name, value, ok := bytes.Cut(text, []byte(":"))
	switch at := valueOctets.stray(value); {
	case !ok:
		// Without a name, all of it may be a value: it is not quoted.
		return nil, nil, violation(BadField, "a field line has no colon")
	case !tokenChars.all(name):
		return nil, nil, violation(BadField, "the field name %s is not a token", name)
	case at >= 0:
		return nil, nil, violation(BadField, "the value of the field %s has the byte %#02x", name, value[at])
	}
	return name, trimOWS(value), nil
}

func (h *head) setHost(value []byte) *Violation {
	switch {
	case h.host:
		return violation(BadHost, "there is more than one Host field")
	case !validAuthority(value):
		return violation(BadHost, "the Host field is not a host with an optional port: %s", value)
	case len(h.authority) > 0 && !bytes.EqualFold(h.authority, value):
		// Some readers go by the one, some by the other (RFC 9112 §3.2.2).
		return violation(BadHost, "the Host field is %s and the target has %s", value, h.authority)
	}
	h.host = true
	return nil
}

func (h *head) setLength(value []byte) *Violation {
	if h.hasLength {
		return violation(BadContentLength, "there is more than one Content-Length field")
	}
	if len(value) > 18 || !digits.all(value) {
		return violation(BadContentLength, "the Content-Length is not a number of 1 to 18 digits: %s", value)
	}
	h.hasLength = true
	for _, digit := range value {
		h.length = h.length*10 + int64(digit-'0')
	}
	return nil
}

func (h *head) setEncoding(value []byte) *Violation {
	switch {
	case h.chunked:
		return violation(BadTransferEncoding, "there is more than one Transfer-Encoding field")
	case h.http10:
		return violation(BadTransferEncoding, "HTTP/1.0 has no Transfer-Encoding")
	case !is(value, "chunked"):
		return violation(BadTransferEncoding, "the Transfer-Encoding is not chunked: %s", value)
	}
	h.chunked = true
	return nil
}

// endHead checks what can only be known when all fields are, and moves on to
// what follows the head (RFC 9112 §6.3).
func (s *stream) endHead() *Violation {
	h := &s.head
	switch {
	case !h.host && !h.http10:
		return violation(BadHost, "there is no Host field")
	case h.chunked && h.hasLength:
		return violation(AmbiguousFraming, "there are both a Transfer-Encoding and a Content-Length of %s",
			strconv.FormatInt(h.length, 10))
	case h.connect || h.upgrade:
		s.begin(inOpaque)
	case h.chunked:
		s.begin(inChunkSize)
	case h.length > 0:
		s.begin(inContent)
		s.left = h.length
	default:
		s.begin(inRequestLine)
	}
	return nil
}
