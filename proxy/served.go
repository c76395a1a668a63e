package proxy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// A served exchange is one that net/http serves: HTTP/2, and HTTP/1.1 where the
// application speaks HTTP/2. It is the http.ResponseWriter of the response, to
// count it.
type served struct {
	exchange
	w        http.ResponseWriter
	r        *http.Request
	path     string // as decided on
	switched bool   // 101 was sent and the connection taken over

	wait      waiting
	lost      *fault             // why it was broken off, if it was
	cancel    context.CancelFunc // ends the request to an application that speaks HTTP/2
	aborted   atomic.Bool        // by us, as the client is gone or not let in any more
	unflushed int                // bytes written since the last flush, perhaps still in memory

	deadlines deadlines
	body      bodyState
}

type servedKey struct{}

func withServed(ctx context.Context, x *served) context.Context {
	return context.WithValue(ctx, servedKey{}, x)
}

func servedOf(ctx context.Context) *served {
	return ctx.Value(servedKey{}).(*served)
}

// answer sends a refusal or failure: one line with one reason word.
func (x *served) answer(f *fault) {
	x.fault = f
	if x.status != 0 {
		return // the response has begun
	}
	f.setFields(x.w.Header())
	x.closing = x.closing || f.closes()
	x.boundUnread()
	x.WriteHeader(f.status)
	_, _ = fmt.Fprint(x, f.line())
}

// finish makes the exchange's Record, also when the copy of the response broke
// off: ReverseProxy then panics with http.ErrAbortHandler to cut the connection.
func (x *served) finish() {
	err := recover()
	if err != nil && x.fault == nil {
		x.fault = x.broken()
	}
	x.deadlines.end(x.stallDeadline())
	if x.verdict != nil {
		x.bytesIn = x.body.bytes.Load()
		x.in.record(&x.exchange)
	}
	if err != nil {
		panic(err)
	}
}

// broken says who broke off a response that had begun.
func (x *served) broken() *fault {
	if x.lost != nil {
		return x.lost
	}
	if cause := x.body.failed(x.r.Context().Err()); cause != nil {
		return faultOf(cause)
	}
	if x.r.Context().Err() != nil || x.aborted.Load() {
		return &fault{statusClientClosed, reasonClientClosed, "the client went away during the response"}
	}
	return &fault{http.StatusBadGateway, reasonAppFailed, "the response broke off"}
}

// watch puts the exchange under watch until unwatch. call is as for waiting.begin.
func (x *served) watch(call aborter) {
	x.wait.breaker = x
	x.wait.begin(x.verdict, x.r.Method, x.path, call)
	x.in.served.add(x)
}

func (x *served) unwatch() {
	x.in.served.remove(x)
	x.lost = x.wait.end()
}

// Abort implements aborter, for an application that speaks HTTP/2.
func (x *served) Abort() {
	x.aborted.Store(true)
	// While http.Transport waits for content it does not notice.
	if body, ok := x.r.Body.(*guardedBody); ok {
		body.interrupt()
	}
	x.cancel()
}

// look aborts the request if the client is gone. Over HTTP/1.1 net/http does not
// notice before it has read all content.
func (x *served) look() {
	switch {
	case x.r.Context().Err() != nil: // cheaper than to be told by the context
		x.wait.abort()
	case x.r.ProtoMajor < 2:
		x.wait.look(x.conn.Conn)
	}
}

// breakOff implements breaker.
func (x *served) breakOff(gently bool) {
	switch {
	case gently:
	case x.r.ProtoMajor < 2, x.deadlines.severed() && x.conn.verdict.Load().admitsNothing():
		// Either there is no other way, or the connection takes not even the reset
		// of a stream; there is nobody else on it.
		_ = x.conn.Conn.Close()
	default:
		x.deadlines.sever()
	}
}

// Header implements http.ResponseWriter.
func (x *served) Header() http.Header { return x.w.Header() }

// WriteHeader implements http.ResponseWriter. Interim responses come from the
// application; HTTP/1.0 knows none (RFC 9110 §15.2).
func (x *served) WriteHeader(status int) {
	if status < 200 && !x.r.ProtoAtLeast(1, 1) {
		return
	}
	if status >= 200 && x.status == 0 {
		x.status = status
		if _, ok := x.r.Body.(*guardedBody); ok && !x.deadlines.http2 && !x.body.eof.Load() {
			// An early answer: net/http would first wait for the rest of the
			// body, unless the connection ends.
			x.closing = true
		}
		if x.closing = x.closing || x.in.draining.Load() || x.conn.leaving.Load(); x.closing {
			x.Header().Set("Connection", "close")
		}
		if h := x.Header(); h["Content-Type"] == nil {
			h["Content-Type"] = nil // net/http would guess
		}
	}
	x.w.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (x *served) Write(p []byte) (int, error) {
	if x.status == 0 {
		x.WriteHeader(http.StatusOK)
	}
	if x.unflushed += len(p); x.unflushed <= handlerBuffer && x.r.ProtoMajor == 2 {
		n, err := x.w.Write(p) // goes to memory
		x.bytesOut += int64(n)
		return n, err
	}
	x.deadlines.write(x.stallDeadline())
	n, err := x.w.Write(p)
	x.deadlines.write(time.Time{})
	x.bytesOut += int64(n)
	return n, err // how much of it is still in memory is not known: only a flush starts anew
}

// handlerBuffer is how much net/http's HTTP/2 server keeps of what a handler
// writes. To set a deadline costs it as much as to write.
const handlerBuffer = 4 << 10

// FlushError is for http.ResponseController.
func (x *served) FlushError() error {
	x.unflushed = 0
	x.deadlines.write(x.stallDeadline())
	defer x.deadlines.write(time.Time{})
	return http.NewResponseController(x.w).Flush()
}

// stallDeadline is when a client that takes nothing of an HTTP/2 response is
// given up: it can keep its connection busy and its window shut, so that no
// write to the connection is ever late. Over HTTP/1.1 conn.Write sees to it, and
// this is the zero time.
func (x *served) stallDeadline() time.Time {
	if x.r.ProtoMajor < 2 || x.gen == nil {
		return time.Time{}
	}
	if x.lost != nil { // what is left to be written is the refusal
		return x.in.now().Add(farewellTime)
	}
	return x.in.now().Add(x.gen.limits.BodyIdleTimeout)
}

// Hijack is for http.ResponseController, which ReverseProxy takes the
// connection over with after a 101.
func (x *served) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, rw, err := http.NewResponseController(x.w).Hijack()
	if err != nil {
		return nil, nil, err
	}
	x.switched, x.status = true, http.StatusSwitchingProtocols
	return &hijacked{c, rw.Reader, x.gen.limits.BodyIdleTimeout}, rw, nil
}

// A hijacked connection gives first what net/http had read already: a client
// may send its first frames together with the request.
type hijacked struct {
	net.Conn
	early  *bufio.Reader
	linger time.Duration
}

// CloseWrite passes on that the application has said its last word. The client
// may still say its own, for as long as linger, and then the place is free.
func (h *hijacked) CloseWrite() error {
	half, ok := h.Conn.(interface{ CloseWrite() error })
	if !ok {
		return errors.ErrUnsupported
	}
	_ = h.SetReadDeadline(time.Now().Add(h.linger))
	return half.CloseWrite()
}

// Read implements io.Reader.
func (h *hijacked) Read(p []byte) (int, error) {
	if n := h.early.Buffered(); n > 0 {
		return h.early.Read(p[:min(n, len(p))])
	}
	return h.Conn.Read(p)
}
