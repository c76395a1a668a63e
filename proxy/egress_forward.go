package proxy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/http/httputil"
	"net/textproto"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sidegate/sidegate/proxy/policy"
)

// An outgoing is one request of the application on its way to the partner. It is
// the http.ResponseWriter of the response, to count it.
type outgoing struct {
	e      *Egress
	gen    *egressGeneration
	w      http.ResponseWriter
	r      *http.Request
	start  time.Time
	cancel context.CancelFunc // of the request to the partner

	rule     string // "egress" once it is admitted
	fault    *fault
	status   int
	bytesOut int64
	closing  bool // the connection ends with the response
	switched bool // 101 was sent and the connection taken over
	unsent   bool // the response could not be written
	body     *outgoingBody
	refused  *x509.Certificate // the server's, if it was not good
	stalled  atomic.Bool       // the partner took nothing of the body, over HTTP/2
	partner  partnerState
}

type outgoingKey struct{}

// outgoingOf returns the request that a context belongs to.
func outgoingOf(ctx context.Context) *outgoing { return ctx.Value(outgoingKey{}).(*outgoing) }

// serveHTTP is the path of a request.
func (e *Egress) serveHTTP(w http.ResponseWriter, r *http.Request) {
	x := &outgoing{e: e, w: w, r: r, start: e.now()}
	e.forwarding.Add(1)
	defer e.forwarding.Add(-1)
	x.gen = e.enter()
	defer x.gen.release()
	if r.ProtoMajor == 1 {
		// Else net/http would read the rest of the request before the response begins.
		_ = http.NewResponseController(w).EnableFullDuplex()
	}
	x.closing = r.Header["Upgrade"] != nil // what follows one is not looked at by the Guard
	x.body = &outgoingBody{ReadCloser: r.Body, x: x}
	defer x.finish()
	defer x.body.leave()
	if f := x.decide(); f != nil {
		x.answer(f)
		return
	}
	ctx, cancel := context.WithCancel(context.WithValue(r.Context(), outgoingKey{}, x))
	defer cancel()
	x.cancel = cancel
	defer x.watch()()
	out := r.WithContext(ctx)
	out.Body = x.body
	e.forward.ServeHTTP(x, out)
}

// decide says why a request is not forwarded, or nil.
func (x *outgoing) decide() *fault {
	r := x.r
	switch {
	case x.gen.settings.Withdrawn:
		return &fault{http.StatusServiceUnavailable, reasonWithdrawn, "this egress is not in the configuration any more"}
	case x.e.forwarding.Load() > maxOutgoing:
		return &fault{http.StatusServiceUnavailable, reasonOverloaded, fmt.Sprintf("%d requests are at the partner already", maxOutgoing)}
	case r.Method == http.MethodConnect:
		return &fault{http.StatusMethodNotAllowed, reasonConnect, notForwardProxy}
	case r.ProtoMajor == 1 && r.URL.Scheme != "" && !strings.HasPrefix(r.RequestURI, "/"):
		return &fault{http.StatusBadRequest, reasonAbsoluteForm, notForwardProxy}
	}
	f := formOf(r)
	if fault := x.gen.form.checkForm(&f); fault != nil {
		return fault
	}
	if d := x.gen.grant.Decide(f.method, f.path); !d.Allowed {
		detail := d.Detail
		if d.Reason == policy.PathNotAllowed {
			detail = "allowPaths does not list " + quote(f.path)
		}
		return &fault{http.StatusForbidden, reason(d.Reason), detail}
	}
	x.rule = egressRule
	return nil
}

const notForwardProxy = "this is not a forward proxy: use it as the address of the partner, not as HTTP_PROXY"

// forwardedFields pass as the application has them; ReverseProxy takes them off.
var forwardedFields = []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"}

// rewriteOutgoing makes the request that the partner gets: the same, but for the
// hop-by-hop fields, which ReverseProxy has removed, and Host.
func rewriteOutgoing(p *httputil.ProxyRequest) {
	g, h := outgoingOf(p.In.Context()).gen, p.Out.Header
	for _, name := range forwardedFields {
		if v, ok := p.In.Header[name]; ok && !nominated(p.In.Header["Connection"], name) {
			h[name] = v
		}
	}
	u := *p.In.URL // the query byte for byte: signatures are made over it
	u.Scheme, u.Host, u.User = "https", g.settings.authority(), nil
	p.Out.URL, p.Out.Host = &u, u.Host
	p.Out.Trailer = p.In.Trailer // the same map: its values come with the end of the body
	delete(h, "Expect")          // answered here: net/http asks for the body when it is first read
}

// nominated reports whether a Connection field makes name one of this hop only
// (RFC 9110 §7.6.1).
func nominated(connection []string, name string) bool {
	for _, line := range connection {
		for option := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(textproto.TrimString(option), name) {
				return true
			}
		}
	}
	return false
}

// perOutgoing sends a request the way of its generation.
type perOutgoing struct{}

// RoundTrip implements http.RoundTripper. It sends a request once: net/http does so
// again only if the server had closed a pooled connection before anything came, and
// then only a GET, HEAD, OPTIONS or TRACE without a body, or what it has not
// written a byte of.
func (perOutgoing) RoundTrip(r *http.Request) (*http.Response, error) {
	x := outgoingOf(r.Context())
	if !repeatable(r) {
		hideIdempotencyKeys(r.Header)
	}
	r = r.WithContext(httptrace.WithClientTrace(r.Context(), x.trace(repeatable(r))))
	res, err := x.gen.transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	x.partner.setAnswered()
	switch s := res.StatusCode; {
	case s == http.StatusSwitchingProtocols:
		if rw, ok := res.Body.(io.ReadWriteCloser); ok {
			res.Body = &partnerTunnel{rw, x.partner.snapshot().conn, x.e.patience}
		}
	case s < 200, s > 599:
		_ = res.Body.Close()
		return nil, fmt.Errorf("status %d is not one of a response", s)
	default:
		res.Body = &outgoingEnd{res.Body, x.body}
	}
	return res, nil
}

// repeatable reports whether a request may reach the server twice.
func repeatable(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return r.Body == nil || r.Body == http.NoBody
	}
	return false
}

// hideIdempotencyKeys spells them as net/http does not: by these it would send a
// POST without a body again. Field names are the same in any case.
func hideIdempotencyKeys(h http.Header) {
	for _, name := range []string{"Idempotency-Key", "X-Idempotency-Key"} {
		if v, ok := h[name]; ok {
			h[strings.ToLower(name)] = v
			delete(h, name)
		}
	}
}

// trace returns what notes how the connection to the partner fares. Over HTTP/2
// net/http sends a request without a body again after some resets of its stream,
// whatever its method: it is stopped before the second time.
func (x *outgoing) trace(repeatable bool) *httptrace.ClientTrace {
	p := &x.partner
	return &httptrace.ClientTrace{
		TLSHandshakeStart: func() { p.setAsked(false) },
		TLSHandshakeDone:  x.handshakeDone,
		GotConn: func(info httptrace.GotConnInfo) {
			if p.got(info) && !repeatable {
				x.cancel()
			}
		},
		WroteHeaders: p.wroteHeaders,
		WroteRequest: func(httptrace.WroteRequestInfo) { x.body.wait(false) },
	}
}

// handshakeDone notes the outcome of a handshake.
func (x *outgoing) handshakeDone(cs tls.ConnectionState, err error) {
	asked := x.partner.shook(err)
	if err != nil {
		return
	}
	log := x.e.log.WithValues("listener", x.e.name, "upstream", x.gen.settings.address())
	log.V(1).Info("handshake with the partner", append(serverFields(cs.PeerCertificates[0]), "version", tls.VersionName(cs.Version),
		"cipher", tls.CipherSuiteName(cs.CipherSuite), "keyExchange", cs.CurveID.String(), "alpn", cs.NegotiatedProtocol, "certificateRequested", asked)...)
	if !asked {
		x.gen.unasked.Do(func() {
			log.Info("the partner does not ask for a client certificate: it does not know who calls")
		})
	}
}

// A partnerState is what is known of the connection that a request goes over, or
// would have gone. The transport tells it from goroutines of its own, perhaps when
// the request has ended.
type partnerState struct {
	mu        sync.Mutex
	asked     bool // for a client certificate, in the last handshake
	handshake error
	reused    bool
	http2     bool
	wrote     bool // the head of the request, over HTTP/2
	again     bool // it was about to be sent again
	answered  bool
	conn      *tls.Conn
}

func (p *partnerState) setAsked(asked bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = asked
}

func (p *partnerState) setAnswered() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answered = true
}

func (p *partnerState) shook(err error) (asked bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.handshake = err
	return p.asked
}

func (p *partnerState) wroteHeaders() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wrote = p.http2
}

// got notes the connection, and reports whether the request was sent before.
func (p *partnerState) got(info httptrace.GotConnInfo) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reused, p.handshake = info.Reused, nil
	if c, ok := info.Conn.(*tls.Conn); ok {
		p.conn, p.http2 = c, c.ConnectionState().NegotiatedProtocol == "h2"
	}
	p.again = p.again || p.wrote
	return p.wrote
}

// snapshot returns what is known now.
func (p *partnerState) snapshot() partnerFacts {
	p.mu.Lock()
	defer p.mu.Unlock()
	return partnerFacts{p.asked, p.handshake, p.again, !p.reused && !p.answered, p.http2, p.conn}
}

// partnerFacts are a partnerState at one moment.
type partnerFacts struct {
	asked     bool
	handshake error
	again     bool
	fresh     bool // nothing came over the connection yet
	http2     bool
	conn      *tls.Conn
}

// raw returns the connection below TLS, or nil if there is none yet.
func (p partnerFacts) raw() *partnerConn {
	if p.conn == nil {
		return nil
	}
	raw, _ := p.conn.NetConn().(*partnerConn)
	return raw
}

// server returns the certificate that the server of the connection proved to have.
func (p partnerFacts) server() *x509.Certificate {
	if p.conn == nil {
		return nil
	}
	return p.conn.ConnectionState().PeerCertificates[0]
}

// reset reports whether a write found that the server had hung up.
func (p partnerFacts) reset() bool {
	raw := p.raw()
	return raw != nil && raw.reset.Load()
}

// alert returns the alert that the server sent in err or, if it was sent on a fresh
// connection, before: the transport may have lost it, when it could not write to a
// connection that its reader had closed for the alert's sake.
func (p partnerFacts) alert(err error) (tls.AlertError, bool) {
	if alert, ok := remoteAlert(err); ok || p.conn == nil || !p.fresh {
		return alert, ok
	}
	raw := p.raw()
	if raw == nil {
		return 0, false
	}
	select {
	case <-raw.gone:
	case <-time.After(alertPatience):
		return 0, false // it is open: what is there to be read is not ours
	}
	_, err = p.conn.Read(make([]byte, 1)) // the error that ended its reading is there for ever
	return remoteAlert(err)
}
