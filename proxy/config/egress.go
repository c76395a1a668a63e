package config

import (
	"crypto/tls"
	"time"

	"github.com/sidegate/sidegate/proxy/subject"
)

// Egress is one listener for the application's own calls to one partner.
//
// The application calls `http://127.0.0.1:8081/orders` in plaintext, and Sidegate calls
// `https://api.partner.example/orders`, presents the client certificate and makes sure of
// the server. Method, path, query, headers and body pass as they are; `Host` becomes the
// partner's. A call that fails is answered with 502, 503 or 504 and one line with
// [a word](reasons.md) and a sentence that say why.
//
// An egress says nothing about readiness: a client certificate that has ended is
// shown, logged and counted, but requests from outside must go on coming in.
type Egress struct {
	// What the listener is called in logs and as the label `listener` of metrics. Written
	// like the name of an ingress, and unique among all listeners. A change of the name needs
	// a restart; it does not keep the rest of the entry from being used.
	Name string `yaml:"name" default:"egress, egress-2, …"`

	// Where the application finds it, as `host:port`. The host must be a loopback address or
	// `localhost`, because whoever reaches it calls the partner as you; see
	// `iKnowThisIsOpen`. A change needs a restart; [`egress`](#egress) says what becomes
	// of the old address until then.
	Listen string `yaml:"listen"`

	// Allows a `listen` that others can reach. There is no authentication: whoever reaches it
	// then calls the partner with your certificate. In a pod, that is everybody in the
	// cluster whom no NetworkPolicy keeps away.
	IKnowThisIsOpen bool `yaml:"iKnowThisIsOpen"`

	// The partner's server, `https://host` or `https://host:port`. No path and no query:
	// requests keep their own, and none goes anywhere else.
	Upstream Origin `yaml:"upstream" required:"true"`

	// The name that the server's certificate must be for, as a subject alternative name,
	// and that is sent as SNI: a host name or an IP address (which is not sent). The CN of the
	// Subject does not count.
	ServerName string `yaml:"serverName" default:"the host of the upstream"`

	// The client certificate that is presented: a directory with `tls.crt` and `tls.key`, as a
	// mounted `kubernetes.io/tls` Secret is one, or one PEM file. The leaf comes first, then
	// the intermediates. It is presented whenever the server asks, whatever CAs the server
	// names. Replacing the files is enough: calls that begin afterwards are made with the
	// new one, on new connections, and none fails for it.
	Certificate string `yaml:"certificate" required:"true"`

	// The PEM file of the private key, if `certificate` is a file that does not
	// hold it. Leave it out with a directory.
	Key string `yaml:"key"`

	// The certificate authorities that may vouch for the server: PEM files, or directories
	// of them. An intermediate is good as an anchor. At least one; the roots of the system
	// are never used.
	ServerCA []string `yaml:"serverCA" required:"true"`

	// The server's full Subject is one of these, besides its name and CA. Written
	// like the `subject` of a rule. None: the Subject is not looked at.
	ServerSubject []subject.Name `yaml:"serverSubject"`

	// One more full Subject of the server, attribute by attribute, like the `subjectParts` of a rule.
	ServerSubjectParts Parts `yaml:"serverSubjectParts"`

	// SHA-256 of the server's public key (its SubjectPublicKeyInfo), one of these, besides all
	// of the above. Written like the `spkiSHA256` of a rule. None: the key is not
	// looked at. With it, calls fail when the partner changes its key; list the next one beforehand.
	ServerSPKISHA256 []SHA256 `yaml:"serverSPKISHA256"`

	// The paths that may be called, written like the `paths` of a rule. Another one is answered
	// with 403, and so is one that can be read in two ways (`..`, `//`, `%2f`, `\`).
	AllowPaths []string `yaml:"allowPaths" default:"every path"`

	// Whether the server is offered HTTP/2. The application may speak HTTP/1.1 or HTTP/2
	// without TLS (with prior knowledge, as for gRPC) in any case.
	HTTP2 bool `yaml:"http2"`

	// Whether the application may switch to WebSocket. A switch to any other protocol is
	// always refused.
	WebSocket bool `yaml:"websocket"`

	// The lowest TLS version: `1.2` or `1.3`.
	MinTLSVersion TLSVersion `yaml:"minTLSVersion"`

	// How long a TCP connection to the server may take to come about, and after that its TLS
	// handshake, before the application gets 504. Where nobody listens the answer is 503 at
	// once. Above 0.
	ConnectTimeout time.Duration `yaml:"connectTimeout"`

	// How long the server may take to the head of its response, counted from the moment it
	// has the whole request, before the application gets 504. The body of the
	// response may take longer. Above 0.
	UpstreamTimeout time.Duration `yaml:"upstreamTimeout"`
}

// DefaultEgress returns an Egress with every default in place. It still needs an
// Upstream, a Certificate and a ServerCA.
func DefaultEgress() Egress {
	return Egress{
		Listen:          "127.0.0.1:8081",
		MinTLSVersion:   tls.VersionTLS12,
		ConnectTimeout:  5 * time.Second,
		UpstreamTimeout: time.Minute,
	}
}

func (out *Egress) setDefaults() { *out = DefaultEgress() }

// ExpectedName returns what the server's certificate must be for: ServerName, or
// if that says nothing the host of the Upstream. The final dot of a name that is
// spelled out down to the root is not part of any certificate.
func (out *Egress) ExpectedName() string {
	if out.ServerName != "" {
		return out.ServerName
	}
	return trimRoot(out.Upstream.Host)
}

// Subjects returns ServerSubject and ServerSubjectParts in one list.
func (out *Egress) Subjects() []subject.Name {
	names := append([]subject.Name(nil), out.ServerSubject...)
	if !out.ServerSubjectParts.IsZero() {
		names = append(names, out.ServerSubjectParts.Name)
	}
	return names
}

// Pins returns ServerSPKISHA256 as bytes.
func (out *Egress) Pins() [][32]byte { return digests(out.ServerSPKISHA256) }
