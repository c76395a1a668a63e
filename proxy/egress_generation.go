package proxy

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/policy"
)

// An egressGeneration is a Bundle, settings, and the connections that were made
// with them: all that were verified under one trust, and show one certificate.
type egressGeneration struct {
	e         *Egress
	bundle    *certs.Bundle
	settings  *EgressSettings
	grant     policy.Grant // the paths
	form      *generation  // whose checks of a request's form are those of an ingress
	transport *http.Transport
	unasked   sync.Once // the partner asks for no certificate: told once

	mu      sync.Mutex // guards what follows
	users   int        // requests
	retired bool
	conns   map[*partnerConn]struct{}
	until   time.Time // when a certificate expires that a connection was made with; zero: none does
}

// egressRule is what requests are admitted by, in the metrics.
const egressRule = "egress"

func newEgressGeneration(e *Egress, b *certs.Bundle, s *EgressSettings) *egressGeneration {
	paths := policy.Policy{Rules: []policy.Rule{{Name: egressRule, Paths: s.AllowPaths}}}
	g := &egressGeneration{
		e:        e,
		bundle:   b,
		settings: s,
		grant:    paths.For(&policy.Client{}),
		form:     &generation{settings: &Settings{WebSocket: s.WebSocket}},
		conns:    make(map[*partnerConn]struct{}),
	}
	if leaf := b.Certificate.Leaf; leaf != nil && e.now().Before(leaf.NotAfter) {
		g.until = leaf.NotAfter
	}
	g.transport = g.newTransport()
	return g
}

// newTransport returns the way to the partner.
func (g *egressGeneration) newTransport() *http.Transport {
	t := &http.Transport{
		Proxy:                 nil, // never through HTTPS_PROXY
		DialContext:           g.dial,
		TLSClientConfig:       g.tlsConfig(),
		TLSHandshakeTimeout:   g.connectTimeout(),
		ResponseHeaderTimeout: g.settings.UpstreamTimeout,
		DisableCompression:    true, // the body is the partner's, byte for byte
		MaxIdleConnsPerHost:   256,
		Protocols:             new(http.Protocols),
		HTTP2:                 &http.HTTP2Config{SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second},

		// Servers hang up on idle connections, many after 5 s. A POST that meets a
		// connection in that moment fails, because it is not sent twice.
		IdleConnTimeout: upstreamIdle,
	}
	t.Protocols.SetHTTP1(true)
	t.Protocols.SetHTTP2(g.settings.HTTP2)
	return t
}

func (g *egressGeneration) connectTimeout() time.Duration {
	return or(g.settings.ConnectTimeout, 5*time.Second)
}

// hold takes a place for a request. over says that a certificate has expired; it is
// false too if the generation was replaced.
func (g *egressGeneration) hold(now time.Time) (held, over bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.retired {
		return false, false
	}
	if !g.until.IsZero() && now.After(g.until) {
		return false, true
	}
	g.users++
	return true, false
}

// lasts notes that a connection was verified by a chain that ends at until.
func (g *egressGeneration) lasts(until time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.until.IsZero() || until.Before(g.until) {
		g.until = until
	}
}

// retire closes the connections that are idle; release sees to the others.
func (g *egressGeneration) retire() {
	g.mu.Lock()
	g.retired = true
	g.users++
	g.mu.Unlock()
	g.release()
}

// release ends a request. Of a retired generation it closes what has become idle,
// and with the last request all that is left: a connection that was dialed for a
// request and not needed comes into the pool late.
func (g *egressGeneration) release() {
	g.mu.Lock()
	g.users--
	retired, last := g.retired, g.retired && g.users == 0
	g.mu.Unlock()
	if !retired {
		return
	}
	if last {
		g.cut()
		return
	}
	g.transport.CloseIdleConnections()
	// A stream of HTTP/2 is taken off its connection a moment after it has ended.
	time.AfterFunc(time.Second, g.transport.CloseIdleConnections)
}

// cut closes every connection, and those that are still being made.
func (g *egressGeneration) cut() {
	g.transport.CloseIdleConnections()
	g.mu.Lock()
	left := g.conns
	g.conns = nil
	g.mu.Unlock()
	for c := range left {
		_ = c.Close()
	}
}

var errRetired = errors.New("the certificate was replaced before the connection was made")

// dial connects to the partner, and never to another place.
func (g *egressGeneration) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	d := net.Dialer{Timeout: g.connectTimeout()}
	raw, err := d.DialContext(ctx, "tcp", g.settings.address())
	if err != nil {
		return nil, err
	}
	c := &partnerConn{Conn: raw, g: g, gone: make(chan struct{})}
	g.mu.Lock()
	late := g.conns == nil
	if !late {
		g.conns[c] = struct{}{}
	}
	g.mu.Unlock()
	if late {
		_ = raw.Close()
		return nil, errRetired
	}
	return c, nil
}

// A partnerConn is a connection to the partner, below TLS.
type partnerConn struct {
	net.Conn
	g       *egressGeneration
	parting atomic.Bool // crypto/tls is closing it
	once    sync.Once
	gone    chan struct{} // closed with the connection
}

// alertPatience is how long a write that failed waits for the reader to say why.
const alertPatience = 250 * time.Millisecond

// Write writes p. A server that refuses our certificate in TLS 1.3 sends an alert
// and hangs up, perhaps before the request is written. The transport takes the
// first error that it sees for the cause: so the reader, who is about to find the
// alert and to close the connection, goes first.
func (c *partnerConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if isReset(err) && !c.parting.Load() {
		select {
		case <-c.gone:
		case <-time.After(alertPatience):
		}
	}
	return n, err
}

// SetWriteDeadline notes that crypto/tls sets one, which it does for its last word:
// nobody reads then.
func (c *partnerConn) SetWriteDeadline(t time.Time) error {
	c.parting.Store(!t.IsZero())
	return c.Conn.SetWriteDeadline(t)
}

// isReset reports whether the peer has closed a connection that is written to.
func isReset(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET)
}

// Close closes the connection.
func (c *partnerConn) Close() error {
	c.once.Do(func() {
		close(c.gone)
		c.g.mu.Lock()
		delete(c.g.conns, c)
		c.g.mu.Unlock()
	})
	return c.Conn.Close()
}

// CloseWrite passes on that the application has said its last word.
func (c *partnerConn) CloseWrite() error {
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok {
		return errors.ErrUnsupported
	}
	return half.CloseWrite()
}
