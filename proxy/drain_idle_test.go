package proxy_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A draining gate tells when it has ended, and how.
type draining struct {
	t     *testing.T
	start time.Time
	done  chan error
}

func (g *gate) drain(patience, delay time.Duration) *draining {
	d := &draining{g.t, time.Now(), make(chan error, 1)}
	ctx, cancel := context.WithTimeout(g.t.Context(), patience)
	go func() {
		defer cancel()
		d.done <- g.in.Drain(ctx, delay)
	}()
	return d
}

// mustEnd waits for the end, in good time or not.
func (d *draining) mustEnd(within time.Duration, well bool) {
	d.t.Helper()
	select {
	case err := <-d.done:
		if took := time.Since(d.start); (err == nil) != well || took > within {
			d.t.Errorf("the drain took %v and ended with %v, want well: %v, within %v", took, err, well, within)
		}
	case <-time.After(20 * time.Second):
		d.t.Fatal("the drain never ends")
	}
}

func TestDrainClosesIdleConnections(t *testing.T) {
	const delay = 300 * time.Millisecond
	g := openGate(t)
	idle, fresh := g.caller(), g.caller()
	idle.mustCall(simpleGet, 200)
	d := g.drain(10*time.Second, delay)
	mustEnd(t, idle.conn)
	if took := time.Since(d.start); took < delay || took > delay+2*time.Second {
		t.Errorf("an idle connection was closed after %v, want at once after the delay of %v", took, delay)
	}
	g.in.CloseIdle() // a round that comes upon the fresh one for certain
	// Who has just connected is about to ask for something.
	if res, _ := fresh.call(simpleGet); res.StatusCode != 200 || !res.Close {
		t.Errorf("a connection without a request yet: %d, close %v; want 200 and a close", res.StatusCode, res.Close)
	}
	d.mustEnd(4*time.Second, true)
}

func TestDrainHasBusyConnectionsEndWithTheirResponse(t *testing.T) {
	for name, open := range map[string]option{"by the relay": func(*gate) {}, "by net/http": overH2C} {
		t.Run(name, func(t *testing.T) {
			g := openGate(t, open)
			arrived, release := make(chan struct{}), make(chan struct{})
			g.app.respond(func(w http.ResponseWriter, _ *http.Request) {
				close(arrived)
				<-release
				fmt.Fprint(w, "done")
			})
			c := g.caller()
			_, _ = io.WriteString(c.conn, simpleGet)
			<-arrived
			d := g.drain(10*time.Second, 0)
			g.waitRefused()
			close(release)
			res, err := http.ReadResponse(c.in, nil)
			if err != nil {
				t.Fatal(err)
			}
			if status, body := readAll(t, res); status != 200 || body != "done" || !res.Close {
				t.Errorf("%d %q, close %v; want the whole response, and a close", status, body, res.Close)
			}
			mustEnd(t, c.conn)
			d.mustEnd(4*time.Second, true)
		})
	}
}

// waitRefused waits until no connection is accepted.
func (g *gate) waitRefused() {
	g.t.Helper()
	eventually(g.t, "the end of accepting", func() bool {
		c, err := net.Dial("tcp", g.addr)
		if err == nil {
			c.Close()
		}
		return err != nil
	}, func() string { return "" })
}

func TestDrainEndsWebSocketsAtItsDeadline(t *testing.T) {
	const patience = 300 * time.Millisecond
	closed := make(chan struct{})
	g := openGate(t, func(g *gate) { g.set.WebSocket = true }, rawApp(func(c net.Conn, in *bufio.Reader, _ string) {
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
		_, _ = io.Copy(c, in)
		close(closed)
	}))
	c := g.caller()
	_, _ = io.WriteString(c.conn, "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	if head := readHead(c.in); !strings.HasPrefix(head, "HTTP/1.1 101 ") {
		t.Fatalf("answer %q", head)
	}
	d := g.drain(patience, 0)
	g.waitRefused()
	_, _ = io.WriteString(c.conn, "still there") // until then it goes on
	if b, err := c.in.Peek(11); string(b) != "still there" {
		t.Errorf("during the drain the client heard %q, %v", b, err)
	}
	mustEnd(t, c.conn)
	if took := time.Since(d.start); took < patience {
		t.Errorf("it was closed after %v, before the deadline of %v", took, patience)
	}
	within(t, 5*time.Second, closed, "the application's side is still open")
	d.mustEnd(patience+3*time.Second, false)
}
