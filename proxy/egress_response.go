package proxy

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// answer sends a refusal or failure: one line with the reason word and, because it
// is our own application that reads it, the sentence.
func (x *outgoing) answer(f *fault) {
	x.fault = f
	if x.status != 0 {
		return // the response has begun
	}
	f.setFields(x.w.Header())
	x.closing = x.closing || f.closes()
	x.body.interruptAfter(lingerTimeout)
	x.WriteHeader(f.status)
	_, _ = fmt.Fprintf(x, "%d %s: %s: %s\n", f.status, http.StatusText(f.status), f.reason, printable(f.detail))
}

// finish makes the log line, also when the copy of the response broke off:
// ReverseProxy then panics with http.ErrAbortHandler to cut the connection.
func (x *outgoing) finish() {
	err := recover()
	if err != nil && x.fault == nil {
		x.fault = x.broken()
	}
	x.e.record(x)
	if err != nil {
		panic(err)
	}
}

// broken says who broke off a response that had begun.
func (x *outgoing) broken() *fault {
	if x.unsent || x.r.Context().Err() != nil {
		return &fault{statusClientClosed, reasonClientClosed, "the application went away during the response"}
	}
	return &fault{http.StatusBadGateway, reasonServerFailed, "the response of " + x.gen.settings.address() + " broke off"}
}

// outgoingFailed answers when the partner could not.
func outgoingFailed(_ http.ResponseWriter, r *http.Request, err error) {
	x := outgoingOf(r.Context())
	if x.switched {
		return // hijacked: there is no HTTP response to send any more
	}
	x.refused = refusedServer(err)
	f := x.faultOf(err)
	if f.status == statusClientClosed {
		x.fault = f
		panic(http.ErrAbortHandler)
	}
	x.answer(f)
}

// Header implements http.ResponseWriter.
func (x *outgoing) Header() http.Header { return x.w.Header() }

// WriteHeader implements http.ResponseWriter. HTTP/1.0 knows no interim responses
// (RFC 9110 §15.2).
func (x *outgoing) WriteHeader(status int) {
	if status < 200 && !x.r.ProtoAtLeast(1, 1) {
		return
	}
	if status >= 200 && x.status == 0 {
		x.status = status
		h := x.w.Header()
		if x.closing || x.e.draining.Load() || x.body.unread() {
			h.Set("Connection", "close")
		}
		if h["Content-Type"] == nil {
			h["Content-Type"] = nil // net/http would guess
		}
	}
	x.w.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (x *outgoing) Write(p []byte) (int, error) {
	if x.status == 0 {
		x.WriteHeader(http.StatusOK)
	}
	n, err := x.w.Write(p)
	x.bytesOut += int64(n)
	x.unsent = x.unsent || err != nil
	return n, err
}

// FlushError is for http.ResponseController.
func (x *outgoing) FlushError() error { return http.NewResponseController(x.w).Flush() }

// Hijack is for http.ResponseController, which ReverseProxy takes the connection
// over with after a 101.
func (x *outgoing) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, rw, err := http.NewResponseController(x.w).Hijack()
	if err != nil {
		return nil, nil, err
	}
	x.switched, x.status = true, http.StatusSwitchingProtocols
	return &hijacked{c, rw.Reader, appWriteTimeout}, rw, nil
}

// An outgoingBody is the body of a request, counted. The transport reads it,
// perhaps still when the response has ended.
type outgoingBody struct {
	io.ReadCloser
	x       *outgoing
	reading sync.Mutex // held during a read
	left    bool       // nobody may read any more; guarded by reading
	bytes   atomic.Int64
	eof     atomic.Bool
	stopped atomic.Bool // reading was broken off by us
	broken  atomic.Pointer[error]
}

// Read implements io.Reader.
func (b *outgoingBody) Read(p []byte) (int, error) {
	b.reading.Lock()
	defer b.reading.Unlock()
	if b.left {
		return 0, http.ErrBodyReadAfterClose
	}
	n, err := b.ReadCloser.Read(p)
	b.bytes.Add(int64(n))
	switch {
	case errors.Is(err, io.EOF):
		b.eof.Store(true)
	case err != nil && !b.stopped.Load():
		b.broken.Store(&err)
	}
	return n, err
}

// unread reports whether something of the body may still be on the connection,
// which then carries no other request.
func (b *outgoingBody) unread() bool {
	return b.x.r.ProtoMajor == 1 && b.x.r.ContentLength != 0 && !b.eof.Load()
}

// interruptAfter makes reads fail once so much time has passed. It is called while
// the request is served, never later: net/http takes the connection back then.
func (b *outgoingBody) interruptAfter(wait time.Duration) {
	if b.unread() && !b.stopped.Swap(true) {
		_ = http.NewResponseController(b.x.w).SetReadDeadline(time.Now().Add(wait))
	}
}

// leave ends the reading of a body that was not read to its end, before net/http
// takes it back: that would take back the deadline of a read in flight and wait for
// the rest for ever. The answer is on its way by then.
func (b *outgoingBody) leave() {
	if !b.unread() || b.x.switched {
		return
	}
	if b.x.status != 0 {
		_ = b.x.FlushError()
	}
	b.interruptAfter(lingerTimeout)
	b.reading.Lock()
	defer b.reading.Unlock()
	b.left = true
}

// failed returns how reading the body failed, if it did.
func (b *outgoingBody) failed() error {
	if err := b.broken.Load(); err != nil {
		return *err
	}
	return nil
}

// An outgoingEnd is the body of a response whose end is the end of the request's:
// else the end of an early answer waits for an application that sends on.
type outgoingEnd struct {
	io.ReadCloser
	request *outgoingBody
}

// Read implements io.Reader.
func (r *outgoingEnd) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	if err != nil {
		r.request.interruptAfter(0)
	}
	return n, err
}
