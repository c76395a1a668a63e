package proxy

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"time"

	"github.com/sidegate/sidegate/proxy/http1"
	"github.com/sidegate/sidegate/proxy/policy"
)

// Settings are what one ingress is told by its configuration. They are
// immutable once given to [Ingress.Configure], which replaces them as a whole.
type Settings struct {
	// Upstream is the application: http://127.0.0.1:8080, h2c://127.0.0.1:9000
	// or unix:///run/app.sock.
	Upstream *url.URL

	// UpstreamTimeout bounds the wait for the application's response header;
	// 0 means no bound. UpstreamConnectTimeout bounds the dial; 0 means 2 s.
	UpstreamTimeout        time.Duration
	UpstreamConnectTimeout time.Duration

	// Policy decides which clients may pass. nil allows nobody.
	Policy *policy.Policy

	// Headers are the identity headers to set beside the X-Client-* ones.
	Headers []Header

	HTTP2     bool // offer HTTP/2
	WebSocket bool // forward Upgrade: websocket

	// CAHints names the trust anchors to the client in the handshake. Some
	// clients need it to choose a certificate; others then send none at all.
	CAHints bool

	// MinTLSVersion is tls.VersionTLS12 (also 0) or tls.VersionTLS13.
	MinTLSVersion uint16

	// ProxyProtocol are the networks whose connections begin with a PROXY
	// protocol header. Connections from elsewhere must not have one.
	ProxyProtocol []netip.Prefix

	Limits Limits

	// WithdrawalGrace is how long a request that is under way may go on when its client
	// would not be let in any more. 0: it ends at once, but for what it takes to say
	// so, at most half a second. A shorter one applies to what is withdrawn already.
	WithdrawalGrace time.Duration

	// LogRequests logs allowed requests too; refusals are always logged.
	LogRequests bool
}

// Limits bound what one client can take. A zero field means its default.
type Limits struct {
	HandshakeTimeout time.Duration // from accept to the end of the TLS handshake; 10 s
	HeaderTimeout    time.Duration // to read one request head; 10 s
	HeaderBytes      int           // size of one request head; 32 KiB
	BodyBytes        int64         // size of one request body; negative: no limit; 64 MiB
	BodyIdleTimeout  time.Duration // without a byte moving in a body, either way; 30 s
	IdleTimeout      time.Duration // between requests on one connection; 120 s
	MaxConnections   int           // open at once; 10,000
	MaxStreams       int           // HTTP/2 streams at once on one connection; 250
	MaxRequests      int           // at the application at once, WebSockets among them; 4,096
}

// withDefaults returns l with its zero fields filled in.
func (l Limits) withDefaults() Limits {
	return Limits{
		HandshakeTimeout: or(l.HandshakeTimeout, 10*time.Second),
		HeaderTimeout:    or(l.HeaderTimeout, 10*time.Second),
		HeaderBytes:      or(l.HeaderBytes, 32<<10),
		BodyBytes:        or(l.BodyBytes, 64<<20),
		BodyIdleTimeout:  or(l.BodyIdleTimeout, 30*time.Second),
		IdleTimeout:      or(l.IdleTimeout, 2*time.Minute),
		MaxConnections:   or(l.MaxConnections, 10_000),
		MaxStreams:       or(l.MaxStreams, 250),
		MaxRequests:      or(l.MaxRequests, 4096),
	}
}

// wire returns what of the limits is the HTTP/1.1 relay's.
func (l Limits) wire() http1.Limits {
	return http1.Limits{
		HeadBytes: l.HeaderBytes, HeadTime: l.HeaderTimeout, Fields: http1.DefaultFields,
		ContentBytes: l.BodyBytes, ContentIdle: l.BodyIdleTimeout,
	}
}

func or[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}

// Check reports what would make the settings unsafe or unusable, and nil if an
// Ingress would accept them. The configuration is validated with better words
// before it comes here; this is the last door.
func (s *Settings) Check() error {
	if s.Upstream == nil {
		return errors.New("settings have no upstream")
	}
	switch s.Upstream.Scheme {
	case "http", "h2c", "unix":
	default:
		return fmt.Errorf("upstream %q: the scheme is not http, h2c or unix", s.Upstream)
	}
	if s.WithdrawalGrace < 0 {
		return fmt.Errorf("withdrawal grace %v is negative", s.WithdrawalGrace)
	}
	switch s.MinTLSVersion {
	case 0, tls.VersionTLS12, tls.VersionTLS13:
	default:
		return fmt.Errorf("minimum TLS version %#04x is neither 1.2 nor 1.3", s.MinTLSVersion)
	}
	for _, h := range s.Headers {
		if err := h.check(); err != nil {
			return err
		}
	}
	if err := s.Policy.Check(); err != nil {
		return err
	}
	return s.checkRuleNames()
}

// checkRuleNames holds rule names to tokens: they are sent in X-Client-Rule.
func (s *Settings) checkRuleNames() error {
	if s.Policy == nil {
		return nil
	}
	for _, r := range s.Policy.Rules {
		if !validToken(r.Name) {
			return fmt.Errorf("rule name %q is not a token", r.Name)
		}
	}
	return nil
}
