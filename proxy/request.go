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

// A form is what both protocols tell of the form of a request.
type form struct {
	method, host string
	path         string // percent-encoded, as sent, without the query
	isPath       bool   // the target is a path: neither "*" nor anything else
	upgrade      string // the Upgrade fields
	upgrades     int    // how many there are
	http11       bool
	length       int64  // of the content; -1 if it is not announced
	fault        *fault // what else is wrong, in one protocol
}

// checkForm reports why a request may not be forwarded, or nil. Whoever parsed it
// has held it to its protocol; here stands what an application might
// understand differently from us.
func (g *generation) checkForm(f *form) *fault {
	if f := checkMethod(f.method); f != nil {
		return f
	}
	if f := g.checkUpgrade(f); f != nil {
		return f
	}
	switch {
	case !f.isPath:
		return &fault{http.StatusBadRequest, reasonMalformed, "the request target is not a path: " + quote(f.path)}
	case !validHost(f.host):
		return &fault{http.StatusBadRequest, reasonHost, "Host or :authority is malformed: " + quote(f.host)}
	case f.fault != nil:
		return f.fault
	case g.limits.BodyBytes > 0 && f.length > g.limits.BodyBytes:
		return &fault{http.StatusRequestEntityTooLarge, reasonBodyTooLarge, "the announced body is larger than limits.bodyBytes"}
	}
	return nil
}

// checkMethod refuses CONNECT, which turns the connection into a tunnel past
// every check (CVE-2026-56866), and methods that are not tokens (RFC 9110
// §9.1): HTTP/2 may carry a blank in one, which would write a second request
// line upstream.
func checkMethod(method string) *fault {
	switch {
	case method == http.MethodConnect:
		return &fault{http.StatusMethodNotAllowed, reasonConnect, "CONNECT is never forwarded"}
	case !validToken(method):
		return &fault{http.StatusBadRequest, reasonMalformed, "the method is not a token: " + quote(method)}
	}
	return nil
}

// checkUpgrade refuses a change of protocol, but for WebSocket where it is
// switched on. Upgrade: h2c would carry requests past every check.
func (g *generation) checkUpgrade(f *form) *fault {
	if f.upgrades == 0 {
		return nil
	}
	switch {
	case f.upgrades != 1 || !strings.EqualFold(f.upgrade, "websocket"):
		return &fault{http.StatusBadRequest, reasonUpgrade, "Upgrade: " + quote(f.upgrade) + " is never forwarded"}
	case !g.settings.WebSocket:
		return &fault{http.StatusBadRequest, reasonUpgrade, "Upgrade: " + quote(f.upgrade) + " needs `websocket: true`"}
	case f.method != http.MethodGet || !f.http11 || f.length != 0:
		return &fault{http.StatusBadRequest, reasonUpgrade, "a WebSocket handshake is a GET of HTTP/1.1 without a body (RFC 6455 §4.1)"}
	}
	return nil
}

// formOf returns the form of a request that net/http has parsed.
func formOf(r *http.Request) form {
	up := r.Header["Upgrade"]
	// As sent: EscapedPath is another text if the path has a byte such as '"', and
	// then it has a slash where %2F was.
	path, _, _ := strings.Cut(r.RequestURI, "?")
	if !strings.HasPrefix(path, "/") {
		path = r.URL.EscapedPath()
	}
	return form{
		method: r.Method, host: r.Host, path: path, isPath: isPath(r),
		upgrade: strings.Join(up, ", "), upgrades: len(up),
		http11: r.ProtoMajor == 1 && r.ProtoMinor == 1,
		length: r.ContentLength, fault: faultOfHTTP2(r),
	}
}

func isPath(r *http.Request) bool {
	relative := r.URL.Path != "" && r.URL.Path[0] != '/'
	absoluteH2 := r.ProtoMajor == 2 && !strings.HasPrefix(r.RequestURI, "/") // RFC 9113 §8.3.1
	return r.URL.Opaque == "" && !relative && !absoluteH2 && !strings.Contains(r.RequestURI, "#")
}

// faultOfHTTP2 finds what net/http lets through and HTTP/1.1 cannot say.
func faultOfHTTP2(r *http.Request) *fault {
	for i := range len(r.RequestURI) {
		// A blank in the :path of HTTP/2 would end the request line written upstream.
		if b := r.RequestURI[i]; b <= ' ' || b >= 0x7f {
			return &fault{http.StatusBadRequest, reasonMalformed, "the request target has a byte that must be percent-encoded: " + quote(r.RequestURI)}
		}
	}
	if also, ok := r.Header["Host"]; ok && (len(also) != 1 || also[0] != r.Host) {
		return &fault{http.StatusBadRequest, reasonHost, ":authority and Host differ: " + quote(strings.Join(also, ", "))} // RFC 9113 §8.3.1
	}
	return checkLength(r)
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
