package proxy

import (
	"net/http"
	"net/netip"
	"strconv"
	"strings"
)

// A fault is a request that is not forwarded because of its form.
type fault struct {
	status int
	reason reason
	detail string // for the log; hostile bytes are quoted
}

// checkRequest reports why r may not be forwarded, or nil. net/http has parsed
// it already, http1.Guard has held HTTP/1.1 to its framing, and HTTP/2 has its
// own; here stands what both let through and an application might understand
// differently from us.
func (g *generation) checkRequest(r *http.Request) *fault {
	for _, check := range []func(*http.Request) *fault{
		checkMethod, g.checkUpgrade, checkTarget, checkHost, checkLength,
	} {
		if f := check(r); f != nil {
			return f
		}
	}
	if g.limits.BodyBytes > 0 && r.ContentLength > g.limits.BodyBytes {
		return &fault{http.StatusRequestEntityTooLarge, reasonBodyTooLarge, "the announced body is larger than limits.bodyBytes"}
	}
	return nil
}

// checkMethod refuses CONNECT, which turns the connection into a tunnel past
// every check (CVE-2026-56866), and methods that are not tokens (RFC 9110
// §9.1): HTTP/2 may carry a blank in one, which would write a second request
// line upstream.
func checkMethod(r *http.Request) *fault {
	switch {
	case r.Method == http.MethodConnect:
		return &fault{http.StatusMethodNotAllowed, reasonConnect, "CONNECT is never forwarded"}
	case !validToken(r.Method):
		return &fault{http.StatusBadRequest, reasonMalformed, "the method is not a token: " + quote(r.Method)}
	}
	return nil
}

// checkUpgrade refuses a change of protocol, but for WebSocket where it is
// switched on. Upgrade: h2c would carry requests past every check.
func (g *generation) checkUpgrade(r *http.Request) *fault {
	up, ok := r.Header["Upgrade"]
	if !ok {
		return nil
	}
	detail := "Upgrade: " + quote(strings.Join(up, ", "))
	switch {
	case len(up) != 1 || !strings.EqualFold(up[0], "websocket"):
		return &fault{http.StatusBadRequest, reasonUpgrade, detail + " is never forwarded"}
	case !g.settings.WebSocket:
		return &fault{http.StatusBadRequest, reasonUpgrade, detail + " needs `websocket: true`"}
	case r.Method != http.MethodGet || r.ProtoMajor != 1 || r.ProtoMinor != 1 || r.ContentLength != 0:
		return &fault{http.StatusBadRequest, reasonUpgrade, "a WebSocket handshake is a GET of HTTP/1.1 without a body (RFC 6455 §4.1)"}
	}
	return nil
}

// checkTarget refuses a request target with anything but visible ASCII: a blank
// in the :path of HTTP/2 would end the request line written upstream. The
// asterisk form asks the server, not the application.
func checkTarget(r *http.Request) *fault {
	for i := range len(r.RequestURI) {
		if b := r.RequestURI[i]; b <= ' ' || b >= 0x7f {
			return &fault{http.StatusBadRequest, reasonMalformed, "the request target has a byte that must be percent-encoded: " + quote(r.RequestURI)}
		}
	}
	relative := r.URL.Path != "" && r.URL.Path[0] != '/'
	absoluteH2 := r.ProtoMajor == 2 && !strings.HasPrefix(r.RequestURI, "/") // RFC 9113 §8.3.1
	if r.URL.Opaque != "" || relative || absoluteH2 || strings.Contains(r.RequestURI, "#") {
		return &fault{http.StatusBadRequest, reasonMalformed, "the request target is not a path: " + quote(r.RequestURI)}
	}
	return nil
}

// checkHost refuses a Host or :authority that is not host[:port] of RFC 3986
// §3.2, and an HTTP/2 request in which the two differ (RFC 9113 §8.3.1).
func checkHost(r *http.Request) *fault {
	if !validHost(r.Host) {
		return &fault{http.StatusBadRequest, reasonHost, "Host or :authority is malformed: " + quote(r.Host)}
	}
	if also, ok := r.Header["Host"]; ok && (len(also) != 1 || also[0] != r.Host) {
		return &fault{http.StatusBadRequest, reasonHost, ":authority and Host differ: " + quote(strings.Join(also, ", "))}
	}
	return nil
}

// checkLength refuses a Content-Length that is repeated, not a number, or not
// the length that net/http goes by: its HTTP/2 server reads the first and takes
// a malformed one for 0.
func checkLength(r *http.Request) *fault {
	cl, ok := r.Header["Content-Length"]
	if !ok {
		return nil
	}
	if len(cl) == 1 && digits(cl[0]) {
		if n, err := strconv.ParseInt(cl[0], 10, 63); err == nil && n == r.ContentLength {
			return nil
		}
	}
	return &fault{http.StatusBadRequest, reasonLength, "Content-Length is malformed or contradicts the body: " + quote(strings.Join(cl, ", "))}
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// validHost reports whether s is host[:port]: a registered name of letters,
// digits and "-._~", an IPv4 address, or an IPv6 address in brackets.
func validHost(s string) bool {
	host, port, hasPort := s, "", false
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return false
		}
		if a, err := netip.ParseAddr(s[1:end]); err != nil || !a.Is6() || a.Zone() != "" {
			return false
		}
		rest := s[end+1:]
		return rest == "" || rest[0] == ':' && validPort(rest[1:])
	}
	if i := strings.LastIndexByte(s, ':'); i >= 0 {
		host, port, hasPort = s[:i], s[i+1:], true
	}
	if host == "" || len(host) > 255 || hasPort && !validPort(port) {
		return false
	}
	for i := range len(host) {
		if b := host[i]; !alphanumeric(b) && strings.IndexByte("-._~", b) < 0 {
			return false
		}
	}
	return true
}

func validPort(s string) bool { return len(s) <= 5 && digits(s) }

func alphanumeric(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9'
}

// validToken reports whether s is a token (RFC 9110 §5.6.2).
func validToken(s string) bool {
	for i := range len(s) {
		if !alphanumeric(s[i]) && strings.IndexByte("!#$%&'*+-.^_`|~", s[i]) < 0 {
			return false
		}
	}
	return s != ""
}

// quote returns s quoted and bounded, fit for a log line.
func quote(s string) string {
	if len(s) > 200 {
		return strconv.QuoteToASCII(s[:200]) + "…"
	}
	return strconv.QuoteToASCII(s)
}
