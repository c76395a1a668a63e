package proxy

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"

	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/http1"
)

// An Ingress admits requests that come over mutual TLS and forwards them to the
// application. Give it a Bundle and Settings with [Ingress.Configure], then let
// it [Ingress.Serve]; replace both at any time.
type Ingress struct {
	name    string
	log     logr.Logger
	metrics *listenerMetrics
	now     func() time.Time

	cur     atomic.Pointer[generation]
	swap    sync.Mutex // held while cur is replaced
	tickets certs.TicketKeys
	forward httputil.ReverseProxy

	open       atomic.Int64 // connections
	draining   atomic.Bool
	closing    chan struct{} // closed when no more connections are accepted
	ended      chan struct{} // closed at the end of a drain
	running    sync.WaitGroup
	patrolling sync.Once
	ending     sync.Once
	serving    atomic.Int64 // connections that are served, by a relay or net/http
	servers    *servers
	forwarding atomic.Int64 // requests at the application
	warned     atomic.Int64 // unix time of the last "too many connections" line
	recent     recent[Refusal]
	served     servedSet
	changed    chan struct{} // has something in it when cur was replaced
	refusals   pace          // of the log lines about handshakes
	closings   pace          // and about clients that went away

	mu        sync.Mutex // guards what follows
	listeners []net.Listener
	conns     map[*conn]struct{}
	stopped   bool
}

// NewIngress returns an Ingress that serves b as s says. name is its label in
// logs and metrics.
func NewIngress(name string, b *certs.Bundle, s *Settings, m *Metrics, log logr.Logger) (*Ingress, error) {
	in := &Ingress{
		name:    name,
		log:     log,
		metrics: m.of(name),
		now:     time.Now,
		closing: make(chan struct{}),
		ended:   make(chan struct{}),
		changed: make(chan struct{}, 1),
		conns:   make(map[*conn]struct{}),
	}
	in.forward = httputil.ReverseProxy{
		Rewrite:      rewrite,
		Transport:    perRequest{},
		ErrorHandler: forwardFailed,

		ModifyResponse: checkResponse,
		FlushInterval:  -1, // what the application sends goes out as it comes
		BufferPool:     &bufferPool{},
		ErrorLog:       newErrorLog(name, log),
	}
	in.servers = in.newServers()
	return in, in.Configure(b, s)
}

// Configure replaces Bundle and Settings at once. Every request that begins
// afterwards is judged by them, and so is every one that is under way: who would
// not be let in any more has Settings.WithdrawalGrace to end. All others finish as
// they began. On an error nothing changes.
func (in *Ingress) Configure(b *certs.Bundle, s *Settings) error {
	return in.replace(func(*generation) (*certs.Bundle, *Settings) { return b, s })
}

// SetBundle replaces the Bundle and keeps the Settings.
func (in *Ingress) SetBundle(b *certs.Bundle) error {
	return in.replace(func(g *generation) (*certs.Bundle, *Settings) { return b, g.settings })
}

// SetSettings replaces the Settings and keeps the Bundle.
func (in *Ingress) SetSettings(s *Settings) error {
	return in.replace(func(g *generation) (*certs.Bundle, *Settings) { return g.bundle, s })
}

// replace swaps in the generation that next makes of the one in use. One caller
// at a time: certificates and configuration change independently, and neither
// may bring back what the other has just replaced.
func (in *Ingress) replace(next func(*generation) (*certs.Bundle, *Settings)) error {
	in.swap.Lock()
	defer in.swap.Unlock()
	old := in.cur.Load()
	b, s := next(old)
	if b == nil || b.Certificate == nil {
		return fmt.Errorf("ingress %q: no server certificate", in.name)
	}
	if s == nil {
		return fmt.Errorf("ingress %q: no settings", in.name)
	}
	if err := s.Check(); err != nil {
		return fmt.Errorf("ingress %q: %w", in.name, err)
	}
	g := newGeneration(b, s, old)
	in.cur.Store(g)
	select {
	case in.changed <- struct{}{}:
	default: // it is to look anyhow
	}
	if old != nil && old.upstream != g.upstream {
		old.upstream.close()
	}
	return nil
}

// Connections returns how many client connections are open now.
func (in *Ingress) Connections() int { return int(in.open.Load()) }

// serveHTTP is the path of a request that net/http serves.
func (in *Ingress) serveHTTP(w http.ResponseWriter, r *http.Request) {
	c, _ := r.Context().Value(connKey{}).(*conn)
	if c == nil { // cannot be: every connection is ours
		panic(http.ErrAbortHandler)
	}
	x := &served{w: w, r: r}
	x.exchange = exchange{in: in, conn: c, start: in.now(), asked: asked{r.Proto, r.Method, r.Host, r.URL.EscapedPath()}}
	x.deadlines.w, x.deadlines.http2 = w, r.ProtoMajor == 2
	defer x.finish()
	// What follows an upgrade is not HTTP/1.1 as http1.Guard knows it: unless the
	// protocol is switched, the connection ends with the answer.
	x.closing = in.draining.Load() || r.Header["Upgrade"] != nil

	f := formOf(r)
	x.path = f.path
	fault := x.decide(&f)
	x.closing = x.closing || c.outdated(&x.gen.limits)
	if fault != nil {
		x.answer(fault)
		return
	}
	x.pass()
}

// pass forwards the request and the application's response.
func (x *served) pass() {
	defer x.leave()
	if f := x.enter(); f != nil {
		x.answer(f)
		return
	}
	if x.r.Body != nil && x.r.Body != http.NoBody && x.r.ContentLength != 0 {
		x.r.Body = x.guardBody(x.r.Body)
		defer x.leaveBody()
	}
	if pool := x.gen.upstream.pool; pool != nil {
		if x.r.ProtoMajor < 2 {
			x.answer(x.wrongServer())
			return
		}
		x.relay(pool)
		return
	}
	ctx, cancel := context.WithCancel(withServed(x.r.Context(), x))
	defer cancel()
	x.cancel = cancel
	x.watch(x)
	defer x.unwatch()
	x.in.forward.ServeHTTP(x, x.r.WithContext(ctx))
}

// rewrite makes the outgoing request. ReverseProxy has removed hop-by-hop
// fields before, so a client cannot name our headers in Connection and have
// them removed after they are set.
func rewrite(p *httputil.ProxyRequest) {
	x := servedOf(p.In.Context())
	h := p.Out.Header
	x.gen.strip.strip(h)
	x.verdict.setIdentity(h, x.rule)
	h["X-Forwarded-For"] = []string{x.conn.clientIP()}
	h["X-Forwarded-Proto"] = forwardedProto
	h["X-Forwarded-Host"] = []string{p.In.Host}

	u := *p.In.URL // the query byte for byte: signatures are made over it
	u.Scheme, u.Host, u.User = "http", x.gen.upstream.url.Host, nil
	p.Out.URL = &u
	p.Out.Host = p.In.Host
	delete(h, "Expect") // answered here: net/http asks for the body when it is first read
	p.Out.Trailer = nil
	// An application that wrongly answers HEAD with a body would leave it on the
	// connection, where it is the next client's response. That it does so with a
	// 204 or 304 cannot be known beforehand.
	p.Out.Close = p.Out.Method == http.MethodHead && x.gen.upstream.url.Scheme != "h2c"
}

var forwardedProto = []string{"https"}

// perRequest sends a request the way of its generation.
type perRequest struct{}

// RoundTrip implements http.RoundTripper.
func (perRequest) RoundTrip(r *http.Request) (*http.Response, error) {
	x := servedOf(r.Context())
	// Over HTTP/1.1 net/http takes a read that is broken off for a client that is gone.
	if body, ok := x.r.Body.(*guardedBody); ok && r.Body != nil && x.deadlines.http2 {
		out := *r
		out.Body = &lastWord{r.Body, body}
		r = &out
	}
	return x.gen.upstream.transport.RoundTrip(r)
}

// checkResponse refuses a status that HTTP does not have (RFC 9110 §15); interim
// ones are passed on before. It is the last chance to answer in another way. What is
// left of the request's body ends with the response: else the end of an early answer
// waits for a client that sends on.
func checkResponse(r *http.Response) error {
	if s := r.StatusCode; s != http.StatusSwitchingProtocols && (s < 200 || s > 599) {
		return fmt.Errorf("status %d is not one of a response", s)
	}
	x := servedOf(r.Request.Context())
	if raw := r.Body; r.StatusCode != http.StatusSwitchingProtocols {
		// The transport does not look at the context while it waits to send content
		// that the application does not read. To be closed ends that wait.
		context.AfterFunc(r.Request.Context(), func() { _ = raw.Close() })
	}
	if body, ok := x.r.Body.(*guardedBody); ok && r.StatusCode != http.StatusSwitchingProtocols {
		r.Body = &lastWord{r.Body, body}
	}
	trailers := x.r.ProtoMajor == 2 && isGRPC(r.Header.Get("Content-Type"))
	if x.wait.answers(trailers) != nil {
		return http1.ErrAborted
	}
	if trailers {
		r.Body = &grpcBody{r.Body, x}
	}
	return nil
}

// lastWord is a body whose end, or whose being closed, is the end of the
// request's: that of the response, and that of the request as the transport has it.
// ReverseProxy keeps it from closing the one that a client may be slow to send.
type lastWord struct {
	io.ReadCloser
	request *guardedBody
}

// Read implements io.Reader.
func (l *lastWord) Read(p []byte) (int, error) {
	n, err := l.ReadCloser.Read(p)
	if err != nil {
		l.request.interrupt()
	}
	return n, err
}

// Close implements io.Closer.
func (l *lastWord) Close() error {
	l.request.interrupt()
	return l.ReadCloser.Close()
}

// forwardFailed answers when the application could not.
func forwardFailed(_ http.ResponseWriter, r *http.Request, err error) {
	x := servedOf(r.Context())
	if x.switched {
		return // hijacked: there is no HTTP response to send any more
	}
	if lost := x.wait.lost(); lost != nil {
		x.answer(lost)
		return
	}
	if cause := x.body.failed(err); cause != nil {
		err = cause
	}
	f := faultOf(err)
	if f.status == statusClientClosed {
		x.fault = f
		panic(http.ErrAbortHandler)
	}
	x.answer(f)
}
