package proxy

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
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
	if x.givenUp(x.partner.snapshot()) {
		return x.tookNothing()
	}
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
