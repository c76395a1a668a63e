package proxy

import (
	"net/http"
	"strings"

	"github.com/sidegate/sidegate/proxy/http1"
)

// The identity headers that Sidegate sets on every request.
const (
	headerSubject     = "X-Client-Subject"     // canonical Subject, RFC 4514, ASCII
	headerIssuer      = "X-Client-Issuer"      // canonical Issuer
	headerSerial      = "X-Client-Serial"      // lower-case hex
	headerFingerprint = "X-Client-Fingerprint" // lower-case hex of the SHA-256 of the DER
	headerRule        = "X-Client-Rule"        // the rule that let the request in
)

// A headerValue is a header in canonical spelling with its one value, kept as
// the slice that http.Header wants: it is shared by all requests of a
// connection and never written to.
type headerValue struct {
	name  string
	value []string
}

// families are the beginnings of normalised names that no client may send: the
// identity headers of Sidegate and of every dialect, and what says who sent a
// request and how. They are removed whether or not a dialect is switched on,
// because an application may still trust one from the proxy it had before.
var families = []string{
	"x-client-",    // ours
	"client-cert",  // RFC 9440
	"x-forwarded-", // and with it Envoy's -Client-Cert and Traefik's -Tls-Client-Cert
	"x-ssl-",
	"ssl-client-", // ingress-nginx
	"x-amzn-mtls-",
}

// exacts are single normalised names, removed for the same reason, and names
// that CGI and its children take for something that is not a header at all.
var exacts = []string{
	"forwarded", "x-real-ip", "remote-user", "remote-addr",
	"script-name", "path-info", // CGI's parts of the path (RFC 3875 §4.1)
	"proxy", // becomes HTTP_PROXY (CVE-2016-5385)
	"trailer",
}

// overrides are names by which an application may be told another method or path
// than the one that a rule has admitted. They are removed where rules have
// methods or paths.
var overrides = []string{
	"x-http-method", "x-http-method-override", "x-method-override",
	"x-original-url", "x-rewrite-url", "x-original-method",
}

// framing are names that frame a message. net/http has read the real ones; a
// look-alike is for whoever maps "_" to "-".
var framing = map[string]string{
	"content-length": "Content-Length", "transfer-encoding": "Transfer-Encoding", "host": "Host",
	"connection": "Connection", "upgrade": "Upgrade",
}

// A stripper knows identity headers in every spelling.
type stripper struct{ exact map[string]bool }

// newStripper returns a stripper of all families and of the user's own names,
// and of overrides if rules look at the request.
func newStripper(own []Header, bindsRequest bool) *stripper {
	s := &stripper{exact: make(map[string]bool)}
	for _, name := range exacts {
		s.exact[name] = true
	}
	for _, name := range overrides {
		s.exact[name] = bindsRequest
	}
	for _, h := range own {
		if h.Name != "" {
			s.exact[string(appendNormal(nil, h.Name))] = true
		}
	}
	return s
}

// strip removes from h every field whose normalised name is one of ours.
func (s *stripper) strip(h http.Header) {
	for name := range h {
		if ours(s, name) {
			delete(h, name)
		}
	}
}

// ours reports whether a name, normalised, is one of ours. Applications behind
// CGI, WSGI, Rack and PHP read X_Client_Subject, X.Client.Subject and
// X-Client-Subject as the same variable (CVE-2025-64484, CVE-2026-39858), so a
// name is compared as they would.
func ours[T string | []byte](s *stripper, name T) bool {
	var room [64]byte
	n := appendNormal(room[:0], name)
	if s.exact[string(n)] {
		return true
	}
	if real, ok := framing[string(n)]; ok && !strings.EqualFold(real, string(name)) {
		return true
	}
	for _, f := range families {
		if len(n) >= len(f) && string(n[:len(f)]) == f {
			return true
		}
	}
	return false
}

// appendNormal appends what the laxest application makes of a field name: lower
// case, and "-" for everything but letters and digits.
func appendNormal[T string | []byte](dst []byte, name T) []byte {
	for i := range len(name) {
		b := name[i]
		switch {
		case 'A' <= b && b <= 'Z':
			b += 'a' - 'A'
		case 'a' <= b && b <= 'z', '0' <= b && b <= '9':
		default:
			b = '-'
		}
		dst = append(dst, b)
	}
	return dst
}

// setIdentity puts the identity of the caller on a request from which every
// spelling of it was stripped. rule is the name of the rule that admitted it; if
// none did, none is told.
func (v *verdict) setIdentity(h http.Header, rule string) {
	for _, hv := range v.set {
		h[hv.name] = hv.value
	}
	if rule == "" {
		return
	}
	value := []string{rule}
	for _, name := range v.gen.ruleHeaders {
		h[name] = value
	}
}

// appendIdentity appends the same as field lines.
func (v *verdict) appendIdentity(dst []byte, rule string) []byte {
	dst = append(dst, v.lines...)
	if rule == "" {
		return dst
	}
	for _, name := range v.gen.ruleHeaders {
		dst = http1.AppendField(dst, name, rule)
	}
	return dst
}

// ruleHeaders returns the names of the headers that tell the rule.
func ruleHeaders(own []Header) []string {
	names := []string{headerRule}
	for _, h := range own {
		if h.Name != "" && h.Value == ValueRule {
			names = append(names, http.CanonicalHeaderKey(h.Name))
		}
	}
	return names
}

// lines returns headers as field lines.
func lines(set []headerValue) (out []byte) {
	for _, h := range set {
		out = http1.AppendField(out, h.name, h.value[0])
	}
	return out
}
