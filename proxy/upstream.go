package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/sidegate/sidegate/proxy/http1"
)

// An upstream is the way to the application: connections to one loopback address
// or unix socket.
type upstream struct {
	url            url.URL
	timeout        time.Duration
	connectTimeout time.Duration

	pool      *http1.Upstream // nil if the application speaks HTTP/2
	transport *http.Transport // nil if it does not
}

// upstreamIdle is how long a connection to the application is kept without a
// request: less than the 5 s after which Node.js hangs up.
const upstreamIdle = 4 * time.Second

// newUpstream returns the way to s.Upstream.
func newUpstream(s *Settings) *upstream {
	u := &upstream{
		url:            *s.Upstream,
		timeout:        s.UpstreamTimeout,
		connectTimeout: or(s.UpstreamConnectTimeout, 2*time.Second),
	}
	dialer := &net.Dialer{Timeout: u.connectTimeout}
	network, address := "tcp", u.url.Host
	switch u.url.Scheme {
	case "h2c":
		u.transport = newTransport(dialer)
		u.transport.ResponseHeaderTimeout = u.timeout
		return u
	case "unix":
		network, address = "unix", u.url.Path
	}
	u.pool = &http1.Upstream{
		Dial:          func(ctx context.Context) (net.Conn, error) { return dialer.DialContext(ctx, network, address) },
		HeaderTimeout: u.timeout,
		IdleTimeout:   upstreamIdle,
		MaxIdle:       256,
	}
	return u
}

// newTransport returns the way to an application that speaks HTTP/2 without TLS.
func newTransport(dialer *net.Dialer) *http.Transport {
	t := &http.Transport{
		Proxy:              nil, // never through HTTP_PROXY
		DialContext:        dialer.DialContext,
		DisableCompression: true, // the body is the application's, byte for byte
		IdleConnTimeout:    upstreamIdle,
		TLSNextProto:       map[string]func(string, *tls.Conn) http.RoundTripper{},
		Protocols:          new(http.Protocols),
	}
	t.Protocols.SetUnencryptedHTTP2(true)
	return t
}

// close closes the connections that are not in use, now or when they are done with.
func (u *upstream) close() {
	if u.pool != nil {
		u.pool.Close()
		return
	}
	u.transport.CloseIdleConnections()
}

// serves reports whether u leads where the settings say, as they say.
func (u *upstream) serves(s *Settings) bool {
	return u.url == *s.Upstream && u.timeout == s.UpstreamTimeout &&
		u.connectTimeout == or(s.UpstreamConnectTimeout, 2*time.Second)
}

// faultOf says what a failed exchange with the application means to the caller.
func faultOf(err error) *fault {
	var timeout net.Error
	_, tooLarge := errors.AsType[*http.MaxBytesError](err)
	content, _ := errors.AsType[*http1.ContentError](err)
	violation, _ := errors.AsType[*http1.Violation](err)
	switch {
	case tooLarge, errors.Is(err, http1.ErrTooLarge):
		return &fault{http.StatusRequestEntityTooLarge, reasonBodyTooLarge, "the body is larger than limits.bodyBytes"}
	case errors.Is(err, errBodyStalled):
		return &fault{http.StatusRequestTimeout, reasonBodyStalled, err.Error()}
	case errors.Is(err, errBodyBroken):
		return &fault{http.StatusBadRequest, reasonBodyBroken, err.Error()}
	case content != nil && errors.Is(err, os.ErrDeadlineExceeded):
		return &fault{http.StatusRequestTimeout, reasonBodyStalled, errBodyStalled.Error()}
	case content != nil:
		return &fault{http.StatusBadRequest, reasonBodyBroken, errBodyBroken.Error() + ": " + err.Error()}
	case isWriteError(err):
		return &fault{statusClientClosed, reasonClientClosed, "the client does not take the response: " + err.Error()}
	case violation != nil:
		return &fault{http.StatusBadGateway, reasonAppFailed, "the application's answer is not HTTP/1.1: " + violation.Reason + ": " + violation.Detail}
	case errors.Is(err, context.Canceled), errors.Is(err, http1.ErrAborted):
		return &fault{statusClientClosed, reasonClientClosed, "the client went away before the response"}
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, os.ErrNotExist):
		return &fault{http.StatusServiceUnavailable, reasonAppDown, "the application does not listen: " + err.Error()}
	case errors.Is(err, http1.ErrSlow), errors.As(err, &timeout) && timeout.Timeout():
		return &fault{http.StatusGatewayTimeout, reasonAppTimeout, "the application did not answer in time: " + err.Error()}
	}
	return &fault{http.StatusBadGateway, reasonAppFailed, "the application's answer failed: " + err.Error()}
}

func isWriteError(err error) bool {
	_, ok := errors.AsType[*http1.WriteError](err)
	return ok
}

// statusClientClosed is logged, never sent: nobody is there to read it.
const statusClientClosed = 499

// A bufferPool lends the copy buffers of httputil.ReverseProxy.
type bufferPool struct{ pool sync.Pool }

const copyBufferSize = 32 << 10

func (p *bufferPool) Get() []byte {
	if b, ok := p.pool.Get().(*[copyBufferSize]byte); ok {
		return b[:]
	}
	return make([]byte, copyBufferSize)
}

func (p *bufferPool) Put(b []byte) {
	if len(b) == copyBufferSize {
		p.pool.Put((*[copyBufferSize]byte)(b))
	}
}
