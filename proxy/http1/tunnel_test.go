package http1

import (
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
	client, app *peer
	in, out     int64
	err         error
	done        chan struct{}
	call        *Call
}

// tunnel switches protocols; the client has sent early bytes, the application too.
func tunnel(t *testing.T, early, first string, linger time.Duration) *switched {
	t.Helper()
	app, done := make(chan *peer), make(chan struct{})
	a := serveApp(t, func(c *peer) {
		c.request()
		c.say("%s", switching+first)
		app <- c
		<-done
	})
	s, _, client := heard(t, "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n"+early)
	c := a.call(getHead)
	c.Upgrade = "websocket"
	if err := c.Do(); err != nil {
		t.Fatal(err)
	}
	w := &switched{client: client, done: done, call: c}
	go func() {
		defer close(done)
		w.in, w.out, w.err = s.Switch(c, linger)
		if c.buf != nil || s.out != nil {
			t.Error("a tunnel, which may be idle for long, holds the buffers of the heads")
		}
		c.Finish()
		s.Close()
		if len(a.idle) != 0 {
			t.Error("the connection is kept as if it were HTTP")
		}
	}()
	head := "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Y: z\r\n\r\n"
	b := make([]byte, len(head))
	if _, err := io.ReadFull(client.in, b); err != nil || string(b) != head {
		t.Fatalf("the client reads %q, %v", b, err)
	}
	w.app = <-app
	return w
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
	s, _, _ := heard(t, getHead)
	c := callOn(strings.NewReader(switching), false)
	defer c.Finish()
	if err := c.Response.read(&c.in, false); err != nil {
		t.Fatal(err)
	}
	s.Conn.Close()
	_, _, err := s.Switch(c, 0)
	if _, ok := errors.AsType[*WriteError](err); !ok {
		t.Errorf("%v, want a WriteError", err)
	}
}
