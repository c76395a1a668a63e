package proxy_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sidegate/sidegate/proxy"
)

func withLimits(l proxy.Limits) option {
	return func(g *gate) { g.set.Limits, g.set.HTTP2 = l, true }
}

func TestLargeRequestsAreRefused(t *testing.T) {
	g := openGate(t, withLimits(proxy.Limits{HeaderBytes: 8 << 10, BodyBytes: 1000}))
	big := strings.Repeat("a", 12<<10)
	tests := []struct {
		name    string
		request string
		status  string
	}{
		{"a head above the limit", "GET / HTTP/1.1\r\nHost: a\r\nX-A: " + big + "\r\n\r\n", "431"},
		{"a head below it", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-A: " + big[:6<<10] + "\r\n\r\n", "200"},
		{"an announced body above the limit", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n", "413"},
		{"a chunked body above the limit", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n" + big[:2000] + "\r\n0\r\n\r\n", "413"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if answer := g.raw(test.request); !strings.HasPrefix(answer, "HTTP/1.1 "+test.status+" ") {
				t.Errorf("answer %.200q, want %s", answer, test.status)
			}
		})
	}
	// A refused body that never comes does not hold its connection.
	start := time.Now()
	g.raw("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n")
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("the connection of a refused body ended after %v", took)
	}

	res, err := g.client(g.partner, true).Post(g.url("/"), "", struct{ io.Reader }{strings.NewReader(big[:2000])})
	if err != nil {
		t.Fatal(err)
	}
	if status, _ := readAll(t, res); status != http.StatusRequestEntityTooLarge {
		t.Errorf("over HTTP/2: status %d, want 413", status)
	}
	g.logs.wait(t, map[string]any{"reason": "body-too-large", "proto": "HTTP/2.0"})
	g.logs.wait(t, map[string]any{"violation": "head-too-large"})
}

func TestSlowClientsAreCutOff(t *testing.T) {
	const moment = 100 * time.Millisecond
	g := openGate(t, withLimits(proxy.Limits{HandshakeTimeout: moment, HeaderTimeout: moment, IdleTimeout: moment, BodyIdleTimeout: moment}))

	t.Run("who never finishes the handshake", func(t *testing.T) {
		c, err := net.Dial("tcp", g.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		mustEnd(t, c)
		eventually(t, "the failure counted", func() bool { return g.counter("sidegate_handshake_failures_total", "timeout") == 1 }, func() string { return "" })
	})
	t.Run("who never finishes a head", func(t *testing.T) {
		c := g.dial(g.partner, nil)
		defer c.Close()
		fmt.Fprint(c, "GET / HTTP/1.1\r\nHost:")
		mustEnd(t, c)
	})
	t.Run("who says nothing after a response", func(t *testing.T) {
		c := g.dial(g.partner, nil)
		defer c.Close()
		fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		if b := mustEnd(t, c); !strings.HasPrefix(string(b), "HTTP/1.1 200 ") {
			t.Errorf("answer %q", b)
		}
	})
	t.Run("who stops in the middle of a body", func(t *testing.T) {
		c := g.dial(g.partner, nil)
		defer c.Close()
		fmt.Fprint(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf")
		g.app.respond(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
		if b := mustEnd(t, c); !strings.Contains(string(b), "408 Request Timeout: body-stalled") {
			t.Errorf("answer %q", b)
		}
	})
	t.Run("who does not read the response", func(t *testing.T) {
		ended := make(chan struct{})
		g.app.respond(func(w http.ResponseWriter, r *http.Request) {
			defer close(ended)
			for {
				if _, err := w.Write(make([]byte, 64<<10)); err != nil {
					return
				}
			}
		})
		c := g.dial(g.partner, nil)
		defer c.Close()
		fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			t.Error("the application is still writing to a client that does not read")
		}
	})
}

// mustEnd reads until the gate ends the connection, within the test's patience.
func mustEnd(t *testing.T, c net.Conn) []byte {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	b, err := io.ReadAll(c)
	if ne, ok := err.(net.Error); ok && ne.Timeout() {
		t.Fatal("the connection is still open")
	}
	return b
}

// counter returns the value of the series of a counter that has the label value.
func (g *gate) counter(name, label string) float64 {
	g.t.Helper()
	sum := 0.0
	for labels, value := range g.series(name) {
		if strings.Contains(labels, `="`+label+`"`) {
			sum += value
		}
	}
	return sum
}

func TestSlowBodyThatMovesIsNotCutOff(t *testing.T) {
	g := openGate(t, withLimits(proxy.Limits{BodyIdleTimeout: 2 * time.Second, HeaderTimeout: 200 * time.Millisecond}))
	received := make(chan byte, 8)
	g.app.respond(func(w http.ResponseWriter, r *http.Request) {
		b := make([]byte, 1)
		for {
			if _, err := io.ReadFull(r.Body, b); err != nil {
				return
			}
			received <- b[0]
		}
	})
	body, feed := io.Pipe()
	go func() {
		defer feed.Close()
		tick := time.NewTicker(150 * time.Millisecond) // several times the header timeout in all
		defer tick.Stop()
		for range 4 {
			<-tick.C
			_, _ = feed.Write([]byte("x"))
		}
	}()
	res, err := g.client(g.partner, false).Post(g.url("/"), "", body)
	if err != nil {
		t.Fatal(err)
	}
	if status, _ := readAll(t, res); status != 200 || len(received) != 4 {
		t.Errorf("status %d, %d bytes arrived, want 200 and 4", status, len(received))
	}
}

func TestConnectionsAboveTheLimitAreClosed(t *testing.T) {
	g := openGate(t, withLimits(proxy.Limits{MaxConnections: 2}))
	first, second := g.dial(g.partner, nil), g.dial(g.partner, nil)
	defer second.Close()
	third, err := net.Dial("tcp", g.addr)
	if err != nil {
		t.Fatal(err)
	}
	mustEnd(t, third)
	third.Close()
	if n := g.counter("sidegate_handshake_failures_total", "too-many-connections"); n != 1 {
		t.Errorf("counted %v, want 1", n)
	}
	first.Close()
	eventually(t, "the place given back", func() bool {
		c, err := tls.Dial("tcp", g.addr, g.tlsFor(g.partner))
		if err != nil {
			return false
		}
		defer c.Close()
		fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
		b, _ := io.ReadAll(c)
		return strings.HasPrefix(string(b), "HTTP/1.1 200 ")
	}, func() string { return "" })
}

// It is the client that must not stall: an application may take its time, while
// the data waits.
func TestSlowApplicationIsNoStalledClient(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		g := openGate(t, withLimits(proxy.Limits{BodyIdleTimeout: 300 * time.Millisecond}))
		g.app.respond(func(w http.ResponseWriter, r *http.Request) {
			pause := time.NewTimer(900 * time.Millisecond)
			<-pause.C
			n, err := io.Copy(io.Discard, r.Body)
			fmt.Fprint(w, n, err)
		})
		body := strings.NewReader(strings.Repeat("x", 24<<20)) // more than all buffers on the way hold
		res, err := g.client(g.partner, h2).Post(g.url("/"), "", body)
		if err != nil {
			t.Fatal(err)
		}
		if status, text := readAll(t, res); status != 200 || text != fmt.Sprint(24<<20, error(nil)) {
			t.Errorf("HTTP/2 %v: answer %d %q, want the whole body received", h2, status, text)
		}
	}
}

func TestStallAfterTheResponseBeganIsTheClients(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		g := openGate(t, withLimits(proxy.Limits{BodyIdleTimeout: 200 * time.Millisecond}))
		g.app.respond(func(w http.ResponseWriter, r *http.Request) {
			_ = http.NewResponseController(w).EnableFullDuplex()
			_, _ = io.WriteString(w, "begun")
			_ = http.NewResponseController(w).Flush()
			_, _ = io.Copy(w, r.Body) // an echo, of a client that stops
		})
		body, feed := io.Pipe()
		go func() { _, _ = feed.Write([]byte("x")) }()
		res, err := g.client(g.partner, h2).Post(g.url("/"), "", body)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(res.Body); err == nil {
			t.Errorf("HTTP/2 %v: the broken response %q passed for a whole one", h2, b)
		}
		res.Body.Close()
		_ = feed.Close()
		g.logs.wait(t, map[string]any{"reason": "body-stalled"})
	}
}
