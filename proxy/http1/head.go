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
	trace     bool
	authority []byte // of a target in absolute form; the storage is used again

	host      bool
	upgrade   bool
	chunked   bool
	hasLength bool
	length    int64
}

// A requestLine is method SP target SP HTTP-version (RFC 9112 §3).
type requestLine struct {
	method, target []byte
	authority      []byte // of a target in absolute form
	rest           []byte // of the target, behind that
	http10         bool
}

func parseRequestLine(text []byte) (l requestLine, v *Violation) {
	method, rest, ok1 := bytes.Cut(text, []byte(" "))
	target, version, ok2 := bytes.Cut(rest, []byte(" "))
	switch {
	case len(text) == 0:
		return l, violation(BadRequestLine, "an empty line comes before the request-line")
	case !tokenChars.all(method):
		return l, violation(BadRequestLine, "the method %s is not a token", method)
	case !ok1 || !ok2 || len(target) == 0:
		return l, violation(BadRequestLine, "the request-line with method %s has not three parts", method)
	case string(version) != "HTTP/1.1" && string(version) != "HTTP/1.0":
		return l, violation(BadVersion, "the version is %s", version)
	}
	l = requestLine{method: method, target: target, http10: string(version) == "HTTP/1.0"}
	l.authority, l.rest, v = checkTarget(method, target)
	return l, v
}

// begin takes over what the request-line says.
func (h *head) begin(l requestLine) {
	*h = head{
		http10:    l.http10,
		connect:   string(l.method) == "CONNECT",
		trace:     string(l.method) == "TRACE",
		authority: append(h.authority[:0], l.authority...),
	}
}

// field takes over what a field says of framing and routing.
func (h *head) field(name, value []byte) *Violation {
	switch {
	case is(name, "host"):
		return h.setHost(value)
	case is(name, "content-length"):
		return h.setLength(value)
	case is(name, "transfer-encoding"):
		return h.setEncoding(value)
	case is(name, "upgrade"):
		h.upgrade = true
	case is(name, "trailer"):
		return checkAnnounced(value)
	case is(name, "connection"):
		return checkOptions(value)
	}
	return nil
}

// checkOptions refuses a Connection field that names what frames or routes the
// message: whoever obeys it reads another message (RFC 9110 §7.6.1).
func checkOptions(list []byte) *Violation {
	for more := true; more; {
		var option []byte
		option, list, more = bytes.Cut(list, []byte(","))
		if option = trimOWS(option); is(option, "content-length") || is(option, "transfer-encoding") || is(option, "host") {
			return violation(BadField, "the Connection field names %s", option)
		}
	}
	return nil
}

// cutField divides a field line (RFC 9112 §5).
func cutField(text []byte) (name, value []byte, v *Violation) {
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

func tooManyFields(limit int) *Violation {
	return violation(TooManyFields, "there are more than %d field lines", limit)
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

// end checks what can only be known when all fields are (RFC 9112 §6.3).
func (h *head) end() *Violation {
	switch {
	case !h.host && !h.http10:
		return violation(BadHost, "there is no Host field")
	case h.trace && (h.chunked || h.length > 0):
		return violation(AmbiguousFraming, "a TRACE has content, which it cannot have (RFC 9110 §9.3.8)")
	case h.chunked && h.hasLength:
		return violation(AmbiguousFraming, "there are both a Transfer-Encoding and a Content-Length of %s",
			strconv.FormatInt(h.length, 10))
	}
	return nil
}
