package proxy_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/sidegate/sidegate/proxy"
)

func TestConnectionsUnderFormerLimitsAreAskedToComeBack(t *testing.T) {
	g := openGate(t, overH2C)
	c := g.dial(g.partner, nil)
	defer c.Close()
	fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	in := newReaderOf(c)
	res, err := http.ReadResponse(in, nil)
	if err != nil || res.Close {
		t.Fatalf("first response: %v, close %v", err, res.Close)
	}
	readAll(t, res)

	g.configure(func(s *proxy.Settings) { s.Limits.IdleTimeout = time.Minute })
	g.get(g.client(g.partner, false), "/") // a connection under the new limits
	fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if res, err = http.ReadResponse(in, nil); err != nil {
		t.Fatalf("the old connection was dropped: %v", err)
	}
	if status, _ := readAll(t, res); status != 200 || !res.Close {
		t.Errorf("status %d, close %v; want 200 and a close", status, res.Close)
	}
}

// A handshake may begin before a change of limits or a drain and end after it.
func TestHandshakesThatStraddleAChange(t *testing.T) {
	t.Run("of limits are served under the new ones", func(t *testing.T) {
		g := openGate(t, overH2C)
		g.get(g.client(g.partner, false), "/")
		halves := make([]*halfway, 20)
		for i := range halves {
			halves[i] = g.halfway()
		}
		g.configure(func(s *proxy.Settings) { s.Limits.IdleTimeout = time.Minute })
		for _, h := range halves {
			g.get(g.client(g.partner, false), "/")
			if res := h.finish(); res == nil || res.StatusCode != 200 || res.Close {
				t.Fatalf("answer %v, want 200 and a connection that goes on", res)
			}
		}
	})
	t.Run("with a drain do not hold it up", func(t *testing.T) {
		g := openGate(t, overH2C)
		g.get(g.client(g.partner, false), "/")
		h := g.halfway()
		g.configure(func(s *proxy.Settings) { s.Limits.IdleTimeout = time.Minute })
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		drained := make(chan struct{})
		go func() { _ = g.in.Drain(ctx, 100*time.Millisecond); close(drained) }()
		eventually(t, "the end of accepting", func() bool {
			c, err := net.Dial("tcp", g.addr)
			if err == nil {
				c.Close()
			}
			return err != nil
		}, func() string { return "" })
		h.finish()
		select {
		case <-drained:
		case <-time.After(10 * time.Second):
			t.Error("the drain never ended")
		}
	})
}

// A halfway is a connection whose ClientHello is at the gate and whose
// handshake has not gone on.
type halfway struct {
	g       *gate
	conn    *tls.Conn
	release chan struct{}
	shaken  chan error
}

func (g *gate) halfway() *halfway {
	g.t.Helper()
	h := &halfway{g: g, release: make(chan struct{}), shaken: make(chan error, 1)}
	asked := make(chan struct{})
	cert := g.partner.TLS()
	cfg := g.tlsFor(g.partner)
	cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		close(asked) // so the gate has answered the ClientHello
		<-h.release
		return &cert, nil
	}
	raw, err := net.Dial("tcp", g.addr)
	if err != nil {
		g.t.Fatal(err)
	}
	_ = raw.SetDeadline(time.Now().Add(20 * time.Second))
	h.conn = tls.Client(raw, cfg)
	go func() { h.shaken <- h.conn.Handshake() }()
	<-asked
	g.t.Cleanup(func() { _ = h.conn.Close() })
	return h
}

// finish completes the handshake and makes a request; it returns the response, or
// nil if there is none.
func (h *halfway) finish() *http.Response {
	close(h.release)
	if err := <-h.shaken; err != nil {
		return nil
	}
	fmt.Fprint(h.conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	res, err := http.ReadResponse(newReaderOf(h.conn), nil)
	if err != nil {
		return nil
	}
	readAll(h.g.t, res)
	return res
}
