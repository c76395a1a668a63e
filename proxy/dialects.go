package proxy

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/policy"
)

// A Header is an identity header to set beside the X-Client-* ones: a whole
// Dialect, or one Name of the user's own with a Value.
type Header struct {
	Dialect Dialect
	Name    string
	Value   Value
}

// A Dialect is a set of headers as another proxy would set them.
type Dialect string

// The dialects.
const (
	RFC9440      Dialect = "rfc9440"       // Client-Cert, Client-Cert-Chain
	XFCC         Dialect = "xfcc"          // X-Forwarded-Client-Cert, as Envoy sets it
	IngressNginx Dialect = "ingress-nginx" // ssl-client-verify, -subject-dn, -issuer-dn, -cert
	Traefik      Dialect = "traefik"       // X-Forwarded-Tls-Client-Cert, -Cert-Info
	AWS          Dialect = "aws"           // X-Amzn-Mtls-Clientcert-*
)

// A Value is what a header of the user's own says.
type Value string

// The values.
const (
	ValueSubject     Value = "subject"
	ValueIssuer      Value = "issuer"
	ValueSerial      Value = "serial"
	ValueFingerprint Value = "fingerprint"
	ValueRule        Value = "rule"
	ValueSANDNS      Value = "san-dns" // comma-separated
	ValueSANURI      Value = "san-uri" // comma-separated
	ValuePEM         Value = "pem"     // the leaf as PEM, percent-encoded
)

// presented is what a header can be made of.
type presented struct {
	client *policy.Client
	leaf   *x509.Certificate
	chain  []*x509.Certificate // what verified the leaf, without it and without a self-signed root
}

// dialects maps each Dialect to the headers it sets. An empty value sets none.
var dialects = map[Dialect]func(p presented) [][2]string{
	RFC9440:      rfc9440,
	XFCC:         xfcc,
	IngressNginx: ingressNginx,
	Traefik:      traefik,
	AWS:          aws,
}

// values maps each Value to its text. ValueRule depends on the request and is
// set there.
var values = map[Value]func(p presented) string{
	ValueSubject:     func(p presented) string { return p.client.Subject.String() },
	ValueIssuer:      func(p presented) string { return p.client.Issuer.String() },
	ValueSerial:      func(p presented) string { return p.client.Serial },
	ValueFingerprint: func(p presented) string { return hex.EncodeToString(p.client.Fingerprint[:]) },
	ValueRule:        func(presented) string { return "" },
	ValueSANDNS:      func(p presented) string { return strings.Join(cleanNames(p.client.DNSNames), ",") },
	ValueSANURI:      func(p presented) string { return strings.Join(cleanNames(p.client.URIs), ",") },
	ValuePEM:         func(p presented) string { return escapedPEM(p.leaf) },
}

// check reports a Header that names no dialect or value.
func (h Header) check() error {
	switch {
	case h.Dialect != "" && dialects[h.Dialect] == nil:
		return fmt.Errorf("header dialect %q is not known", h.Dialect)
	case h.Dialect == "" && !validToken(h.Name):
		return fmt.Errorf("header name %q is not a token", h.Name)
	case h.Dialect == "" && values[h.Value] == nil:
		return fmt.Errorf("value %q of header %q is not known", h.Value, h.Name)
	}
	return nil
}

// identity returns the identity headers of a verified client.
func (g *generation) identity(c *policy.Client, v certs.Verified) []headerValue {
	p := presented{client: c, leaf: v.Chains[0][0], chain: withoutRoot(v.Chains[0][1:])}
	pairs := [][2]string{
		{headerSubject, c.Subject.String()},
		{headerIssuer, c.Issuer.String()},
		{headerSerial, c.Serial},
		{headerFingerprint, hex.EncodeToString(c.Fingerprint[:])},
	}
	for _, h := range g.settings.Headers {
		if h.Dialect != "" {
			pairs = append(pairs, dialects[h.Dialect](p)...)
		} else {
			pairs = append(pairs, [2]string{h.Name, values[h.Value](p)})
		}
	}
	var out []headerValue
	for _, kv := range pairs {
		if kv[1] != "" {
			out = append(out, headerValue{http.CanonicalHeaderKey(kv[0]), []string{untrimmed(kv[1])}})
		}
	}
	return out
}

// untrimmed returns a name that ends in a blank with the blank as hex (RFC 4514 §2.4),
// since whoever reads a field does so without the blanks at its end (RFC 9110 §5.5).
func untrimmed(value string) string {
	if rest, ok := strings.CutSuffix(value, `\ `); ok {
		return rest + `\20`
	}
	return value
}

// withoutRoot returns chain without a self-signed certificate at its end.
func withoutRoot(chain []*x509.Certificate) []*x509.Certificate {
	if n := len(chain); n > 0 && slices.Equal(chain[n-1].RawIssuer, chain[n-1].RawSubject) {
		return chain[:n-1]
	}
	return chain
}

// rfc9440 is Client-Cert and Client-Cert-Chain (RFC 9440 §2.2, §2.3): byte
// sequences of RFC 8941, the chain nearest first and without the leaf.
func rfc9440(p presented) [][2]string {
	var chain []string
	for _, c := range p.chain {
		chain = append(chain, byteSequence(c.Raw))
	}
	return [][2]string{
		{"Client-Cert", byteSequence(p.leaf.Raw)},
		{"Client-Cert-Chain", strings.Join(chain, ", ")},
	}
}

func byteSequence(b []byte) string { return ":" + base64.StdEncoding.EncodeToString(b) + ":" }

// xfcc is Envoy's X-Forwarded-Client-Cert of one hop.
func xfcc(p presented) [][2]string {
	parts := []string{
		"Hash=" + hex.EncodeToString(p.client.Fingerprint[:]),
		`Subject="` + quotable(p.client.Subject.String()) + `"`,
	}
	for _, u := range cleanNames(p.client.URIs) {
		parts = append(parts, `URI="`+u+`"`)
	}
	for _, d := range cleanNames(p.client.DNSNames) {
		parts = append(parts, `DNS="`+d+`"`)
	}
	return [][2]string{{"X-Forwarded-Client-Cert", strings.Join(parts, ";")}}
}

// ingressNginx is what ingress-nginx passes with auth-tls-pass-certificate-to-upstream.
func ingressNginx(p presented) [][2]string {
	return [][2]string{
		{"Ssl-Client-Verify", "SUCCESS"},
		{"Ssl-Client-Subject-Dn", p.client.Subject.String()},
		{"Ssl-Client-Issuer-Dn", p.client.Issuer.String()},
		{"Ssl-Client-Cert", escapedPEM(p.leaf)},
	}
}

// traefik is what Traefik's PassTLSClientCert passes: bare base64, and a
// percent-encoded description. Traefik does not escape what stands in the
// description's quotes; here it is.
func traefik(p presented) [][2]string {
	info := fmt.Sprintf(`Subject="%s";Issuer="%s";NB="%d";NA="%d";SAN="%s"`,
		quotable(p.client.Subject.String()), quotable(p.client.Issuer.String()),
		p.leaf.NotBefore.Unix(), p.leaf.NotAfter.Unix(), strings.Join(cleanNames(p.client.DNSNames), ","))
	return [][2]string{
		{"X-Forwarded-Tls-Client-Cert", base64.StdEncoding.EncodeToString(p.leaf.Raw)},
		{"X-Forwarded-Tls-Client-Cert-Info", url.QueryEscape(info)},
	}
}

// aws is what an AWS Application Load Balancer sets in its verify mode.
func aws(p presented) [][2]string {
	return [][2]string{
		{"X-Amzn-Mtls-Clientcert-Serial-Number", strings.ToUpper(p.client.Serial)},
		{"X-Amzn-Mtls-Clientcert-Issuer", p.client.Issuer.String()},
		{"X-Amzn-Mtls-Clientcert-Subject", p.client.Subject.String()},
		{"X-Amzn-Mtls-Clientcert-Validity", "NotBefore=" + p.leaf.NotBefore.UTC().Format(time.RFC3339) + ";NotAfter=" + p.leaf.NotAfter.UTC().Format(time.RFC3339)},
		{"X-Amzn-Mtls-Clientcert-Leaf", awsSafe.Replace(escapedPEM(p.leaf))},
	}
}

// awsSafe undoes the escapes of the three characters that AWS leaves alone.
var awsSafe = strings.NewReplacer("%2B", "+", "%3D", "=", "%2F", "/")

// escapedPEM returns the certificate as PEM, percent-encoded as nginx's
// $ssl_client_escaped_cert is.
func escapedPEM(c *x509.Certificate) string {
	b := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
	return strings.ReplaceAll(url.QueryEscape(string(b)), "+", "%20")
}

// quotable returns a canonical name fit to stand between double quotes, however
// the reader understands a backslash: RFC 4514 §2.4 lets a quote and a backslash
// be written as hex, so that neither a bare quote nor a doubled backslash is left.
func quotable(canonical string) string { return hexEscapes.Replace(canonical) }

var hexEscapes = strings.NewReplacer(`\\`, `\5C`, `\"`, `\22`)

// cleanNames returns the subject alternative names that can stand in a list:
// visible ASCII without the characters that lists and quotes are made of. The
// others are left out: a CA that signs `a",URI="b` does not get it through.
func cleanNames(names []string) []string {
	var out []string
	for _, n := range names {
		if n != "" && !strings.ContainsFunc(n, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`",;\`, r) }) {
			out = append(out, n)
		}
	}
	return out
}
