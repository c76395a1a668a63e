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
)

// An upstream is the way to the application: a pool of connections to one
// loopback address or unix socket.
type upstream struct {
	url            url.URL
	timeout        time.Duration
	connectTimeout time.Duration

	scheme, host string // of the requests sent
	transport    *http.Transport
}

// newUpstream returns the way to s.Upstream.
func newUpstream(s *Settings) *upstream {
	u := &upstream{
		url:            *s.Upstream,
		timeout:        s.UpstreamTimeout,
		connectTimeout: or(s.UpstreamConnectTimeout, 2*time.Second),
		scheme:         "http",
		host:           s.Upstream.Host,
	}
	dialer := &net.Dialer{Timeout: u.connectTimeout}
	u.transport = &http.Transport{
		Proxy:                 nil, // never through HTTP_PROXY
		DialContext:           dialer.DialContext,
		DisableCompression:    true, // the body is the application's, byte for byte
		MaxIdleConnsPerHost:   256,
		IdleConnTimeout:       4 * time.Second, // below the 5 s after which Node.js hangs up
		ResponseHeaderTimeout: u.timeout,
		ExpectContinueTimeout: time.Second,
		TLSNextProto:          map[string]func(string, *tls.Conn) http.RoundTripper{},
		Protocols:             new(http.Protocols),
	}
	switch s.Upstream.Scheme {
	case "h2c":
		u.transport.Protocols.SetUnencryptedHTTP2(true)
	case "unix":
		u.host = "localhost"
		path := s.Upstream.Path
		u.transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", path)
		}
		fallthrough
	default:
		u.transport.Protocols.SetHTTP1(true)
	}
	return u
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
	switch {
	case tooLarge:
		return &fault{http.StatusRequestEntityTooLarge, reasonBodyTooLarge, "the body is larger than limits.bodyBytes"}
	case errors.Is(err, errBodyStalled):
		return &fault{http.StatusRequestTimeout, reasonBodyStalled, err.Error()}
	case errors.Is(err, errBodyBroken):
		return &fault{http.StatusBadRequest, reasonBodyBroken, err.Error()}
	case errors.Is(err, context.Canceled):
		return &fault{statusClientClosed, reasonClientClosed, "the client went away before the response"}
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, os.ErrNotExist):
		return &fault{http.StatusServiceUnavailable, reasonAppDown, "the application does not listen: " + err.Error()}
	case errors.As(err, &timeout) && timeout.Timeout():
		return &fault{http.StatusGatewayTimeout, reasonAppTimeout, "the application did not answer in time: " + err.Error()}
	}
	return &fault{http.StatusBadGateway, reasonAppFailed, "the application's answer failed: " + err.Error()}
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
