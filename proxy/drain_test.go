package proxy_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestDrainFinishesWhatIsUnderWay(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		t.Run(fmt.Sprintf("HTTP/2 %v", h2), func(t *testing.T) {
			g := openGate(t, func(g *gate) { g.set.HTTP2 = true })
			arrived, release := make(chan struct{}, 1), make(chan struct{})
			g.app.respond(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/slow" {
					arrived <- struct{}{}
					<-release
				}
				fmt.Fprint(w, "done")
			})
			slow := make(chan string, 1)
			go func() {
				res, err := g.client(g.partner, h2).Get(g.url("/slow"))
				if err != nil {
					slow <- err.Error()
					return
				}
				b, _ := io.ReadAll(res.Body)
				res.Body.Close()
				slow <- string(b)
			}()
			<-arrived

			drained := make(chan error, 1)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			go func() { drained <- g.in.Drain(ctx, 300*time.Millisecond) }()

			// During the delay new connections are served, and told to close.
			eventually(t, "Connection: close", func() bool {
				res, err := g.client(g.partner, false).Get(g.url("/"))
				if err != nil {
					t.Fatalf("a request during the delay failed: %v", err)
				}
				readAll(t, res)
				return res.Close
			}, func() string { return "" })

			close(release)
			if got := <-slow; got != "done" {
				t.Errorf("the request under way got %q", got)
			}
			if err := <-drained; err != nil {
				t.Errorf("drain: %v", err)
			}
			if _, err := g.client(g.partner, false).Get(g.url("/")); err == nil {
				t.Error("a connection was accepted after the drain")
			}
		})
	}
}

func TestDrainDoesNotWaitForEver(t *testing.T) {
	g := openGate(t)
	arrived := make(chan struct{}, 1)
	g.app.respond(func(_ http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-r.Context().Done()
	})
	c := g.dial(g.partner, nil)
	defer c.Close()
	fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	<-arrived
	idle := g.dial(g.partner, nil) // and one that has said nothing yet
	defer idle.Close()

	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := g.in.Drain(ctx, 0); err == nil {
		t.Error("drain says that all went well")
	}
	if b := mustEnd(t, c); strings.Contains(string(b), "200") {
		t.Errorf("answer %q", b)
	}
	mustEnd(t, idle)
}
