package proxy_test

import (
	"bytes"
	"crypto/tls"
	"io"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// An h2conn is an HTTP/2 connection driven frame by frame.
type h2conn struct {
	*tls.Conn
	*http2.Framer
	block bytes.Buffer
	enc   *hpack.Encoder
}

func (g *gate) h2conn(settings ...http2.Setting) *h2conn {
	g.t.Helper()
	c := g.dial(g.partner, func(c *tls.Config) { c.NextProtos = []string{"h2"} })
	g.t.Cleanup(func() { _ = c.Close() })
	h := &h2conn{Conn: c, Framer: http2.NewFramer(c, c)}
	h.enc = hpack.NewEncoder(&h.block)
	_, _ = io.WriteString(c, http2.ClientPreface)
	_ = h.WriteSettings(settings...)
	return h
}

func (h *h2conn) request(stream uint32, method string, end bool) {
	h.requestOf(stream, method, "/", end)
}

func (h *h2conn) requestOf(stream uint32, method, path string, end bool) {
	h.block.Reset()
	for _, f := range [][2]string{{":method", method}, {":scheme", "https"}, {":authority", "a.example"}, {":path", path}} {
		_ = h.enc.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
	}
	_ = h.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: h.block.Bytes(), EndHeaders: true, EndStream: end})
}
