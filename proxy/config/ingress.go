package config

import (
	"crypto/tls"
	"net/netip"
	"time"

	"github.com/sidegate/sidegate/proxy/policy"
)

// Ingress is one listener for mutual TLS.
type Ingress struct {
	// What the listener is called in logs and as the label `listener` of metrics.
	// Letters, digits, `.`, `_` and `-`, at most 63 of them, unique. Write one if there are
	// several entries, because the default goes by the place in the list. A change of the
	// name needs a restart; it does not keep the rest of the entry from being used.
	Name string `yaml:"name" default:"ingress, ingress-2, …"`

	// Where to listen, as `host:port`. The host is an IP address, or nothing for
	// all of them. Two listeners on one address are refused. A change needs a restart;
	// [`ingress`](#ingress) says what becomes of the old address until then.
	Listen string `yaml:"listen"`

	// The application: `http://127.0.0.1:8080`, `h2c://127.0.0.1:9000` for HTTP/2
	// without TLS (gRPC), or `unix:///run/app.sock`. No path and no query: requests
	// keep their own. Anything but a loopback address or `localhost` is refused,
	// see `upstreamNotLocal`.
	Upstream Upstream `yaml:"upstream" required:"true"`

	// Allows an `upstream` on another host. The identity headers then travel in
	// plaintext, and whoever reaches that host directly can write them as well.
	UpstreamNotLocal bool `yaml:"upstreamNotLocal"`

	// How long a connection to the application may take to come about, before the
	// caller gets 504. Where nobody listens the answer is 503 at once. Above 0.
	UpstreamConnectTimeout time.Duration `yaml:"upstreamConnectTimeout"`

	// How long the application may take to the head of its response, counted from the
	// moment it has the whole request, before the caller gets 504. Nor may it pause for
	// longer while it takes in the body of the request. The body of the response may
	// take longer. Above 0.
	UpstreamTimeout time.Duration `yaml:"upstreamTimeout"`

	// The server certificate: a directory with `tls.crt` and `tls.key`, as a
	// mounted `kubernetes.io/tls` Secret is one, or one PEM file. The leaf comes first, then
	// the intermediates. Replacing the files is enough; nothing restarts.
	Certificate string `yaml:"certificate" required:"true"`

	// The PEM file of the private key, if `certificate` is a file that does not
	// hold it. Leave it out with a directory.
	Key string `yaml:"key"`

	// The certificate authorities whose client certificates are accepted: PEM files, or
	// directories of them. An intermediate is good as an anchor. At least one;
	// the roots of the system are never used. Being signed by one of these does not let
	// anybody in: `allow` does. But each of them can issue every subject, whatever its
	// name constraints say, as these do not bind subjects here. If they belong to
	// different parties, name the `issuer` in each rule; but a CA may also certify another
	// CA by that name, so have one ingress per partner where they must not stand in for each other.
	ClientCA []string `yaml:"clientCA" required:"true"`

	// What a client certificate, and each CA above it, must be good for (its extended
	// key usage). Public CAs are dropping `clientAuth`: choose `clientOrServer`
	// if the partner's certificate is an ordinary TLS server certificate. It is
	// refused unless every rule names its clients by subject, SAN or pin, because
	// whoever runs a website has such a certificate.
	ClientCertificateUsage Usage `yaml:"clientCertificateUsage"`

	// Whether the names of the `clientCA` are sent to clients, so that one with several
	// certificates can choose. Some clients then send none at all if theirs was issued by an
	// intermediate that is not listed.
	ClientCAHints bool `yaml:"clientCAHints"`

	// The lowest TLS version: `1.2` or `1.3`.
	MinTLSVersion TLSVersion `yaml:"minTLSVersion"`

	// Whether clients are offered HTTP/2. HTTP/1.1 is always offered.
	HTTP2 *bool `yaml:"http2" default:"true if the upstream is h2c://, else false"`

	// Whether a client may switch to WebSocket. Sidegate then sees the request that
	// opens it and nothing after that: `bodyBytes` and `bodyIdleTimeout` do not apply.
	// A switch to any other protocol is always refused.
	WebSocket bool `yaml:"websocket"`

	// Identity headers beside `X-Client-Subject`, `X-Client-Issuer`, `X-Client-Serial`,
	// `X-Client-Fingerprint` and `X-Client-Rule`, which are always set. A blank at the end of a name
	// is written `\20` in them, as it would be trimmed from the header. Each entry is the
	// name of a dialect that the application knows already, or a header of your own:
	//
	//	headers:
	//	  - rfc9440
	//	  - {name: X-SSL-Subject, value: subject}
	//
	// The dialects are `rfc9440` (`Client-Cert` and `Client-Cert-Chain`), `xfcc` (Envoy's
	// `X-Forwarded-Client-Cert`), `ingress-nginx`, `traefik` and `aws`. The keys below are for a
	// header of your own.
	//
	// Whatever a client sends under these names, or under one that
	// an application may take for it (`X_Client_Subject`), is removed, whether it is listed
	// here or not.
	Headers []Header `yaml:"headers"`

	// Load balancers that tell the address of the client by the PROXY protocol, version 1 or 2.
	ProxyProtocol ProxyProtocol `yaml:"proxyProtocol"`

	// What one client, or all of them, can take. Every limit but `bodyBytes` must be above
	// 0; there is no “for ever”.
	Limits Limits `yaml:"limits"`

	// Who may do what. A request is let in if it meets all conditions of one rule; inside one
	// condition any of the listed values will do. Rules are tried in order, and the first
	// that fits is named in the log and in `X-Client-Rule`. An empty list lets nobody in.
	Allow []Rule `yaml:"allow"`

	// Who is refused, whatever `allow` says: a request of a client that is named here gets 403
	// and `denied`. Entries need no order. They are what to reach for when a key is stolen:
	// they are in use as soon as the file is, on open connections too, and need neither a restart
	// nor anything from the CA. `report` lets nobody past them.
	Deny []Deny `yaml:"deny"`

	// Certificate revocation lists (RFC 5280 §5): files in PEM or DER, or directories of them. They
	// are watched and taken into use together with the certificates, without a restart; a list
	// that cannot be used changes nothing. A client whose certificate is on the list of its CA is
	// refused with `revoked`, and one below a CA that is on a list with `issuer-revoked`.
	//
	// A Secret or ConfigMap holds no more than 1 MiB: a larger list belongs on a volume of
	// another kind.
	CRL []string `yaml:"crl"`

	// What becomes of the clients of a CA of which `crl` has no list, or only one that has
	// expired. `strict` is refused where there is no `crl`.
	//
	// `whenAvailable`: without a list they pass unchecked, and with an expired one they are refused,
	// but for `crlGrace`. It risks that a list that was forgotten or taken away lets in whom it
	// would refuse.
	//
	// `strict`: both are refused, with `crl-missing` and `crl-expired`. Every CA in a chain, but for
	// the anchor, needs a list then. It risks that a list that is not refreshed in time shuts out
	// every client of its CA.
	CRLPolicy CRLPolicy `yaml:"crlPolicy"`

	// How long a list still counts after its `nextUpdate`, because its CA is late with the next
	// one. Meanwhile nobody knows whom that CA has revoked since. At most `2160h`, which is
	// 90 days; refused with `strict`.
	CRLGrace time.Duration `yaml:"crlGrace"`

	// Lets through what no rule of `allow` admits, and logs as “request would be refused” whom that
	// was, why, and the line that would let them in. It is for trying rules out before they count:
	// **meanwhile every client that the `clientCA` certifies is let in.** Nobody gets past a `deny`
	// entry, a failed verification, a revocation list or an ambiguous Subject by it. Requests that only
	// this lets in have no `X-Client-Rule`. Refused with `clientOrServer`.
	Report bool `yaml:"report"`

	// How long a request that is under way may go on when its client would not be let in any
	// more, because of a changed rule, `deny` entry, CA or revocation list, or because its certificate
	// has ended. A WebSocket and an HTTP/2 connection are told at once; what is not done
	// after this time is cut off. New requests are refused at once. If it is shortened, that
	// goes for what has been told already, too. `0s`: no grace. At most `10m`.
	WithdrawalGrace time.Duration `yaml:"withdrawalGrace"`

	// Policy is Allow, Deny and Report as the proxy asks it. [Config.Validate] builds it; until
	// then it is nil, and a nil Policy allows nobody.
	Policy *policy.Policy `yaml:"-"`
}

// DefaultIngress returns an Ingress with every default in place. It still needs
// an Upstream, a Certificate, a ClientCA, and somebody to allow.
func DefaultIngress() Ingress {
	return Ingress{
		Listen:                 ":8443",
		UpstreamConnectTimeout: 2 * time.Second,
		UpstreamTimeout:        time.Minute,
		ClientCertificateUsage: ClientAuth,
		CRLPolicy:              CRLWhenAvailable,
		WithdrawalGrace:        5 * time.Second,
		MinTLSVersion:          tls.VersionTLS12,
		Limits: Limits{
			HandshakeTimeout: 10 * time.Second,
			HeaderTimeout:    10 * time.Second,
			HeaderBytes:      32 << 10,
			BodyBytes:        64 << 20,
			BodyIdleTimeout:  30 * time.Second,
			IdleTimeout:      2 * time.Minute,
			MaxConnections:   10_000,
			MaxStreams:       250,
			MaxRequests:      4096,
		},
	}
}

func (in *Ingress) setDefaults() { *in = DefaultIngress() }

// OffersHTTP2 reports whether clients are offered HTTP/2: as HTTP2 says, or if
// it says nothing, when the application speaks HTTP/2 itself.
func (in *Ingress) OffersHTTP2() bool {
	if in.HTTP2 != nil {
		return *in.HTTP2
	}
	return in.Upstream.Scheme == H2C
}

// Usage is the extended key usage (RFC 5280 §4.2.1.12) asked of clients.
type Usage string

// The usages.
const (
	ClientAuth     Usage = "clientAuth"     // id-kp-clientAuth
	ClientOrServer Usage = "clientOrServer" // id-kp-clientAuth or id-kp-serverAuth, never any
)

// Choices returns every Usage there is.
func (Usage) Choices() []string { return choices(ClientAuth, ClientOrServer) }

// CRLPolicy says what becomes of the clients of a CA without a fresh revocation list.
type CRLPolicy string

// The policies.
const (
	CRLWhenAvailable CRLPolicy = "whenAvailable"
	CRLStrict        CRLPolicy = "strict"
)

// Choices returns every CRLPolicy there is.
func (CRLPolicy) Choices() []string { return choices(CRLWhenAvailable, CRLStrict) }

// ProxyProtocol says from whom the PROXY protocol, version 1 or 2, is accepted.
type ProxyProtocol struct {
	// The addresses of the load balancers. A connection from one of them must begin
	// with a PROXY header; from anywhere else the header is not accepted. An empty list:
	// from nowhere.
	From []netip.Prefix `yaml:"from"`
}

// Limits bound what clients can take.
type Limits struct {
	// How long a TLS handshake may take.
	HandshakeTimeout time.Duration `yaml:"handshakeTimeout"`

	// How long a client may take to send the head of a request.
	HeaderTimeout time.Duration `yaml:"headerTimeout"`

	// The size of a request's head, in bytes, from 8192 to 1048576. A larger one is
	// answered with 431.
	HeaderBytes int `yaml:"headerBytes"`

	// The size of a request's body, in bytes. A larger one is answered with 413, or cut off
	// if it was not announced. `0`: no limit.
	BodyBytes int64 `yaml:"bodyBytes"`

	// How long a body may stand still, in either direction, before it is cut off.
	BodyIdleTimeout time.Duration `yaml:"bodyIdleTimeout"`

	// How long a connection may wait for its next request.
	IdleTimeout time.Duration `yaml:"idleTimeout"`

	// The number of connections this listener holds at once. Further ones are closed at
	// once, and counted as `too-many-connections`.
	MaxConnections int `yaml:"maxConnections"`

	// The number of requests at once on one HTTP/2 connection, at most 100000.
	MaxStreams int `yaml:"maxStreams"`

	// The number of requests that are at the application at once, WebSockets among them.
	// Further ones are answered with 503.
	MaxRequests int `yaml:"maxRequests"`
}
