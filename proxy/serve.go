package proxy

import (
	"context"
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

// A server is one net/http server, fed with connections whose handshake is
// done. Its limits cannot change while it runs; when the configuration changes
// them a successor takes the new connections, and this one asks the clients it
// has to come back by closing each connection after a response.
type server struct {
	http    http.Server
	conns   handoff
	retired atomic.Bool
}

type connKey struct{}

// serverFor returns the server for the limits, starting one if they are new. It
// returns nil once the ingress has stopped.
func (in *Ingress) serverFor(l Limits) *server {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.stopped {
		return nil
	}
	if s := in.server; s != nil {
		if s.http.ReadHeaderTimeout == l.HeaderTimeout && s.http.MaxHeaderBytes == headerLimit(l) &&
			s.http.IdleTimeout == l.IdleTimeout && s.http.HTTP2.MaxConcurrentStreams == l.MaxStreams {
			return s
		}
		s.retire()
	}
	in.server = in.newServer(l)
	in.servers = append(in.servers, in.server)
	s := in.server
	in.running.Go(func() { _ = s.http.Serve(&s.conns) })
	return s
}

// retire lets no more connections in. Those that it has stay until they end.
func (s *server) retire() {
	s.retired.Store(true)
	_ = s.conns.Close()
}

// headerSlack is what net/http adds to its MaxHeaderBytes over HTTP/1.1.
const headerSlack = 4096

// headerLimit is what net/http is told, so that it and http1.Guard stop at the
// same byte. HTTP/2 has no slack: what is left must still hold a request.
func headerLimit(l Limits) int { return max(l.HeaderBytes-headerSlack, headerSlack) }

func (in *Ingress) newServer(l Limits) *server {
	s := &server{conns: handoff{conns: make(chan net.Conn), done: make(chan struct{})}}
	s.http = http.Server{
		Handler:                      http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { in.serveHTTP(s, w, r) }),
		ReadHeaderTimeout:            l.HeaderTimeout,
		IdleTimeout:                  l.IdleTimeout,
		MaxHeaderBytes:               headerLimit(l),
		DisableGeneralOptionsHandler: true, // OPTIONS * is answered by nobody unasked
		Protocols:                    new(http.Protocols),
		HTTP2:                        &http.HTTP2Config{MaxConcurrentStreams: l.MaxStreams, SendPingTimeout: 30 * time.Second},
		ErrorLog:                     newErrorLog(in.name, in.log),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, connOf(c))
		},
	}
	s.http.Protocols.SetHTTP1(true)
	s.http.Protocols.SetHTTP2(true) // ALPN decides; it is offered only where switched on
	return s
}

// dispatch hands a connection over for its protocol: HTTP/1.1 to a relay, on a
// goroutine that has no stack of a handshake; HTTP/2 to net/http, which knows it
// by the *tls.Conn. HTTP/1.1 for an application that speaks HTTP/2 is net/http's
// as well, and read through a Guard.
func (in *Ingress) dispatch(c *conn) {
	g := in.cur.Load()
	h2 := c.tls.ConnectionState().NegotiatedProtocol == "h2"
	limits := g.limits // those of now, or servers old and new would take turns
	var hc net.Conn = c.tls
	if h2 {
		c.batch.gather()
	} else {
		if g.upstream.pool != nil {
			in.relays.Add(1)
			go c.relay()
			return
		}
		hc = http1.Guard(c.tls, http1.Options{
			HeadBytes: headerLimit(limits) + headerSlack,
			Report:    func(v *http1.Violation) { in.recordViolation(c, v) },
		})
	}
	for {
		s := in.serverFor(limits)
		if s == nil {
			_ = c.Close()
			return
		}
		if s.conns.give(hc) {
			return
		}
		limits = in.cur.Load().limits // it was retired meanwhile
	}
}

// A handoff is a listener whose connections come from another goroutine.
type handoff struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (h *handoff) give(c net.Conn) bool {
	select {
	case h.conns <- c:
		return true
	case <-h.done:
		return false
	}
}

// Accept implements net.Listener.
func (h *handoff) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (h *handoff) Close() error {
	h.once.Do(func() { close(h.done) })
	return nil
}

// Addr implements net.Listener.
func (h *handoff) Addr() net.Addr { return &net.TCPAddr{} }

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
	in.mu.Lock()
	servers := append([]*server(nil), in.servers...)
	in.mu.Unlock()
	var first error
	for _, s := range servers {
		s.retire()
		if err := s.http.Shutdown(ctx); err != nil {
			first = err
			_ = s.http.Close()
		}
	}
	if err := in.settled(ctx); first == nil {
		first = err
	}
	in.closeConns()
	in.ending.Do(func() { close(in.ended) })
	in.running.Wait()
	if first == nil && forced.Load() {
		first = ctx.Err()
	}
	return first
}

// settled waits until no request is under way and no relay has a connection, or
// ctx is done. net/http itself does not wait for connections that were taken over.
func (in *Ingress) settled(ctx context.Context) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for in.forwarding.Load() > 0 || in.relays.Load() > 0 {
		in.closeIdle()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
