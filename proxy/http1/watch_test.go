//go:build linux

package http1

import (
	"context"
	"io"
	"net"
	"syscall"
	"testing"
)

func TestAWatchSeesWithoutReading(t *testing.T) {
	client, server := pair(t)
	var w Watch
	w.Of(server.(syscall.Conn))
	if w.Readable() || w.Gone() {
		t.Error("it sees something where there is nothing")
	}
	client.Write([]byte("x"))
	eventually(t, "the byte", w.Readable)
	if w.Gone() {
		t.Error("a byte is not the end")
	}
	client.(*net.TCPConn).CloseWrite()
	eventually(t, "the end behind the byte", w.Gone)
	b := make([]byte, 2)
	if n, err := server.Read(b); n != 1 || err != nil {
		t.Errorf("then there are %d bytes to read, %v", n, err)
	}
	server.Close()
	if !w.Readable() || !w.Gone() {
		t.Error("a closed socket is as good as gone")
	}
}

func TestAWatchOfNothingSeesNothing(t *testing.T) {
	if w := new(Watch); w.Readable() || w.Gone() {
		t.Error("it sees something")
	}
}

func TestLookingDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	_, server := pair(t)
	var w Watch
	w.Of(server.(syscall.Conn))
	if n := testing.AllocsPerRun(100, func() { w.Readable() }); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

// A wrapped connection has its socket below it, as TLS does.
type wrapped struct{ net.Conn }

func (w wrapped) NetConn() net.Conn { return w.Conn }

func TestTheSocketBelowIsWatched(t *testing.T) {
	say := make(chan bool)
	a := serveApp(t, func(c *peer) {
		c.request()
		c.say("%s", ok)
		if c.n == 0 {
			<-say
			c.say("!")
		}
		c.rest()
	})
	a.Dial = func(ctx context.Context) (net.Conn, error) {
		c, err := a.dial(ctx)
		return wrapped{c}, err
	}
	a.get()
	say <- true
	eventually(t, "the byte", a.idle[0].watch.Readable)
	if got, err := a.get(); got != "200 ok" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// A tryConn is a connection whose socket can be read from without waiting.
type tryConn struct {
	net.Conn
	socket Watch
}

func (c *tryConn) TryRead(p []byte) (int, error) { return c.socket.TryRead(p) }

func TestContentThatHasArrivedGoesWithTheHead(t *testing.T) {
	client, server := pair(t)
	c := &tryConn{Conn: server}
	c.socket.Of(server.(*net.TCPConn))
	s := NewSession(c)
	defer s.Close()
	_, _ = io.WriteString(client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc")
	if err := s.Await(patience); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Read(&testLimits); err != nil {
		t.Fatal(err)
	}
	out, all, err := s.AppendEarly(make([]byte, 0, 100))
	if string(out) != "abc" || all || err != nil {
		t.Fatalf("%q, %v, %v: want what has arrived, without waiting for more", out, all, err)
	}
	_, _ = io.WriteString(client, "defghi"+getHead)
	eventually(t, "the rest", c.socket.Readable)
	out, all, err = s.AppendEarly(out)
	if string(out) != "abcdefghi" || !all || err != nil || !s.ContentDone() {
		t.Errorf("%q, %v, %v: want all of it", out, all, err)
	}
}

func TestNothingToReadIsNotTheEnd(t *testing.T) {
	client, server := pair(t)
	var w Watch
	if _, err := w.TryRead(make([]byte, 1)); err != ErrNothingYet {
		t.Errorf("a Watch of nothing: %v", err)
	}
	w.Of(server.(*net.TCPConn))
	for range 2 {
		if n, err := w.TryRead(make([]byte, 10)); n != 0 || err != ErrNothingYet {
			t.Errorf("%d, %v, want %v", n, err, ErrNothingYet)
		}
	}
	_ = client.Close() // the end is for a Read that waits
	eventually(t, "the end", w.Readable)
	if n, err := w.TryRead(make([]byte, 10)); n != 0 || err != ErrNothingYet {
		t.Errorf("at the end: %d, %v, want %v", n, err, ErrNothingYet)
	}
	if _, err := server.Read(make([]byte, 10)); err != io.EOF {
		t.Errorf("a Read that waits: %v, want %v", err, io.EOF)
	}
}
