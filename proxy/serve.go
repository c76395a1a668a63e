package proxy

import (
	"context"
	"crypto/tls"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"

	"github.com/sidegate/sidegate/proxy/http1"
)

type connKey struct{}

// servers are the net/http servers of an ingress: one a connection, because only a
// server as a whole can be told to say GOAWAY ([conn.leave]). What they can share,
// they do.
type servers struct {
	handler  http.Handler
	context  func(context.Context, net.Conn) context.Context
	changed  func(net.Conn, http.ConnState)
	errors   *log.Logger //nolint:forbidigo // net/http takes nothing else
	http1    *http.Protocols
	http2    *http.Protocols
	tls      *tls.Config // not used: net/http notes in it that there is HTTP/2
	starting sync.Mutex  // held while it does
}

func (in *Ingress) newServers() *servers {
	s := &servers{
		handler: http.HandlerFunc(in.serveHTTP),
		context: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, connOf(c))
		},
		changed: func(_ net.Conn, s http.ConnState) {
			if s == http.StateClosed || s == http.StateHijacked {
				in.serving.Add(-1)
			}
		},
		errors: newErrorLog(in.name, in.log),
		http1:  new(http.Protocols), http2: new(http.Protocols),
		tls: &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}},
	}
	s.http1.SetHTTP1(true)
	s.http2.SetHTTP1(true)
	s.http2.SetHTTP2(true)
	return s
}

// serveConn has net/http serve one connection, whose handshake is done, under the
// limits of g: they cannot change while it does. hc is c as net/http is to have it.
func (in *Ingress) serveConn(c *conn, hc net.Conn, g *generation, h2 bool) {
	all, s := in.servers, &http.Server{
		Handler:                      in.servers.handler,
		ReadHeaderTimeout:            g.limits.HeaderTimeout,
		IdleTimeout:                  g.limits.IdleTimeout,
		MaxHeaderBytes:               headerLimit(g.limits),
		DisableGeneralOptionsHandler: true, // OPTIONS * is answered by nobody unasked
		ConnState:                    in.servers.changed,
		ConnContext:                  in.servers.context,
		ErrorLog:                     in.servers.errors,
		Protocols:                    in.servers.http1,
		HTTP2:                        g.http2,
	}
	if h2 {
		s.Protocols, s.TLSConfig = all.http2, all.tls // ALPN has decided
	}
	in.serving.Add(1)
	c.server.Store(s)
	ln := &single{conn: hc}
	all.starting.Lock()
	_ = s.Serve(ln) // goes on on another goroutine
	all.starting.Unlock()
	if ln.conn != nil { // it was told to leave before it began
		in.serving.Add(-1)
		_ = c.Close()
	}
}

// outdated reports whether the connection is served under other limits than l.
func (c *conn) outdated(l *Limits) bool {
	s := c.server.Load()
	return s.ReadHeaderTimeout != l.HeaderTimeout || s.MaxHeaderBytes != headerLimit(*l) ||
		s.IdleTimeout != l.IdleTimeout || s.HTTP2.MaxConcurrentStreams != l.MaxStreams
}

// leave asks the client to come again on another connection: with GOAWAY at once
// (RFC 9113 §6.8), over HTTP/1.1 with its next response (RFC 9112 §9.6). What is
// under way goes on.
func (c *conn) leave() {
	if !c.leaving.Swap(true) {
		c.endServer()
	}
}

// endServer has net/http end the connection when nothing is under way on it, which
// may be now. It does not wait.
func (c *conn) endServer() {
	if s := c.server.Load(); s != nil {
		now, cancel := context.WithCancel(context.Background())
		cancel()
		_ = s.Shutdown(now) // else it would look again and again
	}
}

// headerSlack is what net/http adds to its MaxHeaderBytes over HTTP/1.1.
const headerSlack = 4096

// headerLimit is what net/http is told, so that it and http1.Guard stop at the
// same byte. HTTP/2 has no slack: what is left must still hold a request.
func headerLimit(l Limits) int { return max(l.HeaderBytes-headerSlack, headerSlack) }

// dispatch hands a connection over for its protocol: HTTP/1.1 to a relay, on a
// goroutine that has no stack of a handshake; HTTP/2 to net/http, which knows it
// by the *tls.Conn. HTTP/1.1 for an application that speaks HTTP/2 is net/http's
// as well, and read through a Guard.
func (in *Ingress) dispatch(c *conn) {
	g := in.cur.Load()
	h2 := c.tls.ConnectionState().NegotiatedProtocol == "h2"
	switch {
	case !h2 && g.upstream.pool != nil:
		in.serving.Add(1)
		go c.relay()
	case in.stopping():
		_ = c.Close()
	case h2:
		c.batch.gather()
		in.serveConn(c, c.tls, g, true)
	default:
		in.serveConn(c, http1.Guard(c.tls, http1.Options{
			HeadBytes: headerLimit(g.limits) + headerSlack,
			Report:    func(v *http1.Violation) { in.recordViolation(c, v) },
		}), g, false)
	}
}

// stopping reports whether no more connections are accepted.
func (in *Ingress) stopping() bool {
	select {
	case <-in.closing:
		return true
	default:
		return false
	}
}

// A single is a listener that has one connection, and no more.
type single struct{ conn net.Conn }

// Accept implements net.Listener.
func (s *single) Accept() (net.Conn, error) {
	c := s.conn
	if c == nil {
		return nil, net.ErrClosed
	}
	s.conn = nil
	return c, nil
}

// Close implements net.Listener.
func (s *single) Close() error { return nil }

// Addr implements net.Listener.
func (s *single) Addr() net.Addr { return &net.TCPAddr{} }

// errorLog takes what net/http says on its own. It is about single connections
// that misbehave; what concerns a request has a log line of its own.
type errorLog struct {
	listener string
	log      logr.Logger
}

//nolint:forbidigo // net/http takes nothing else; its lines end in logr
func newErrorLog(listener string, to logr.Logger) *log.Logger {
	return log.New(errorLog{listener, to}, "", 0)
}

// Write implements io.Writer.
func (l errorLog) Write(p []byte) (int, error) {
	if m := string(p); strings.HasPrefix(m, "http: panic") || strings.HasPrefix(m, "http2: panic") {
		l.log.Error(nil, "a request panicked; this is a bug of Sidegate", "listener", l.listener, "message", m)
		return len(p), nil
	}
	l.log.V(1).Info("http server", "listener", l.listener, "message", quote(string(p)))
	return len(p), nil
}

// Leave prepares for [Ingress.Drain] while everything is still served: from now on
// every answer asks the client to come again on another connection, with Connection:
// close or GOAWAY. Connections of HTTP/1.1 that nobody uses are closed once delay
// has passed, when whoever was about to use one has done so. It does not wait, and
// there is no way back. A second call does nothing.
func (in *Ingress) Leave(delay time.Duration) {
	in.mu.Lock() // so that nothing begins that Drain does not wait for
	defer in.mu.Unlock()
	if in.draining.Swap(true) || in.stopped {
		return
	}
	in.running.Go(func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for left := in.now(); ; {
			select {
			case <-tick.C:
			case <-in.closing:
				return
			}
			if in.now().Sub(left) >= delay {
				in.closeIdle()
			}
		}
	})
}

// Drain ends the ingress without losing a request. It keeps accepting for
// delay, because load balancers learn late that this one is going, and answers
// every request with Connection: close or GOAWAY; then it stops accepting and
// waits for the requests under way, WebSockets among them, until ctx is done.
// What is still open then is closed. Drain returns ctx's error if it had to.
func (in *Ingress) Drain(ctx context.Context, delay time.Duration) error {
	in.draining.Store(true)
	select {
	case <-time.After(delay):
	case <-ctx.Done():
	}
	in.stopListening()
	// All at once: net/http closes one after the other, and waits for each.
	var forced atomic.Bool
	defer context.AfterFunc(ctx, func() {
		forced.Store(in.Connections() > 0)
		in.closeConns()
	})()
	err := in.settled(ctx)
	in.closeConns()
	in.ending.Do(func() { close(in.ended) })
	in.running.Wait()
	if err == nil && forced.Load() {
		err = ctx.Err()
	}
	return err
}

// settled waits until no request is under way and no connection is served, or ctx
// is done.
func (in *Ingress) settled(ctx context.Context) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for round := 0; in.forwarding.Load() > 0 || in.serving.Load() > 0; round++ {
		in.closeIdle()
		if round%50 == 0 { // to ask is dearer
			in.endServers()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
