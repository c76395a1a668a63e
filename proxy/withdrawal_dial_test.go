//go:build linux

package proxy_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"testing"
	"time"
)

// An application that cannot be reached, and does not refuse either, is no reason to
// keep a client waiting for its refusal.
func TestARequestThatIsWithdrawnBeforeTheApplicationIsReached(t *testing.T) {
	for name, h2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mute := fullListener(t)
			g := openGate(t, func(g *gate) {
				g.set.HTTP2, g.set.UpstreamConnectTimeout = true, time.Minute
				g.set.Upstream = &url.URL{Scheme: "http", Host: mute}
			})
			out := make(chan string, 1)
			go func() {
				res, err := g.client(g.partner, h2).Do(g.request("GET", "/"))
				if err != nil {
					out <- err.Error()
					return
				}
				b, err := io.ReadAll(res.Body)
				_ = res.Body.Close()
				out <- fmt.Sprint(res.StatusCode, " ", string(b), err)
			}()
			eventually(t, "it is under way", func() bool { return g.in.UnderWay() == 1 }, func() string { return fmt.Sprint(g.in.UnderWay()) })
			start := time.Now()
			g.exclude()
			if got, want := <-out, "403 403 Forbidden: subject-not-allowed\n<nil>"; got != want || time.Since(start) > soon {
				t.Errorf("after %v: %q, want %q", time.Since(start), got, want)
			}
			g.logs.wait(t, map[string]any{"reason": "subject-not-allowed", "status": http.StatusForbidden})
		})
	}
}

// fullListener returns the address of a socket that listens and whose queue is full: to
// connect to it takes until somebody gives up.
func fullListener(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	raw, err := ln.(*net.TCPListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if cerr := raw.Control(func(fd uintptr) { err = syscall.Listen(int(fd), 0) }); cerr != nil || err != nil {
		t.Fatal(cerr, err)
	}
	for range 10 {
		c, err := net.DialTimeout("tcp", ln.Addr().String(), 300*time.Millisecond)
		if err != nil {
			return ln.Addr().String()
		}
		t.Cleanup(func() { _ = c.Close() })
	}
	t.Fatal("the queue never fills")
	return ""
}
