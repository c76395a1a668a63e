package proxy

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/sidegate/sidegate/proxy/subject"
)

// EgressSettings are what one egress is told by its configuration. They are
// immutable once given to [Egress.Configure], which replaces them as a whole.
type EgressSettings struct {
	// Upstream is the partner's server: https://host[:port], without a path. Every
	// request goes there, whatever it says itself.
	Upstream *url.URL

	// ServerName is the DNS name or IP address that the server's certificate must
	// have among its subject alternative names (RFC 9525), and the name in SNI
	// (RFC 6066 §3), where an IP address is left out. Empty: the host of Upstream.
	ServerName string

	// ServerSubject, unless empty, lists the Subjects of which the server's
	// certificate must have one, in full. ServerSPKISHA256, unless empty, lists the
	// SHA-256 of the SubjectPublicKeyInfo (RFC 5280 §4.1.2.7) of which its key must
	// be one. Both are asked for in addition to CA and name.
	ServerSubject    []subject.Name
	ServerSPKISHA256 [][32]byte

	// AllowPaths are the paths that may be asked for, as a rule's: exact, or a
	// prefix that ends in /*. Empty: all.
	AllowPaths []string

	HTTP2         bool   // offer HTTP/2 to the server; it decides
	WebSocket     bool   // pass on upgrades to WebSocket
	MinTLSVersion uint16 // tls.VersionTLS12 (0 means that) or tls.VersionTLS13

	ConnectTimeout  time.Duration // of the TCP connection, and again of the TLS handshake; 0 means 5 s
	UpstreamTimeout time.Duration // from the end of a request to the head of the response; 0 means no bound

	LogRequests bool // one log line a request; failures have theirs in any case

	// Withdrawn refuses every request with 503: the configuration has this egress no
	// longer, but its listener is still there.
	Withdrawn bool
}

// Check reports what would make the settings unsafe or unusable, and nil if an
// Egress would accept them. The configuration is validated with better words
// before it comes here; this is the last door.
func (s *EgressSettings) Check() error {
	if err := checkEgressUpstream(s.Upstream); err != nil {
		return err
	}
	if name := s.serverName(); !validServerName(name) {
		return fmt.Errorf("server name %q is neither a DNS name nor an IP address", name)
	}
	for _, n := range s.ServerSubject {
		if n.IsZero() {
			return errors.New("a server subject is empty")
		}
	}
	for _, p := range s.AllowPaths {
		if !strings.HasPrefix(p, "/") {
			return fmt.Errorf("allowed path %q does not begin with a slash", p)
		}
	}
	switch s.MinTLSVersion {
	case 0, tls.VersionTLS12, tls.VersionTLS13:
	default:
		return fmt.Errorf("minimum TLS version %#04x is neither 1.2 nor 1.3", s.MinTLSVersion)
	}
	if s.ConnectTimeout < 0 || s.UpstreamTimeout < 0 {
		return errors.New("a timeout is negative")
	}
	return nil
}

// checkEgressUpstream holds an upstream to https://host[:port]. A path would look
// as if it were put before that of each request.
func checkEgressUpstream(u *url.URL) error {
	switch {
	case u == nil:
		return errors.New("settings have no upstream")
	case u.Scheme != "https":
		return fmt.Errorf("upstream %q: the scheme is not https", u.Redacted())
	case u.User != nil:
		return fmt.Errorf("upstream %q: it has a user name, which is not how mTLS says who calls", u.Redacted())
	case u.Path != "" && u.Path != "/", u.RawQuery != "", u.ForceQuery, u.Fragment != "", u.Opaque != "":
		return fmt.Errorf("upstream %q: it is more than https://host:port", u.Redacted())
	case !validHost(u.Host), strings.HasSuffix(u.Host, ":"):
		return fmt.Errorf("upstream %q: the host is malformed", u.Redacted())
	}
	return nil
}

// validServerName reports whether a certificate can be issued for name.
func validServerName(name string) bool {
	if a, err := netip.ParseAddr(name); err == nil {
		return a.Zone() == ""
	}
	return validHost(name) && !strings.ContainsAny(name, ":[]")
}

// serverName returns what the server's certificate must be for.
func (s *EgressSettings) serverName() string {
	if s.ServerName != "" {
		return s.ServerName
	}
	return strings.TrimSuffix(s.Upstream.Hostname(), ".")
}

// address returns what is dialed.
func (s *EgressSettings) address() string {
	port := s.Upstream.Port()
	if port == "" {
		port = "443"
	}
	return net.JoinHostPort(s.Upstream.Hostname(), port)
}

// authority returns the Host of every request: without the port that https has
// anyway, because that is how it is usually signed and routed (RFC 9110 §4.2.2), and
// without the final dot of a name, which is for the resolver.
func (s *EgressSettings) authority() string {
	host, port := s.Upstream.Host, s.Upstream.Port()
	if port != "" {
		host = strings.TrimSuffix(host, ":"+port)
	}
	host = strings.TrimSuffix(host, ".")
	if port != "" && port != "443" {
		host += ":" + port
	}
	return host
}
