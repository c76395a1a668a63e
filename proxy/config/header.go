package config

import "strings"

// Header is one entry of headers: the name of a dialect, or a header of one's own.
type Header struct {
	// Dialect is set when the entry is the name of one; Name and Value are then empty.
	Dialect Dialect `yaml:"-"`

	// The name of the header. Not one that frames or routes a message (`Host`,
	// `Content-Length`, `Connection`, `Proxy-…`), and not one that Sidegate sets by itself.
	Name string `yaml:"name" required:"true"`

	// What to put there: `subject` and `issuer` in the canonical form, `serial` and `fingerprint`
	// (SHA-256 of the certificate) in lower-case hex, `rule`, the name of the rule that let the request
	// in, `san-dns` and `san-uri`, lists with commas, or `pem`, the certificate URL-encoded.
	Value HeaderValue `yaml:"value" required:"true"`
}

// Dialect is a family of identity headers that other software made known.
type Dialect string

// The dialects.
const (
	RFC9440      Dialect = "rfc9440"       // Client-Cert, Client-Cert-Chain
	XFCC         Dialect = "xfcc"          // Envoy: X-Forwarded-Client-Cert
	IngressNginx Dialect = "ingress-nginx" // ssl-client-subject-dn and its kin
	Traefik      Dialect = "traefik"       // X-Forwarded-Tls-Client-Cert and -Info
	AWS          Dialect = "aws"           // X-Amzn-Mtls-Clientcert and its kin
)

// Choices returns every Dialect there is.
func (Dialect) Choices() []string { return choices(RFC9440, XFCC, IngressNginx, Traefik, AWS) }

// HeaderValue says what of the client a header carries.
type HeaderValue string

// The header values.
const (
	ValueSubject     HeaderValue = "subject"
	ValueIssuer      HeaderValue = "issuer"
	ValueSerial      HeaderValue = "serial"
	ValueFingerprint HeaderValue = "fingerprint"
	ValueRule        HeaderValue = "rule"
	ValueSANDNS      HeaderValue = "san-dns"
	ValueSANURI      HeaderValue = "san-uri"
	ValuePEM         HeaderValue = "pem"
)

// Choices returns every HeaderValue there is.
func (HeaderValue) Choices() []string {
	return choices(ValueSubject, ValueIssuer, ValueSerial, ValueFingerprint, ValueRule,
		ValueSANDNS, ValueSANURI, ValuePEM)
}

// checkHeaders checks the entries one by one and against each other. Names are
// compared as an application may fold them: CGI and its heirs make one variable
// of X-User and X_User.
func (v *validator) checkHeaders(path string, hs []Header) {
	seen := map[string]string{}
	for i, h := range hs {
		at, key := index(path, i), "dialect "+string(h.Dialect)
		if h.Dialect != "" {
			v.oneOf(at, string(h.Dialect), h.Dialect.Choices())
		} else {
			v.checkHeaderName(at+".name", h.Name)
			v.oneOf(at+".value", string(h.Value), h.Value.Choices())
			key = normalHeader(h.Name)
		}
		if first, ok := seen[key]; ok {
			v.addf(at, "is the same header as %s; remove one", first)
		} else if h.Dialect != "" || isToken(h.Name) {
			seen[key] = at
		}
	}
}

func (v *validator) checkHeaderName(path, name string) {
	switch normal := normalHeader(name); {
	case name == "":
		v.addf(path, "is required; write the name of the header, such as X-SSL-Subject")
	case !isToken(name):
		v.addf(path, "%s is not a header name; use letters, digits and hyphens", quote(name))
	case framing[normal] || strings.HasPrefix(normal, "proxy-") || strings.HasPrefix(normal, "content-"):
		v.addf(path, "%s frames or routes the message and cannot carry an identity; choose a name of your own, such as X-SSL-Subject", quote(name))
	case ownHeaders[normal]:
		v.addf(path, "%s is set by Sidegate itself; remove the entry, or choose another name", quote(name))
	}
}

// normalHeader folds a name as the proxy does when it strips headers.
func normalHeader(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'A' <= r && r <= 'Z':
			return r + 'a' - 'A'
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
			return r
		}
		return '-'
	}, name)
}

// framing are the fields that say how a message is cut and where it goes
// (RFC 9110 §7.6.1, RFC 9112 §6), beside the Proxy- and Content- families.
var framing = map[string]bool{
	"host": true, "transfer-encoding": true, "connection": true, "te": true, "trailer": true,
	"upgrade": true, "keep-alive": true, "http2-settings": true, "expect": true, "via": true,
	"max-forwards": true, "date": true,
}

// ownHeaders are set on every request that is let in.
var ownHeaders = map[string]bool{
	"x-client-subject": true, "x-client-issuer": true, "x-client-serial": true,
	"x-client-fingerprint": true, "x-client-rule": true,
	"x-forwarded-for": true, "x-forwarded-proto": true, "x-forwarded-host": true,
}

// isToken reports whether s is a token (RFC 9110 §5.6.2).
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && ('0' > c || c > '9') && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return s != ""
}
