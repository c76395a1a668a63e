package proxy_test

import (
	"bufio"
	"crypto/tls"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/net/http2"
)

// A server of HTTP/2 may reset a stream with a code that net/http takes for leave to
// send the request again, whatever its method.
func TestAPOSTIsNotSentTwiceOverHTTP2(t *testing.T) {
	for _, code := range []http2.ErrCode{http2.ErrCodeProtocol, http2.ErrCodeRefusedStream} {
		for _, body := range []string{"", "x"} {
			o := openOutlet(t, withHTTP2)
			var heads atomic.Int64
			o.configure(func(o *outlet) {
				o.set.Upstream.Host = wire(t, o.partner.tls, func(c *tls.Conn, in *bufio.Reader) { resetStreams(c, in, code, &heads) })
			})
			if status, text := o.postOnce(body); status != 502 || !strings.Contains(text, "server-failed") {
				t.Errorf("%v: POST = %d %q, want 502 server-failed", code, status, text)
			}
			if n := heads.Load(); n != 1 {
				t.Errorf("%v: the partner got the request %d times", code, n)
			}
		}
	}
}

// postOnce makes a POST that net/http would take for one that may be repeated.
func (o *outlet) postOnce(body string) (status int, text string) {
	o.t.Helper()
	r, _ := http.NewRequest("POST", o.url("/"), strings.NewReader(body))
	r.Header.Set("Idempotency-Key", "once")
	res, err := o.app.Do(r)
	if err != nil {
		o.t.Fatal(err)
	}
	return readAll(o.t, res)
}

// resetStreams is a server that resets each stream when its head is there.
func resetStreams(c *tls.Conn, in *bufio.Reader, code http2.ErrCode, heads *atomic.Int64) {
	if _, err := in.Discard(len(http2.ClientPreface)); err != nil {
		return
	}
	fr := http2.NewFramer(c, in)
	_ = fr.WriteSettings()
	for {
		f, err := fr.ReadFrame()
		if err != nil {
			return
		}
		switch f := f.(type) {
		case *http2.SettingsFrame:
			if !f.IsAck() {
				_ = fr.WriteSettingsAck()
			}
		case *http2.HeadersFrame:
			heads.Add(1)
			_ = fr.WriteRSTStream(f.StreamID, code)
		}
	}
}
