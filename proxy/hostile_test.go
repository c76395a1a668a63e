package proxy_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/sidegate/sidegate/proxy"
	"github.com/sidegate/sidegate/proxy/policy"
)

// rawApp makes an application that speaks by hand: h gets each connection with
// the head of its first request read.
func rawApp(h func(c net.Conn, in *bufio.Reader, head string)) option {
	return func(g *gate) {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			g.t.Fatal(err)
		}
		g.t.Cleanup(func() { _ = ln.Close() })
		g.set.Upstream = &url.URL{Scheme: "http", Host: ln.Addr().String()}
		go func() {
			for {
				c, err := ln.Accept()
				if err != nil {
					return
				}
				go func() {
					defer c.Close()
					in := bufio.NewReader(c)
					h(c, in, readHead(in))
				}()
			}
		}()
	}
}

// readHead reads up to an empty line; it returns what there is at the end.
func readHead(in *bufio.Reader) string {
	var head strings.Builder
	for {
		line, err := in.ReadString('\n')
		head.WriteString(line)
		if err != nil || line == "\r\n" {
			return head.String()
		}
	}
}

func TestClientThatOpensNoWindowDoesNotHoldTheApplication(t *testing.T) {
	var open atomic.Int64
	g := openGate(t, withLimits(proxy.Limits{BodyIdleTimeout: 100 * time.Millisecond}))
	g.app.respond(func(w http.ResponseWriter, _ *http.Request) {
		open.Add(1)
		defer open.Add(-1)
		for range 1000 {
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	})
	h := g.h2conn(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
	go func() {
		for {
			if _, err := h.ReadFrame(); err != nil {
				return
			}
		}
	}()
	for i := range 20 {
		h.request(uint32(1+2*i), "GET", true)
	}
	eventually(t, "the requests at the application", func() bool { return len(g.app.requests()) == 20 }, func() string { return "" })
	eventually(t, "their end", func() bool { return open.Load() == 0 }, func() string { return fmt.Sprint(open.Load(), " are still held") })
}

func TestRefusedUpgradeEndsTheConnection(t *testing.T) {
	g := openGate(t, func(g *gate) {
		g.set.WebSocket = true
		g.set.Policy = &policy.Policy{Rules: []policy.Rule{{Name: "r", Paths: []string{"/ws"}}}}
	})
	answer := g.raw("GET /other HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n" +
		"POST /ws HTTP/1.1\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
	if !strings.HasPrefix(answer, "HTTP/1.1 403 ") || strings.Count(answer, "HTTP/1.1 ") != 1 {
		t.Errorf("answer %q, want one 403", answer)
	}
	if n := len(g.app.requests()); n != 0 {
		t.Errorf("the application saw %d requests behind a refused upgrade", n)
	}
}

func TestBodyOfAHEADResponseIsNobodyElsesResponse(t *testing.T) {
	g := openGate(t, rawApp(func(c net.Conn, in *bufio.Reader, head string) {
		for ; head != ""; head = readHead(in) {
			if strings.HasPrefix(head, "HEAD ") {
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 45\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nPOISON")
				continue
			}
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine")
		}
	}))
	var callers sync.WaitGroup
	for range 4 {
		client := g.client(g.partner, false)
		callers.Go(func() {
			for range 100 {
				if res, err := client.Head(g.url("/")); err == nil {
					res.Body.Close()
				}
				if _, body := g.get(client, "/"); body != "fine" {
					t.Errorf("a GET was answered %q", body)
					return
				}
			}
		})
	}
	callers.Wait()
}

func TestEarlyAnswerDoesNotWaitForTheBody(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		g := openGate(t, withLimits(proxy.Limits{BodyIdleTimeout: 15 * time.Second}), earlyApp())
		body, feed := io.Pipe() // one byte, and then the client waits for an answer
		go func() { _, _ = feed.Write([]byte("x")) }()
		start := time.Now()
		res, err := g.client(g.partner, h2).Post(g.url("/"), "", body)
		if err != nil {
			t.Fatal(err)
		}
		took := time.Since(start)
		t.Logf("HTTP/2 %v: answered after %v", h2, took)
		if res.StatusCode != 401 || took > 8*time.Second {
			t.Errorf("HTTP/2 %v: status %d after %v, want 401 at once", h2, res.StatusCode, took)
		}
		_ = feed.Close()
		res.Body.Close()
	}
}

func TestTooManyRequestsAtTheApplication(t *testing.T) {
	g := openGate(t, withLimits(proxy.Limits{MaxRequests: 1}))
	arrived, release := make(chan struct{}, 1), make(chan struct{})
	g.app.respond(func(http.ResponseWriter, *http.Request) {
		arrived <- struct{}{}
		<-release
	})
	go func() {
		if res, err := g.client(g.partner, false).Get(g.url("/")); err == nil {
			res.Body.Close()
		}
	}()
	<-arrived
	if status, body := g.get(g.client(g.partner, false), "/"); status != 503 || !strings.Contains(body, "overloaded") {
		t.Errorf("answer %d %q, want 503 overloaded", status, body)
	}
	close(release)
	g.app.respond(nil)
	eventually(t, "the place given back", func() bool { status, _ := g.get(g.client(g.partner, false), "/"); return status == 200 }, func() string { return "" })
}

func TestStatusThatHTTPDoesNotHave(t *testing.T) {
	for _, status := range []string{"000", "099", "999"} {
		g := openGate(t, rawApp(func(c net.Conn, _ *bufio.Reader, _ string) {
			_, _ = io.WriteString(c, "HTTP/1.1 "+status+" odd\r\nContent-Length: 0\r\n\r\n")
		}))
		if got, body := g.get(g.client(g.partner, false), "/"); got != 502 || !strings.Contains(body, "app-failed") {
			t.Errorf("status %s of the application: answer %d %q, want 502", status, got, body)
		}
	}
}

func TestWebSocketThatSpeaksEarlyAndOutlivesADrain(t *testing.T) {
	g := openGate(t, func(g *gate) { g.set.WebSocket = true }, rawApp(func(c net.Conn, in *bufio.Reader, _ string) {
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
		_, _ = io.Copy(c, in) // an echo
	}))
	c := g.dial(g.partner, nil)
	defer c.Close()
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nEARLY")
	in := bufio.NewReader(c)
	if head := readHead(in); !strings.HasPrefix(head, "HTTP/1.1 101 ") || strings.Contains(head, "close") {
		t.Fatalf("answer %q", head)
	}
	echo := func(want string) {
		t.Helper()
		b := make([]byte, len(want))
		if _, err := io.ReadFull(in, b); err != nil || string(b) != want {
			t.Fatalf("echo %q %v, want %q", b, err, want)
		}
	}
	echo("EARLY")

	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	drained := make(chan error, 1)
	go func() { drained <- g.in.Drain(ctx, 0) }()
	eventually(t, "the end of accepting", func() bool {
		probe, err := net.Dial("tcp", g.addr)
		if err == nil {
			probe.Close()
		}
		return err != nil
	}, func() string { return "" })
	_, _ = io.WriteString(c, "LATE")
	echo("LATE")
	_ = c.Close()
	if err := <-drained; err != nil {
		t.Errorf("drain: %v", err)
	}
}

func TestOverridesAreRemovedWhereRulesLookAtTheRequest(t *testing.T) {
	sent := []string{"X-HTTP-Method-Override", "X-Http-Method", "X_Original_URL", "X-Rewrite-Url"}
	always := []string{"Script_name", "Proxy", "Remote-User", "Content_length", "Transfer_encoding", "Path.Info"}
	for _, binds := range []bool{false, true} {
		g := openGate(t, func(g *gate) {
			if binds {
				g.set.Policy.Rules[0].Methods = []string{"GET"}
			}
		})
		req, _ := http.NewRequest("GET", g.url("/"), nil)
		for _, name := range append(sent, always...) {
			req.Header[name] = []string{forged}
		}
		res, err := g.client(g.partner, false).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_, body := readAll(t, res)
		want := len(sent)
		if binds {
			want = 0
		}
		if got := strings.Count(body, forged); got != want {
			t.Errorf("rules look at the request: %v; %d of the headers reached the application, want %d: %s", binds, got, want, body)
		}
	}
}

// earlyApp answers with 401 before it has read a body, and then reads it.
func earlyApp() option {
	return rawApp(func(c net.Conn, in *bufio.Reader, head string) {
		for ; head != ""; head = readHead(in) {
			_, _ = io.WriteString(c, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
			if !strings.HasPrefix(head, "GET ") {
				_, _ = io.Copy(io.Discard, in)
			}
		}
	})
}

func TestEarlyAnswerLeavesNoConnectionBehind(t *testing.T) {
	const moment = 200 * time.Millisecond
	g := openGate(t, withLimits(proxy.Limits{BodyIdleTimeout: moment, IdleTimeout: moment, HeaderTimeout: moment}), earlyApp())
	for range 20 {
		c := g.dial(g.partner, nil)
		defer c.Close()
		_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nx")
	}
	eventually(t, "the end of the connections", func() bool { return g.in.Connections() == 0 },
		func() string { return fmt.Sprint(g.in.Connections(), " are open") })
}

func TestEarlyAnswerSaysWhetherTheConnectionGoesOn(t *testing.T) {
	g := openGate(t, earlyApp())
	for range 10 {
		c := g.dial(g.partner, nil)
		in := bufio.NewReader(c)
		_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")
		var sending sync.WaitGroup
		sending.Go(func() {
			tick := time.NewTicker(10 * time.Millisecond) // the answer comes in the middle of the body
			defer tick.Stop()
			for range 10 {
				<-tick.C
				_, _ = io.WriteString(c, strings.Repeat("x", 10000))
			}
		})
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		sending.Wait()
		if !res.Close {
			_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			if _, err := http.ReadResponse(in, nil); err != nil {
				t.Errorf("a connection that was kept lost the next request: %v", err)
			}
		}
		c.Close()
	}
}

func TestExpectedBodyDoesNotDelayAnEarlyAnswer(t *testing.T) {
	g := openGate(t, withLimits(proxy.Limits{BodyIdleTimeout: 15 * time.Second}), earlyApp())
	c := g.dial(g.partner, nil)
	defer c.Close()
	start := time.Now()
	_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n")
	in := bufio.NewReader(c)
	head := readHead(in)
	if strings.HasPrefix(head, "HTTP/1.1 100 ") {
		t.Errorf("the application declines, and the client is told %q", head)
	}
	if !strings.HasPrefix(head, "HTTP/1.1 401 ") || time.Since(start) > 8*time.Second {
		t.Errorf("answer %q after %v", head, time.Since(start))
	}
}
