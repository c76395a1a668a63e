package http1

import (
	"bytes"
	"net/http"
	"strings"
)

// A Field is one field line of a head. Name and Value are the peer's bytes,
// without white space around the value; they are good until the content of the
// message is read.
type Field struct {
	Name, Value []byte

	// Hop says that the field is about one connection, or frames the message,
	// and is not to be forwarded (RFC 9110 §7.6.1).
	Hop bool
}

// maxOptions is how many connection options one head may name: each is compared
// with each field.
const maxOptions = 32

// fields are the field lines of one head, in their order.
type fields struct {
	list    []Field
	options [][]byte // of the Connection fields, but close and keep-alive

	close, keepAlive bool
}

// reset begins anew. What it does not clear would keep a buffer alive.
func (f *fields) reset() {
	clear(f.list)
	clear(f.options)
	f.list, f.options = f.list[:0], f.options[:0]
	f.close, f.keepAlive = false, false
}

// keptFields is how many field lines have storage between messages: more than
// most heads have.
const keptFields = 64

// forget is reset at the end of a message, when the storage goes back to a pool.
func (f *fields) forget() {
	f.reset()
	if cap(f.list) > keptFields {
		f.list = nil
	}
}

// add appends a field line.
func (f *fields) add(name, value []byte) *Violation {
	f.list = append(f.list, Field{name, value, hopByHop(name)})
	if !is(name, "connection") {
		return nil
	}
	for more := true; more; {
		var option []byte
		option, value, more = bytes.Cut(value, []byte(","))
		switch option = trimOWS(option); {
		case len(option) == 0:
		case is(option, "close"):
			f.close = true
		case is(option, "keep-alive"):
			f.keepAlive = true
		case len(f.options) == maxOptions:
			return violation(BadField, "the Connection field has more than %d options", maxOptions)
		default:
			f.options = append(f.options, option)
		}
	}
	return nil
}

// markOptions marks the fields that Connection names.
func (f *fields) markOptions() {
	for _, option := range f.options {
		for i := range f.list {
			if equalFold(f.list[i].Name, option) {
				f.list[i].Hop = true
			}
		}
	}
}

// hopByHop reports whether a field is never forwarded, named in Connection or not.
// Content-Length and Host are written anew.
func hopByHop(name []byte) bool {
	switch len(name) {
	case 2:
		return is(name, "te")
	case 4:
		return is(name, "host")
	case 7:
		return is(name, "trailer") || is(name, "upgrade")
	case 10:
		return is(name, "connection") || is(name, "keep-alive")
	case 14:
		return is(name, "content-length")
	case 16:
		return is(name, "proxy-connection")
	case 17:
		return is(name, "transfer-encoding")
	case 18:
		return is(name, "proxy-authenticate")
	case 19:
		return is(name, "proxy-authorization")
	}
	return false
}

// equalFold compares field names, which are ASCII (RFC 9110 §5.1).
func equalFold(a, b []byte) bool { return len(a) == len(b) && bytes.EqualFold(a, b) }

// AppendField appends a field line. The name is written the way net/http writes
// it, Accept-Encoding, so that an application sees one spelling only.
func AppendField[N, V string | []byte](dst []byte, name N, value V) []byte {
	upper := true
	for i := range len(name) {
		b := name[i]
		switch {
		case upper && 'a' <= b && b <= 'z':
			b -= 'a' - 'A'
		case !upper && 'A' <= b && b <= 'Z':
			b += 'a' - 'A'
		}
		dst = append(dst, b)
		upper = b == '-'
	}
	dst = append(dst, ": "...)
	dst = append(dst, value...)
	return append(dst, "\r\n"...)
}

// HopByHop reports whether a field, by its name in net/http's spelling, is about
// one connection or frames the message (RFC 9110 §7.6.1).
func HopByHop(name string) bool { return hopByHop([]byte(name)) }

// CanonicalName returns a field name in net/http's spelling. Those that most
// responses have cost no allocation.
func CanonicalName(name []byte) string {
	if known, ok := commonNames[string(name)]; ok {
		return known
	}
	return http.CanonicalHeaderKey(string(name))
}

var commonNames = func() map[string]string {
	names := make(map[string]string)
	for _, n := range []string{
		"Accept-Ranges", "Access-Control-Allow-Origin", "Age", "Allow", "Cache-Control", "Content-Disposition",
		"Content-Encoding", "Content-Language", "Content-Type", "Date", "Etag", "Expires", "Last-Modified", "Link",
		"Location", "Server", "Set-Cookie", "Strict-Transport-Security", "Vary", "X-Content-Type-Options",
		"X-Frame-Options", "X-Powered-By", "X-Request-Id",
	} {
		names[n], names[strings.ToLower(n)] = n, n
	}
	names["ETag"] = "Etag"
	return names
}()
