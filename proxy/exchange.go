package proxy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// An exchange is one request and its response on the way through. It is the
// http.ResponseWriter of the response, to count it.
type exchange struct {
	in      *Ingress
	gen     *generation
	conn    *conn
	verdict *verdict
	w       http.ResponseWriter
	r       *http.Request
	start   time.Time

	rule     string // that admitted the request
	fault    *fault // why it was not forwarded or not answered
	status   int
	in64     atomic.Int64 // request body bytes read, by the transport's goroutine
	out64    int64        // response body bytes written
	switched bool         // 101 was sent and the connection taken over

	closeUnlessSwitched bool

	reading sync.Mutex // held during a read of the body
	bodyErr error      // how the body ended, if badly; guarded by reading
}

type exchangeKey struct{}

func withExchange(ctx context.Context, x *exchange) context.Context {
	return context.WithValue(ctx, exchangeKey{}, x)
}

func exchangeOf(ctx context.Context) *exchange {
	return ctx.Value(exchangeKey{}).(*exchange)
}

// answer sends a refusal or failure: one line with one reason word. After a 401
// the connection ends: the client has to come back with a certificate that is
// trusted now.
func (x *exchange) answer(f *fault) {
	x.fault = f
	if x.status != 0 {
		return // the response has begun
	}
	h := x.w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	switch {
	case f.status == http.StatusUnauthorized:
		h.Set("WWW-Authenticate", "ClientCertificate") // RFC 9110 §15.5.2 wants a challenge
		h.Set("Connection", "close")
	case f.status == http.StatusServiceUnavailable:
		h.Set("Retry-After", "1")
	case f.status < 500 && f.status != http.StatusForbidden:
		h.Set("Connection", "close") // who sends one malformed request is not heard again
	}
	x.boundUnread(h.Get("Connection") == "close")
	x.WriteHeader(f.status)
	_, _ = fmt.Fprintf(x, "%d %s: %s\n", f.status, http.StatusText(f.status), f.reason)
}

// boundUnread bounds what net/http does with a body that nobody has read: it
// waits for it, so that the connection can be used again or closed without a
// reset that would overtake the answer.
func (x *exchange) boundUnread(closing bool) {
	if x.r.Body == nil || x.r.Body == http.NoBody {
		return
	}
	wait := x.gen.limits.BodyIdleTimeout
	if closing {
		wait = min(wait, lingerTimeout)
	}
	_ = http.NewResponseController(x.w).SetReadDeadline(x.in.now().Add(wait))
}

// lingerTimeout is how long a connection that is being closed is read from.
const lingerTimeout = time.Second

// finish makes the exchange's Record, also when the copy of the response broke
// off: ReverseProxy then panics with http.ErrAbortHandler to cut the connection.
func (x *exchange) finish() {
	err := recover()
	if err != nil && x.fault == nil {
		x.fault = x.broken()
	}
	if x.verdict != nil {
		x.in.record(x)
	}
	if err != nil {
		panic(err)
	}
}

// broken says who broke off a response that had begun.
func (x *exchange) broken() *fault {
	if x.r.Context().Err() != nil {
		return &fault{statusClientClosed, reasonClientClosed, "the client went away during the response"}
	}
	return &fault{http.StatusBadGateway, reasonAppFailed, "the response broke off"}
}

// Header implements http.ResponseWriter.
func (x *exchange) Header() http.Header { return x.w.Header() }

// WriteHeader implements http.ResponseWriter.
func (x *exchange) WriteHeader(status int) {
	if status >= 200 && x.status == 0 {
		x.status = status
		if x.closeUnlessSwitched {
			x.Header().Set("Connection", "close")
		}
	}
	x.w.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (x *exchange) Write(p []byte) (int, error) {
	if x.status == 0 {
		x.WriteHeader(http.StatusOK)
	}
	n, err := x.w.Write(p)
	x.out64 += int64(n)
	return n, err
}

// FlushError is for http.ResponseController.
func (x *exchange) FlushError() error { return http.NewResponseController(x.w).Flush() }

// Hijack is for http.ResponseController, which ReverseProxy takes the
// connection over with after a 101.
func (x *exchange) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, rw, err := http.NewResponseController(x.w).Hijack()
	if err == nil {
		x.switched, x.status = true, http.StatusSwitchingProtocols
	}
	return c, rw, err
}

// clientIP returns the address of the client without its port.
func (x *exchange) clientIP() string {
	host, _, err := net.SplitHostPort(x.r.RemoteAddr)
	if err != nil {
		return "unknown" // RFC 7239 §6.2
	}
	return host
}

// The ways in which a request body ends early, apart from being too large.
var (
	errBodyStalled = errors.New("no byte of the request body arrived within limits.bodyIdleTimeout")
	errBodyBroken  = errors.New("the request body broke off or is malformed")
)

// A guardedBody counts a request body, bounds it, and bounds the wait for each
// of its bytes.
type guardedBody struct {
	io.ReadCloser
	x  *exchange
	rc *http.ResponseController
}

func (x *exchange) guardBody(body io.ReadCloser) io.ReadCloser {
	if max := x.gen.limits.BodyBytes; max > 0 {
		body = http.MaxBytesReader(x.w, body, max)
	}
	return &guardedBody{body, x, http.NewResponseController(x.w)}
}

// Read implements io.Reader. The deadline is taken back at the end of the body,
// because net/http goes on reading to see whether the client hangs up.
func (b *guardedBody) Read(p []byte) (int, error) {
	b.x.reading.Lock()
	defer b.x.reading.Unlock()
	_ = b.rc.SetReadDeadline(b.x.in.now().Add(b.x.gen.limits.BodyIdleTimeout))
	n, err := b.ReadCloser.Read(p)
	b.x.in64.Add(int64(n))
	if err == io.EOF {
		_ = b.rc.SetReadDeadline(time.Time{})
		return n, err
	}
	b.x.bodyErr = bodyError(err)
	return n, b.x.bodyErr
}

// bodyFailed returns how the request body ended if it ended badly. net/http
// cancels the exchange before it returns such an error from the read, so the
// cancellation is often seen first; the read that caused it is about to end.
func (x *exchange) bodyFailed() error {
	x.reading.Lock()
	defer x.reading.Unlock()
	return x.bodyErr
}

func bodyError(err error) error {
	_, tooLarge := errors.AsType[*http.MaxBytesError](err)
	switch {
	case err == nil, tooLarge:
		return err
	case errors.Is(err, os.ErrDeadlineExceeded):
		return errBodyStalled
	}
	return fmt.Errorf("%w: %w", errBodyBroken, err)
}
