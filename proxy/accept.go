package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/pires/go-proxyproto"

	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/http1"
)

// reads says what a Read of a conn may do.
type reads uint8

const (
	readsAndWaits reads = iota
	readsSocket         // what is there, without waiting
	readsNothing        // crypto/tls is to say what it has at hand
)

// A conn is one client connection, from accept to close. It is the raw
// connection below TLS, so that it is found again from whatever wraps it.
type conn struct {
	net.Conn
	in      *Ingress
	opened  time.Time
	bounded atomic.Bool  // somebody set a write deadline of their own
	due     atomic.Int64 // the write deadline that we have set, in Unix nanoseconds
	closed  atomic.Bool
	release func()

	// Set during the handshake, by its goroutine; read-only afterwards.
	tls       *tls.Conn
	hello     bool   // a ClientHello was read
	sni       string // as sent, unchecked
	gen       *generation
	verified  certs.Verified
	forwarded []byte      // X-Forwarded-For and -Proto, as field lines
	shaken    atomic.Bool // the handshake is over, well or not
	alerts    alertWatch
	batch     *batch // of what is written
	reads     reads  // of who reads
	socket    http1.Watch

	verdict  atomic.Pointer[verdict]
	relaying atomic.Pointer[relay]       // once it is served by one
	server   atomic.Pointer[http.Server] // once it is served by net/http
	leaving  atomic.Bool                 // the client is not let in any more, and is told so
}

// Read reads along while the handshake lasts.
func (c *conn) Read(p []byte) (int, error) {
	switch c.reads {
	case readsSocket:
		return c.socket.TryRead(p)
	case readsNothing:
		return 0, http1.ErrNothingYet
	}
	n, err := c.Conn.Read(p)
	if !c.shaken.Load() {
		c.alerts.read(p[:n])
	}
	return n, err
}

// Write writes p, perhaps in a batch with what follows.
func (c *conn) Write(p []byte) (int, error) {
	return c.batch.write(p)
}

// send bounds each write: a client that stops reading does not hold its
// request, and the application's connection behind it, for ever.
func (c *conn) send(p []byte) (int, error) {
	if c.bounded.Load() {
		return c.Conn.Write(p)
	}
	// To set a deadline costs a system call's time: an earlier one will do if
	// there is enough left of it, and so each is a little late.
	stall, now := c.in.cur.Load().limits.BodyIdleTimeout, c.in.now()
	if left := time.Duration(c.due.Load() - now.UnixNano()); left < stall || left > stall+stall/4 {
		due := now.Add(stall + stall/8)
		c.due.Store(due.UnixNano())
		if err := c.Conn.SetWriteDeadline(due); err != nil {
			return 0, err
		}
	}
	return c.Conn.Write(p)
}

// SetWriteDeadline notes that a shorter one is set: crypto/tls gives its last
// alert five seconds. It is not for what waits in a batch, which was written
// before: that has its own.
func (c *conn) SetWriteDeadline(t time.Time) error {
	if c.batch.gathers() {
		return nil
	}
	c.bounded.Store(!t.IsZero())
	c.due.Store(0)
	return c.Conn.SetWriteDeadline(t)
}

// SetDeadline sets both deadlines.
func (c *conn) SetDeadline(t time.Time) error {
	c.bounded.Store(!t.IsZero())
	c.due.Store(0)
	return c.Conn.SetDeadline(t)
}

// Close closes the connection once and gives its place to another.
func (c *conn) Close() error {
	if c.closed.Swap(true) {
		return net.ErrClosed
	}
	if c.batch.gathers() {
		c.in.serving.Add(1)
		go c.part()
		return nil
	}
	if !c.batch.empty() {
		c.bounded.Store(true)
		_ = c.Conn.SetWriteDeadline(c.in.now().Add(lingerTimeout))
		c.batch.drain()
	}
	c.release()
	return c.Conn.Close()
}

// partTimeout is how long a client of HTTP/2 that says nothing is waited for after
// the last word.
const partTimeout = 5 * time.Second

// part ends a connection of HTTP/2 once all that was written is on its way. A client
// sends window updates for as long as it reads; one that meets a closed socket
// would reset the connection and overtake the end of a response.
func (c *conn) part() {
	defer c.in.serving.Add(-1)
	defer func() {
		c.release()
		_ = c.Conn.Close()
	}()
	c.batch.drain()
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	var room [512]byte
	for end := c.in.now().Add(c.in.cur.Load().limits.BodyIdleTimeout); c.in.now().Before(end); {
		_ = c.SetReadDeadline(c.in.now().Add(partTimeout))
		if _, err := c.Conn.Read(room[:]); err != nil {
			return
		}
	}
}

// cut ends a connection at once.
func (c *conn) cut() {
	_ = c.Conn.Close()
	_ = c.Close()
	if r := c.relaying.Load(); r != nil {
		r.wait.abort() // it is waiting for the application, not for the client
	}
}

// connOf finds the conn below a connection that net/http hands back.
func connOf(c net.Conn) *conn {
	for c != nil {
		if own, ok := c.(*conn); ok {
			return own
		}
		inner, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			return nil
		}
		c = inner.NetConn()
	}
	return nil
}

// Serve accepts connections from ln until ln is closed, which [Ingress.Drain]
// does, and returns nil then. It may be called for several listeners.
func (in *Ingress) Serve(ln net.Listener) error {
	if !in.listen(ln) {
		return ln.Close()
	}
	in.patrolling.Do(func() { in.running.Go(in.patrol) })
	ln = in.proxyProtocol(ln)
	for {
		c, err := ln.Accept()
		switch {
		case err == nil:
			in.admit(c)
		case errors.Is(err, net.ErrClosed):
			return nil
		case !in.pauseAfter(err):
			return nil
		}
	}
}

// pauseAfter waits after a failed accept: out of file descriptors, most likely,
// which passes. It reports whether to go on.
func (in *Ingress) pauseAfter(err error) bool {
	in.log.Error(err, "accept failed, trying again", "listener", in.name)
	select {
	case <-in.closing:
		return false
	case <-time.After(100 * time.Millisecond):
		return true
	}
}

// proxyProtocol returns ln with PROXY protocol headers read where, and only
// where, the settings of the moment say so.
func (in *Ingress) proxyProtocol(ln net.Listener) net.Listener {
	return &proxyproto.Listener{
		Listener:          ln,
		ReadHeaderTimeout: in.cur.Load().limits.HandshakeTimeout,
		ConnPolicy: func(o proxyproto.ConnPolicyOptions) (proxyproto.Policy, error) {
			if contains(in.cur.Load().settings.ProxyProtocol, o.Upstream) {
				return proxyproto.REQUIRE, nil
			}
			return proxyproto.SKIP, nil
		},
	}
}

func contains(nets []netip.Prefix, addr net.Addr) bool {
	if len(nets) == 0 {
		return false
	}
	ap, err := netip.ParseAddrPort(addr.String())
	if err != nil {
		return false
	}
	for _, n := range nets {
		if n.Contains(ap.Addr().Unmap()) {
			return true
		}
	}
	return false
}

// admit gives c a place and a goroutine for its handshake, or closes it when
// there are too many.
func (in *Ingress) admit(c net.Conn) {
	g := in.cur.Load()
	if in.open.Add(1) > int64(g.limits.MaxConnections) {
		in.open.Add(-1)
		in.metrics.handshakeFailed(reasonTooMany)
		in.logTooMany(g.limits.MaxConnections)
		_ = c.Close()
		return
	}
	in.metrics.connections.Add(1)
	own := &conn{Conn: c, in: in, opened: in.now()}
	own.release = func() {
		in.open.Add(-1)
		in.metrics.connections.Add(-1)
		in.forget(own)
	}
	own.batch = newBatch(own.send)
	if !in.remember(own) {
		_ = own.Close()
		return
	}
	go own.shake(g.limits.HandshakeTimeout)
}

// shake does the TLS handshake and hands the connection to the HTTP server. It
// has a goroutine of its own, so that the deep stack of a handshake is given
// back before a connection idles.
func (c *conn) shake(timeout time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	c.tls = tls.Server(c, &tls.Config{
		GetConfigForClient: c.configFor,
		MinVersion:         tls.VersionTLS12,
	})
	err := c.tls.HandshakeContext(ctx)
	c.shaken.Store(true)
	if err != nil {
		c.refuse(err)
		return
	}
	// Only now is it proved that the client holds the key: TLS 1.3 verifies
	// the certificate before the CertificateVerify message.
	c.verdict.Store(newVerdict(c.gen, c.tls.ConnectionState().PeerCertificates, c.verified, nil))
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		// Not below a PROXY protocol: there may be bytes that were read from the
		// socket already.
		c.socket.Of(tcp)
	}
	c.forwarded = http1.AppendField(nil, "X-Forwarded-For", c.clientIP())
	c.forwarded = http1.AppendField(c.forwarded, "X-Forwarded-Proto", "https")
	c.in.dispatch(c)
}

// configFor returns the TLS configuration of the generation in use, bound to
// this connection so that what is verified once need not be verified again.
func (c *conn) configFor(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	c.hello, c.sni = true, hello.ServerName
	c.gen = c.in.cur.Load()
	cfg := c.gen.config(&c.in.tickets, c.in.now()).Clone()
	cfg.VerifyConnection = func(cs tls.ConnectionState) (err error) {
		c.verified, err = c.gen.bundle.Verify(cs.PeerCertificates, c.in.now())
		return err
	}
	c.boundTickets(cfg)
	return cfg, nil
}

// refuse ends a failed handshake: one log line, one counter.
func (c *conn) refuse(err error) {
	if notTLS, ok := errors.AsType[tls.RecordHeaderError](err); ok && notTLS.Conn != nil && looksLikeHTTP(notTLS.RecordHeader) {
		_, _ = io.WriteString(notTLS.Conn, "HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain\r\n\r\nThis port speaks HTTPS with a client certificate, not HTTP.\n")
	}
	c.in.recordHandshake(c, err)
	_ = c.Close()
}

func looksLikeHTTP(head [5]byte) bool {
	switch string(head[:]) {
	case "GET /", "HEAD ", "POST ", "PUT /", "OPTIO", "DELET", "PATCH":
		return true
	}
	return false
}
