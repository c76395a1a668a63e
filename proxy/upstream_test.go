package proxy_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/sidegate/sidegate/proxy"
)

// listenApp serves the application of g on ln instead of its own address.
func (g *gate) listenApp(ln net.Listener, upstream string, h2c bool) {
	g.t.Helper()
	srv := &http.Server{Handler: g.app, Protocols: new(http.Protocols)}
	srv.Protocols.SetHTTP1(!h2c)
	srv.Protocols.SetUnencryptedHTTP2(h2c)
	go func() { _ = srv.Serve(ln) }()
	g.t.Cleanup(func() { _ = srv.Close() })
	g.set.Upstream, _ = url.Parse(upstream)
}

// overH2C makes the application one that speaks HTTP/2.
func overH2C(g *gate) {
	g.t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		g.t.Fatal(err)
	}
	g.listenApp(ln, "h2c://"+ln.Addr().String(), true)
	g.set.HTTP2 = true
}

func TestUpstreams(t *testing.T) {
	tests := []struct {
		name  string
		open  func(g *gate)
		proto string
	}{
		{"over a unix socket", func(g *gate) {
			path := filepath.Join(g.t.TempDir(), "app.sock")
			ln, err := net.Listen("unix", path)
			if err != nil {
				g.t.Fatal(err)
			}
			g.listenApp(ln, "unix://"+path, false)
		}, "HTTP/1.1"},
		{"over h2c", overH2C, "HTTP/2.0"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			g := openGate(t, test.open)
			for _, h2 := range []bool{false, g.set.HTTP2} {
				status, body := g.get(g.client(g.partner, h2), "/")
				if status != 200 || !strings.Contains(body, partnerDN) {
					t.Errorf("answer %d %s", status, body)
				}
				if got := g.app.last(t).Proto; got != test.proto {
					t.Errorf("the application was spoken to in %s, want %s", got, test.proto)
				}
			}
		})
	}
}

func TestStreamsBothWaysWithTrailersAsGRPCDoes(t *testing.T) {
	g := openGate(t, func(g *gate) {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			g.t.Fatal(err)
		}
		g.listenApp(ln, "h2c://"+ln.Addr().String(), true)
		g.set.HTTP2 = true
	})
	g.app.respond(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "Grpc-Status")
		buf := make([]byte, 1)
		for {
			if _, err := io.ReadFull(r.Body, buf); err != nil {
				break
			}
			_, _ = w.Write(buf)
			_ = http.NewResponseController(w).Flush()
		}
		w.Header().Set("Grpc-Status", "0")
	})
	body, feed := io.Pipe()
	req, _ := http.NewRequest("POST", g.url("/svc/Method"), body)
	req.Header.Set("Te", "trailers")
	res, err := func() (*http.Response, error) {
		go func() { _, _ = feed.Write([]byte("a")) }()
		return g.client(g.partner, true).Do(req)
	}()
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	buf := make([]byte, 1)
	for _, want := range []string{"a", "b", "c"} { // each byte comes back before the next is sent
		if want != "a" {
			_, _ = feed.Write([]byte(want))
		}
		if _, err := io.ReadFull(res.Body, buf); err != nil || string(buf) != want {
			t.Fatalf("echo %q %v, want %q", buf, err, want)
		}
	}
	_ = feed.Close()
	if _, err := io.ReadAll(res.Body); err != nil {
		t.Fatal(err)
	}
	if got := res.Trailer.Get("Grpc-Status"); got != "0" {
		t.Errorf("Grpc-Status %q, want 0", got)
	}
}

func TestFailuresOfTheApplicationAreTold(t *testing.T) {
	dead, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = dead.Close()
	tests := []struct {
		name   string
		open   option
		status int
		reason string
	}{
		{"nobody listens", func(g *gate) { g.set.Upstream = &url.URL{Scheme: "http", Host: dead.Addr().String()} }, 503, "app-down"},
		{"no socket file", func(g *gate) { g.set.Upstream = &url.URL{Scheme: "unix", Path: "/nonexistent/app.sock"} }, 503, "app-down"},
		{"no answer in time", func(g *gate) {
			g.set.UpstreamTimeout = 50 * time.Millisecond
			g.app.respond(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		}, 504, "app-timeout"},
		{"it hangs up", func(g *gate) {
			g.app.respond(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
		}, 502, "app-failed"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			g := openGate(t, test.open)
			status, body := g.get(g.client(g.partner, false), "/")
			if want := fmt.Sprintf("%d %s: %s\n", test.status, http.StatusText(test.status), test.reason); status != test.status || body != want {
				t.Errorf("answer %d %q, want %q", status, body, want)
			}
			g.logs.wait(t, map[string]any{"msg": "request failed", "status": test.status, "reason": test.reason, "subject": partnerDN, "rule": "partner"})
		})
	}
}

func TestResponseThatBreaksOffIsNotPassedOffAsWhole(t *testing.T) {
	g := openGate(t)
	g.app.respond(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = w.Write([]byte("part"))
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	if res, err := g.client(g.partner, false).Get(g.url("/")); err == nil {
		defer res.Body.Close()
		if b, err := io.ReadAll(res.Body); err == nil {
			t.Errorf("the client read %q as a whole response", b)
		}
	}
	g.logs.wait(t, map[string]any{"reason": "app-failed", "bytesOut": 4})
}

func TestWebSocket(t *testing.T) {
	g := openGate(t, func(g *gate) { g.set.WebSocket = true })
	g.app.respond(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer c.CloseNow()
		_ = c.Write(r.Context(), websocket.MessageText, []byte(r.Header.Get("X-Client-Subject")))
		_, b, err := c.Read(r.Context())
		if err == nil {
			_ = c.Write(r.Context(), websocket.MessageText, b)
		}
		_ = c.Close(websocket.StatusNormalClosure, "bye")
	})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	c, _, err := websocket.Dial(ctx, "wss://"+g.addr+"/ws", &websocket.DialOptions{HTTPClient: g.client(g.partner, false)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	if _, b, err := c.Read(ctx); err != nil || string(b) != partnerDN {
		t.Fatalf("first message %q %v, want the Subject", b, err)
	}
	if err := c.Write(ctx, websocket.MessageText, []byte("echo")); err != nil {
		t.Fatal(err)
	}
	if _, b, err := c.Read(ctx); err != nil || string(b) != "echo" {
		t.Fatalf("echo %q %v", b, err)
	}
	if _, _, err := c.Read(ctx); websocket.CloseStatus(err) != websocket.StatusNormalClosure {
		t.Errorf("close: %v", err)
	}
	g.logs.wait(t, map[string]any{"status": 101, "path": "/ws", "reason": "ok"})
}

func TestConnectionEndsWhenTheApplicationDeclinesAnUpgrade(t *testing.T) {
	g := openGate(t, func(g *gate) { g.set.WebSocket = true })
	answer := g.raw("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n" +
		"POST /smuggled HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
	if !strings.HasPrefix(answer, "HTTP/1.1 200 ") || strings.Count(answer, "HTTP/1.1") != 1 {
		t.Errorf("answer %q", answer)
	}
	if n := len(g.app.requests()); n != 1 {
		t.Errorf("the application saw %d requests, want 1", n)
	}
}

func TestUpstreamIsReplacedWithoutARestart(t *testing.T) {
	g := openGate(t)
	c := g.client(g.partner, false)
	g.get(c, "/")
	second := newApp(t)
	second.respond(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "second") })
	g.configure(func(s *proxy.Settings) { s.Upstream = second.url })
	if _, body := g.get(c, "/"); body != "second" {
		t.Errorf("body %q, want the second application's", body)
	}
}

func TestWebSocketClosesOneSideAtATime(t *testing.T) {
	heard := make(chan string, 1)
	g := openGate(t, func(g *gate) { g.set.WebSocket = true }, rawApp(func(c net.Conn, in *bufio.Reader, _ string) {
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nBYE")
		_ = c.(*net.TCPConn).CloseWrite()
		last, _ := io.ReadAll(in)
		heard <- string(last)
	}))
	c := g.dial(g.partner, nil)
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	if all, err := io.ReadAll(c); err != nil || !strings.HasSuffix(string(all), "BYE") {
		t.Fatalf("the client read %q %v", all, err)
	}
	_, _ = io.WriteString(c, "GOOD BYE")
	_ = c.Close()
	if got := <-heard; got != "GOOD BYE" {
		t.Errorf("the application heard %q after its own last word", got)
	}
}
