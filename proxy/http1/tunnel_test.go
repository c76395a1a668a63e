package http1

import (
	"bufio"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

const switching = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Y: z\r\n\r\n"

// A switched is a tunnel: its two ends and how it ended.
type switched struct {
	*Tunnel
	client, app  *peer
	in, out      int64 // bytes
	err          error
	done         chan struct{}
	call         *Call
	s            *Session
	connsForHTTP func() int
}

// tunnel switches protocols; the client has sent early bytes, the application too.
func tunnel(t *testing.T, early, first string, linger time.Duration) *switched {
	t.Helper()
	client, server := pair(t)
	w := agreed(t, client, server, early, first, linger)
	w.run(t)
	return w
}

// agreed is a tunnel that does not run yet.
func agreed(t *testing.T, client, server net.Conn, early, first string, linger time.Duration) *switched {
	t.Helper()
	app, over := make(chan *peer), make(chan struct{})
	a := serveApp(t, func(c *peer) {
		c.request()
		c.say("%s", switching+first)
		app <- c
		<-over
	})
	t.Cleanup(func() { close(over) })
	w := &switched{client: &peer{Conn: client, in: bufio.NewReader(client)}, done: make(chan struct{})}
	w.connsForHTTP = func() int { return len(a.idle) }
	w.s = NewSession(server)
	w.client.say("%s", "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n"+early)
	if err := w.s.Await(patience); err != nil {
		t.Fatal(err)
	}
	must[*Request](t)(w.s.Read(&testLimits))
	w.call = a.call(getHead)
	w.call.Upgrade = "websocket"
	if err := w.call.Do(); err != nil {
		t.Fatal(err)
	}
	w.Tunnel = w.s.Tunnel(w.call, linger)
	w.app = <-app
	return w
}

// run runs the tunnel, and reads the 101.
func (w *switched) run(t *testing.T) {
	t.Helper()
	w.start(t)
	w.client.hears(t, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Y: z\r\n\r\n")
}

func (w *switched) start(t *testing.T) {
	go func() {
		defer close(w.done)
		w.in, w.out, w.err = w.Run()
		if !w.cut && (w.call.buf != nil || w.s.out != nil) {
			t.Error("a tunnel, which may be idle for long, holds the buffers of the heads")
		}
		w.call.Finish()
		w.s.Close()
		if w.connsForHTTP() != 0 {
			t.Error("the connection is kept as if it were HTTP")
		}
	}()
}

func (w *switched) ended(t *testing.T) {
	t.Helper()
	within(t, "the tunnel ends", func() { <-w.done })
}

func (p *peer) hears(t *testing.T, want string) {
	t.Helper()
	b := make([]byte, len(want))
	if _, err := io.ReadFull(p.in, b); err != nil || string(b) != want {
		t.Errorf("read %q, %v, want %q", b, err, want)
	}
}

func closeSending(p *peer) { p.Conn.(*net.TCPConn).CloseWrite() }

func TestBytesGoBothWays(t *testing.T) {
	w := tunnel(t, "early", "first", patience)
	w.app.hears(t, "early")
	w.client.hears(t, "first")
	w.client.say("ping\n\x00")
	w.app.hears(t, "ping\n\x00")
	w.app.say("pong")
	w.client.hears(t, "pong")
	big := strings.Repeat("b", 10*bufferSize)
	go w.client.say("%s", big)
	w.app.hears(t, big)
	closeSending(w.client)
	closeSending(w.app)
	w.ended(t)
	if w.in != int64(11+len(big)) || w.out != 9 || w.err != nil {
		t.Errorf("%d bytes in, %d out, %v", w.in, w.out, w.err)
	}
}

func TestEachSideOfATunnelIsClosedOnItsOwn(t *testing.T) {
	t.Run("the client first", func(t *testing.T) {
		w := tunnel(t, "", "", patience)
		w.client.say("last")
		closeSending(w.client)
		if got := w.app.rest(); got != "last" {
			t.Errorf("the application reads %q", got)
		}
		w.app.say("answer")
		w.client.hears(t, "answer")
		closeSending(w.app)
		if got := w.client.rest(); got != "" {
			t.Errorf("then the client reads %q", got)
		}
		w.ended(t)
		if w.err != nil {
			t.Error(w.err)
		}
	})
	t.Run("the application first", func(t *testing.T) {
		w := tunnel(t, "", "", patience)
		w.app.say("last")
		closeSending(w.app)
		if got := w.client.rest(); got != "last" {
			t.Errorf("the client reads %q", got)
		}
		w.client.say("answer")
		w.app.hears(t, "answer")
		closeSending(w.client)
		w.ended(t)
		if w.err != nil {
			t.Error(w.err)
		}
	})
}

func TestAClientHasLimitedTimeToEnd(t *testing.T) {
	w := tunnel(t, "", "", 50*time.Millisecond)
	closeSending(w.app)
	w.ended(t)
	if w.err != nil {
		t.Error(w.err)
	}
}

// It has ended and does not read: no write to it may wait for ever.
func TestAnApplicationThatHasEndedCannotHoldUpATunnel(t *testing.T) {
	w := tunnel(t, "", "", 50*time.Millisecond)
	piece := make([]byte, 1<<20)
	for err := error(nil); err == nil; { // until all is full
		w.client.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
		_, err = w.client.Write(piece)
	}
	closeSending(w.app)
	w.ended(t)
}

func TestASideThatBreaksOffEndsBoth(t *testing.T) {
	reset := func(p *peer) {
		p.Conn.(*net.TCPConn).SetLinger(0)
		p.Close()
	}
	t.Run("the client", func(t *testing.T) {
		w := tunnel(t, "", "", patience)
		reset(w.client)
		w.ended(t)
		if w.err == nil || isTimeout(w.err) {
			t.Errorf("the reason is %v", w.err)
		}
	})
	t.Run("the application", func(t *testing.T) {
		w := tunnel(t, "", "", patience)
		reset(w.app)
		w.ended(t)
		if w.err == nil || isTimeout(w.err) || errors.Is(w.err, ErrInterrupted) {
			t.Errorf("the reason is %v", w.err)
		}
	})
	t.Run("who aborts it", func(t *testing.T) {
		w := tunnel(t, "", "", patience)
		w.call.Abort()
		w.ended(t)
	})
}

func TestAClientThatIsGoneBeforeTheSwitch(t *testing.T) {
	client, server := pair(t)
	w := agreed(t, client, server, "", "", 0)
	w.s.Conn.Close()
	_, _, err := w.Run()
	if _, ok := errors.AsType[*WriteError](err); !ok {
		t.Errorf("%v, want a WriteError", err)
	}
	w.call.Finish()
}
