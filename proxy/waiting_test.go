package proxy_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// A thinker is an application that answers when it is told to. It says when a
// request has come and when its connection is closed.
type thinker struct {
	arrived, answer, closed chan struct{}
}

func newThinker() *thinker {
	return &thinker{make(chan struct{}), make(chan struct{}), make(chan struct{})}
}

func (a *thinker) serve(c net.Conn, in *bufio.Reader, _ string) {
	close(a.arrived)
	go func() {
		select {
		case <-a.answer:
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nanswer")
		case <-a.closed:
		}
	}()
	_, _ = in.ReadByte()
	close(a.closed)
}

// An application that thinks for a client that has gone does not do so for long.
func TestAClientThatGoesAwayFreesTheApplication(t *testing.T) {
	t.Parallel()
	for _, way := range []struct {
		name string
		h2   bool
		ends func(c net.Conn) // nil: an HTTP/2 stream is reset
	}{
		{"over HTTP/1.1", false, func(c net.Conn) { _ = c.Close() }},
		{"with a reset over HTTP/1.1", false, func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0); _ = c.Close() }},
		{"over HTTP/2", true, nil},
	} {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			app := newThinker()
			g := openGate(t, rawApp(app.serve), func(g *gate) { g.set.HTTP2 = way.h2 })
			var leave func()
			if way.h2 {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				leave = cancel
				go func() { _, _ = g.client(g.partner, true).Do(g.request("GET", "/").WithContext(ctx)) }()
			} else {
				c := g.dial(g.partner, nil)
				fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
				leave = func() { way.ends(c.NetConn()) }
			}
			<-app.arrived
			leave()
			within(t, 3*time.Second, app.closed, "the application still thinks for a client that has gone")
			g.logs.wait(t, map[string]any{"reason": "client-closed"})
		})
	}
}

// Some clients say that they will send no more, and wait for the answer: that is
// not to go away, if the answer comes soon. The patrol comes by twice a second;
// one of the clients meets it.
func TestAClientThatOnlyStopsSendingGetsItsAnswer(t *testing.T) {
	t.Parallel()
	const soon, apart, count = 300 * time.Millisecond, 100 * time.Millisecond, 8
	g := openGate(t, rawApp(func(c net.Conn, in *bufio.Reader, _ string) {
		<-time.After(soon)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nanswer")
		_, _ = in.ReadByte()
	}))
	var clients sync.WaitGroup
	for i := range count {
		c := g.dial(g.partner, nil)
		clients.Go(func() {
			defer c.Close()
			<-time.After(time.Duration(i) * apart)
			_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			_ = c.NetConn().(*net.TCPConn).CloseWrite()
			if got, _ := io.ReadAll(c); !strings.HasSuffix(string(got), "\r\n\r\nanswer") {
				t.Errorf("client %d got %q", i, got)
			}
		})
	}
	clients.Wait()
}

func TestAWebSocketThatIsClosedOnOneSideGoesOn(t *testing.T) {
	t.Parallel()
	const patrols = 1200 * time.Millisecond // two of them come by
	heard := make(chan string, 1)
	g := openGate(t, func(g *gate) { g.set.WebSocket = true }, rawApp(func(c net.Conn, in *bufio.Reader, _ string) {
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nHELLO")
		said, _ := io.ReadAll(in)
		heard <- string(said)
		<-time.After(patrols)
		_, _ = io.WriteString(c, " GOOD BYE")
	}))
	c := g.dial(g.partner, nil)
	defer c.Close()
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	in := bufio.NewReader(c)
	if head := readHead(in); !strings.HasPrefix(head, "HTTP/1.1 101 ") {
		t.Fatalf("answer %q", head)
	}
	_, _ = io.WriteString(c, "THAT IS ALL")
	_ = c.CloseWrite()
	_ = c.NetConn().(*net.TCPConn).CloseWrite()
	if got := <-heard; got != "THAT IS ALL" {
		t.Errorf("the application heard %q", got)
	}
	if rest, err := io.ReadAll(in); string(rest) != "HELLO GOOD BYE" || err != nil {
		t.Errorf("the client heard %q, %v", rest, err)
	}
}
