package proxy

import (
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/sidegate/sidegate/proxy/http1"
)

// A relay serves the HTTP/1.1 requests of one connection, one after the other,
// on one goroutine. Nothing of a request outlives it but for a few short texts,
// so that the next one, which most often is alike, need not make them again.
type relay struct {
	conn  *conn
	s     *http1.Session
	x     exchange // of the request under way
	phase atomic.Int32
	wait  waiting

	method, host, path memo
	interim            func(*http1.Response) error // of s, made once
}

// The phases of a connection, for the drain.
const (
	phaseFresh  = int32(iota) // before its first request
	phaseIdle                 // between requests
	phaseBusy                 // with a request
	phaseClosed               // it was closed while idle
)

// relay serves the connection until it ends.
func (c *conn) relay() {
	defer c.in.serving.Add(-1)
	r := &relay{conn: c, s: http1.NewSession(relayTLS{c.tls, c})}
	r.interim, r.wait.breaker = r.s.Interim, r
	c.relaying.Store(r)
	defer func() {
		if p := recover(); p != nil { // one connection is not all connections
			c.in.log.Error(nil, "a request panicked; this is a bug of Sidegate", "listener", c.in.name, "message", fmt.Sprint(p), "stack", string(debug.Stack()))
			c.cut()
			return
		}
		_ = r.s.Close()
	}()
	limits := &c.in.cur.Load().limits
	for patience := limits.HeaderTimeout; r.next(patience); patience = limits.IdleTimeout {
		limits = &c.in.cur.Load().limits
		r.phase.Store(phaseIdle)
	}
}

// next serves the next request, and reports whether there may be another.
func (r *relay) next(patience time.Duration) bool {
	if err := r.s.Await(patience); err != nil {
		return false // it closed the connection, or was idle for too long
	}
	if r.phase.Swap(phaseBusy) == phaseClosed {
		return false
	}
	in := r.conn.in
	g := in.cur.Load()
	req, err := r.s.Read(&g.wire)
	r.x = exchange{in: in, conn: r.conn, start: in.now()}
	if err != nil {
		r.refuseHead(err)
		return false
	}
	return r.serve(req)
}

// refuseHead answers bytes that are not a request.
func (r *relay) refuseHead(err error) {
	v, ok := errors.AsType[*http1.Violation](err)
	if !ok {
		return // the client went away, or takes too long
	}
	r.conn.in.recordViolation(r.conn, v)
	r.x.closing = true
	if r.send(&fault{violationStatus(v), reasonFraming, v.Detail}) == nil {
		r.linger()
	}
}

// serve is the path of a request, and reports whether the connection goes on.
func (r *relay) serve(req *http1.Request) bool {
	x := &r.x
	target, path := req.Path()
	f := form{
		method: r.method.of(req.Method), host: r.host.of(req.Host), path: r.path.of(path), isPath: req.IsPath(),
		upgrades: req.Upgrades, http11: !req.HTTP10, length: req.Length,
	}
	if len(path) == 0 {
		f.path = "/"
	}
	x.asked = asked{"HTTP/1.1", f.method, f.host, f.path}
	if req.HTTP10 {
		x.asked.proto = "HTTP/1.0"
	}
	if req.Upgrades > 0 {
		f.upgrade = string(req.Upgrade)
	}
	if req.Expects {
		f.fault = &fault{http.StatusExpectationFailed, reasonExpect, "nothing but 100-continue can be expected"}
	}
	x.closing = req.Close || req.Upgrades > 0 || x.in.draining.Load()
	if fault := x.decide(&f); fault != nil {
		r.answer(req, fault)
	} else {
		r.pass(req, target)
	}
	x.bytesIn = max(x.bytesIn, r.s.ContentRead())
	x.in.record(x)
	return r.over(req)
}

// answer sends a refusal or failure.
func (r *relay) answer(req *http1.Request, f *fault) {
	x := &r.x
	x.fault = f
	if x.status != 0 {
		x.closing = true
		return // the response has begun
	}
	x.closing = x.closing || f.closes() || x.conn.leaving.Load() || !r.worthReading(req)
	_ = r.send(f)
}

func (r *relay) send(f *fault) error {
	fields := "Content-Type: " + answerType + "\r\nX-Content-Type-Options: " + answerSniff + "\r\nCache-Control: " + answerStore + "\r\n"
	if name, value := f.field(); name != "" {
		fields += name + ": " + value + "\r\n"
	}
	r.x.status = f.status
	err := r.s.Answer(f.status, fields, f.line(), r.x.closing)
	if err != nil {
		r.x.closing = true
	}
	return err
}

// What a client has sent of content that nobody wants is read so far and so
// long, that its connection can be used again or closed without a reset that
// would overtake the answer.
const (
	lingerTimeout = time.Second
	lingerBytes   = 256 << 10
)

// worthReading reports whether the rest of the content is so small that the
// connection can go on after it, although the answer comes first. A client that
// waits for a 100 may never send it.
func (r *relay) worthReading(req *http1.Request) bool {
	return r.s.ContentDone() || req.Length >= 0 && req.Length-r.s.ContentRead() <= lingerBytes && !req.Continue
}

// over ends an exchange, and reports whether the connection goes on.
func (r *relay) over(req *http1.Request) bool {
	if r.x.status == http.StatusSwitchingProtocols {
		return false
	}
	if !r.x.closing {
		return r.s.ContentDone() || r.s.Discard(r.x.gen.limits.BodyIdleTimeout, lingerBytes)
	}
	if !r.s.ContentDone() || r.s.Buffered() {
		r.linger()
	}
	return false
}

// linger says goodbye and reads on for a while: to close a connection with unread
// bytes resets it, and the client may lose the answer.
func (r *relay) linger() {
	_ = r.conn.tls.CloseWrite()
	r.s.Linger(lingerTimeout, lingerBytes)
}

// A memo remembers a text, so that the same bytes need not become a text again.
type memo struct{ text string }

// maxMemo bounds what an idle connection remembers.
const maxMemo = 256

func (m *memo) of(b []byte) string {
	if m.text == string(b) {
		return m.text
	}
	s := string(b)
	if len(s) <= maxMemo {
		m.text = s
	}
	return s
}
