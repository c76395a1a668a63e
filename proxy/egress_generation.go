package proxy

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
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

// Bounds on what the partner makes us keep, which would be 10 MiB a head, 4 MiB a
// stream and 1 GiB a connection: more than a sidecar has.
const (
	partnerHeadBytes   = 64 << 10  // the head of a response; servers send 8 to 32 KiB at most
	partnerStreamBytes = 256 << 10 // of a body over HTTP/2 that the application has not taken yet
	partnerConnBytes   = 4<<20 - 1 // and of all on one connection; net/http takes no more
)

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

		// How much memory a partner may have filled.
		MaxResponseHeaderBytes: partnerHeadBytes,
		HTTP2: &http.HTTP2Config{
			MaxReceiveBufferPerStream:     partnerStreamBytes,
			MaxReceiveBufferPerConnection: partnerConnBytes,

			SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second,
		},

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
