package proxy_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

var failureBehaviours = []behaviour{
	{does: "nobody listens: 503", check: func(g *gate, w way) {
		g = openGate(g.t, func(g *gate) {
			ln, u := w.listen(g.t)
			_ = ln.Close()
			g.set.HTTP2, g.set.Upstream = true, u
		})
		mustFail(g, w, 503, "app-down")
	}},
	{does: "no answer in time: 504", check: func(g *gate, w way) {
		g = openGate(g.t, w.serve, func(g *gate) { g.set.UpstreamTimeout = 50 * time.Millisecond })
		g.app.respond(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		mustFail(g, w, 504, "app-timeout")
	}},
	{does: "it closes without an answer: 502", check: func(g *gate, w way) {
		mustFail(openGate(g.t, w.serveRaw(func(net.Conn, *bufio.Reader, string) {})), w, 502, "app-failed")
	}},
	{does: "it closes in the middle of a head: 502", where: toHTTP1, check: func(g *gate, w way) {
		for _, part := range []string{"H", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n", "HTTP/1.1 103 Early Hints\r\n\r\n"} {
			mustFail(openGate(g.t, w.answers(part)), w, 502, "app-failed")
		}
	}},
	{does: "it does not speak HTTP: 502", check: func(g *gate, w way) {
		for _, garbage := range []string{"SSH-2.0-OpenSSH_9.6\r\n", "\x15\x03\x01\x00\x02\x02\x46", "<html>hello</html>\r\n\r\n"} {
			mustFail(openGate(g.t, w.answers(garbage)), w, 502, "app-failed")
		}
	}},
	{does: "a response that breaks off is not passed off as whole", check: breaksOff},
	{does: "a response that ends with a reset is not passed off as whole", check: resets, where: toHTTP1},
	{does: "it dies in the middle of an upload whose client pauses: 502", check: diesDuringUpload,
		where: func(w way) bool { return w.h2 || toHTTP1(w) }}, // else net/http waits for the client, up to BodyIdleTimeout
	{does: "a GET survives that the application closes idle connections", check: idleConnectionsEnd, where: toHTTP1},
	{does: "a POST that may have been carried out is not sent again", check: postsAreNotRepeated, where: toHTTP1},
}

// answers makes an application that says this, whatever it is asked, and closes.
func (w way) answers(response string) option {
	return w.serveRaw(func(c net.Conn, _ *bufio.Reader, _ string) { _, _ = io.WriteString(c, response) })
}

func mustFail(g *gate, w way, status int, reason string) {
	g.t.Helper()
	want := fmt.Sprintf("%d %s: %s\n", status, http.StatusText(status), reason)
	if got, body := g.get(g.client(g.partner, w.h2), "/failing"); got != status || body != want {
		g.t.Errorf("answer %d %q, want %q", got, body, want)
	}
	g.logs.wait(g.t, map[string]any{"msg": "request failed", "status": status, "reason": reason, "rule": "partner", "path": "/failing"})
}

func breaksOff(g *gate, w way) {
	for _, length := range []string{"1000", ""} {
		g.app.respond(func(rw http.ResponseWriter, _ *http.Request) {
			if length != "" {
				rw.Header().Set("Content-Length", length)
			}
			_, _ = io.WriteString(rw, "part")
			_ = http.NewResponseController(rw).Flush()
			panic(http.ErrAbortHandler)
		})
		mustBeShort(g, w, length)
	}
}

func resets(g *gate, w way) {
	for _, head := range []string{"HTTP/1.0 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n"} {
		g := openGate(g.t, w.serveRaw(func(c net.Conn, _ *bufio.Reader, _ string) {
			_, _ = io.WriteString(c, head+"part")
			if tcp, ok := c.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0)
			}
		}))
		res, err := g.client(g.partner, w.h2).Get(g.url("/"))
		if err != nil {
			continue
		}
		b, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		// A unix socket knows no reset, and then the end of the connection is the end of the body.
		whole := w.app == "unix" && strings.HasPrefix(head, "HTTP/1.0")
		if err == nil && res.StatusCode == 200 && !whole {
			g.t.Errorf("%q: the client read %q as a whole response", head, b)
		}
	}
}

func mustBeShort(g *gate, w way, what string) {
	g.t.Helper()
	res, err := g.client(g.partner, w.h2).Get(g.url("/short"))
	if err == nil {
		defer res.Body.Close()
		var b []byte
		if b, err = io.ReadAll(res.Body); err == nil {
			g.t.Errorf("%q: the client read %q as a whole response", what, b)
		}
	}
	g.logs.wait(g.t, map[string]any{"reason": "app-failed", "path": "/short"})
}

func diesDuringUpload(g *gate, w way) {
	g = openGate(g.t, w.serveRaw(func(_ net.Conn, in *bufio.Reader, _ string) { _, _ = in.ReadByte() }))
	for _, length := range []int64{100_000, -1} {
		body, feed := io.Pipe()
		go func() { _, _ = io.WriteString(feed, "half") }()
		r := g.request("POST", "/")
		r.Body, r.ContentLength = body, length
		start := time.Now()
		res := w.roundTrip(g, r)
		if took := time.Since(start); res.StatusCode != 502 || took > 5*time.Second {
			g.t.Errorf("length %d: status %d after %v, want 502 at once", length, res.StatusCode, took)
		}
		_ = feed.Close()
	}
}

// once makes an application that answers the first request of each connection.
// It reads a second one and closes: so does a server that closes an idle
// connection at the very moment at which a request comes.
func (w way) once(posts *atomic.Int64) option {
	return w.serveRaw(func(c net.Conn, in *bufio.Reader, head string) {
		for first := true; head != ""; first, head = false, readHead(in) {
			if strings.HasPrefix(head, "POST") {
				posts.Add(1)
				_, _ = in.Discard(len("body"))
			}
			if !first {
				return
			}
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine")
		}
	})
}

func idleConnectionsEnd(g *gate, w way) {
	g = openGate(g.t, w.once(new(atomic.Int64)))
	c := g.client(g.partner, w.h2)
	for range 20 {
		if status, body := g.get(c, "/"); status != 200 || body != "fine" {
			g.t.Errorf("answer %d %q", status, body)
		}
	}
}

func postsAreNotRepeated(g *gate, w way) {
	var posts atomic.Int64
	g = openGate(g.t, w.once(&posts))
	c := g.client(g.partner, w.h2)
	for n := int64(1); n <= 5; n++ {
		g.get(c, "/")
		r := g.request("POST", "/")
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader("body")), 4
		res, err := c.Transport.RoundTrip(r)
		if err != nil {
			g.t.Fatal(err)
		}
		if status, _ := readAll(g.t, res); posts.Load() != n || status != 200 && status != 502 {
			g.t.Errorf("status %d; the application saw %d POSTs of %d", status, posts.Load(), n)
		}
	}
}

var departureBehaviours = []behaviour{
	{does: "a client goes away while the application thinks, and the application learns it", check: leavesWhileWaiting},
	{does: "a client goes away in the middle of a response, and the application learns it", check: leavesWhileReading},
	{does: "the rest of a response that nobody read is nobody else's response", check: restOfAResponse},
}

func leavesWhileWaiting(g *gate, w way) {
	g = openGate(g.t, w.serve) // the log is quiet about clients that go away often
	arrived, learned := make(chan struct{}), make(chan struct{})
	g.app.respond(func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
		close(learned)
	})
	ctx, cancel := context.WithCancel(g.t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	if _, err := g.client(g.partner, w.h2).Do(g.request("GET", "/left").WithContext(ctx)); err == nil {
		g.t.Error("the application answered")
	}
	within(g.t, 10*time.Second, learned, "the application still thinks")
	g.logs.wait(g.t, map[string]any{"reason": "client-closed", "path": "/left"})
}

func leavesWhileReading(g *gate, w way) {
	learned := make(chan struct{})
	g.app.respond(func(rw http.ResponseWriter, r *http.Request) {
		defer close(learned)
		for {
			if _, err := rw.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	})
	res := w.roundTrip(g, g.request("GET", "/"))
	_, _ = io.ReadFull(res.Body, make([]byte, 100_000))
	_ = res.Body.Close()
	within(g.t, 10*time.Second, learned, "the application still writes")
}

func restOfAResponse(g *gate, w way) {
	g.app.respond(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/next" {
			_, _ = io.WriteString(rw, "fine")
			return
		}
		rw.Header().Set("Content-Length", "1000000")
		_, _ = rw.Write([]byte(strings.Repeat("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nPOISON", 25_000)[:1_000_000]))
	})
	for range 3 {
		res := w.roundTrip(g, g.request("GET", "/"))
		_, _ = io.ReadFull(res.Body, make([]byte, 10))
		_ = res.Body.Close()
		for range 3 {
			if status, body := g.get(g.client(g.partner, w.h2), "/next"); status != 200 || body != "fine" {
				g.t.Errorf("the next answer is %d %.100q", status, body)
			}
		}
	}
}

// within waits until done is closed.
func within(t *testing.T, patience time.Duration, done <-chan struct{}, otherwise string) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(patience):
		t.Error(otherwise)
	}
}
