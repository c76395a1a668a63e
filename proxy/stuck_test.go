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

	"golang.org/x/net/http2"

	"github.com/sidegate/sidegate/proxy"
	"github.com/sidegate/sidegate/proxy/policy"
)

// net/url writes a path with a byte such as '"' anew, with a slash where %2F was.
func TestThePathThatIsDecidedOnIsTheOneThatIsForwarded(t *testing.T) {
	g := openGate(t, func(g *gate) {
		g.set.HTTP2 = true
		g.set.Policy = &policy.Policy{Rules: []policy.Rule{{Name: "r", Paths: []string{"/public/*"}}}}
	})
	for _, path := range []string{"/public/a%2fb", `/public%2fsecret"`, "/public/x%2fy|", "/public%2f.%2fx^"} {
		over2 := g.h2([][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", "a.example"}, {":path", path}}, "")
		over1 := g.raw("GET " + path + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
		if over2 != "403" || !strings.HasPrefix(over1, "HTTP/1.1 403 ") {
			t.Errorf("%q: HTTP/2 %s, HTTP/1.1 %.12q, want 403", path, over2, over1)
		}
	}
	if n := len(g.app.requests()); n != 0 {
		t.Errorf("%d requests reached the application", n)
	}
}

// A window that is smaller than what net/http keeps in memory, or hardly larger,
// stops the response at any of the application's writes.
func TestSmallWindowDoesNotHoldTheApplication(t *testing.T) {
	pieces := "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("bb8\r\n"+strings.Repeat("a", 3000)+"\r\n", 12) + "0\r\n\r\n"
	for _, window := range []uint32{0, 4096, 5000, 8192, 12288} {
		t.Run(fmt.Sprint(window), func(t *testing.T) {
			t.Parallel()
			g := openGate(t, withLimits(proxy.Limits{BodyIdleTimeout: 200 * time.Millisecond}), rawApp(func(c net.Conn, in *bufio.Reader, _ string) {
				_, _ = io.WriteString(c, pieces)
				_, _ = in.ReadByte()
			}))
			h := g.h2conn(http2.Setting{ID: http2.SettingInitialWindowSize, Val: window})
			h.request(1, "GET", true)
			_ = h.SetDeadline(time.Now().Add(5 * time.Second))
			for {
				f, err := h.ReadFrame()
				if err != nil {
					t.Fatalf("the stream is still open: %v", err)
				}
				if _, reset := f.(*http2.RSTStreamFrame); reset {
					return
				}
			}
		})
	}
}

// Else the kubelet would end all that is under way, for the sake of a few.
func TestDrainIsNotHeldUpByClientsThatDoNotRead(t *testing.T) {
	for name, ask := range map[string]func(g *gate){
		"HTTP/1.1": func(g *gate) {
			c := g.dial(g.partner, nil)
			g.t.Cleanup(func() { _ = c.Close() })
			fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		},
		"HTTP/2": func(g *gate) {
			h := g.h2conn(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 30})
			_ = h.WriteWindowUpdate(0, 1<<30)
			h.request(1, "GET", true)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := openGate(t, withLimits(proxy.Limits{BodyIdleTimeout: 20 * time.Second}))
			var written atomic.Int64
			g.app.respond(func(w http.ResponseWriter, _ *http.Request) {
				for {
					n, err := w.Write(make([]byte, 16<<10))
					if written.Add(int64(n)); err != nil {
						return
					}
				}
			})
			for range 5 {
				ask(g)
			}
			last, still := int64(-1), 0
			eventually(t, "the clients' buffers full", func() bool {
				if now := written.Load(); now != last || now == 0 {
					last, still = now, 0
				}
				still++
				return still > 40 // a fifth of a second
			}, func() string { return fmt.Sprint(written.Load()) })
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			start := time.Now()
			if err := g.in.Drain(ctx, 0); err == nil || time.Since(start) > 3*time.Second {
				t.Errorf("drained after %v: %v, want an error soon after 200ms", time.Since(start), err)
			}
		})
	}
}

// A client of HTTP/2 that reads slowly says so, with window updates, until the end.
func TestDrainLetsSlowClientsReadTheirResponse(t *testing.T) {
	const size = 600 << 10
	g := openGate(t, withLimits(proxy.Limits{}))
	g.app.respond(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, size)) })
	h := g.h2conn(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 20})
	_ = h.NetConn().(*net.TCPConn).SetReadBuffer(32 << 10)
	_ = h.WriteWindowUpdate(0, 1<<20)
	h.request(1, "GET", true)
	drained := make(chan error, 1)
	pause := time.NewTicker(30 * time.Millisecond)
	defer pause.Stop()
	for got := 0; ; {
		f, err := h.ReadFrame()
		if err != nil {
			t.Fatalf("after %d bytes of %d: %v", got, size, err)
		}
		data, ok := f.(*http2.DataFrame)
		if !ok {
			continue
		}
		if got == 0 {
			go func() { drained <- g.in.Drain(context.Background(), 0) }()
		}
		got += len(data.Data())
		_ = h.WriteWindowUpdate(0, uint32(max(1, len(data.Data()))))
		if data.StreamEnded() {
			if got != size {
				t.Errorf("%d bytes, want %d", got, size)
			}
			break
		}
		<-pause.C
	}
	_ = h.Close()
	if err := <-drained; err != nil {
		t.Errorf("drain: %v", err)
	}
}
