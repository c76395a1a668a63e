//go:build linux

package http1

import (
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
	a.Dial = func() (net.Conn, error) {
		c, err := a.dial()
		return wrapped{c}, err
	}
	a.get()
	say <- true
	eventually(t, "the byte", a.idle[0].watch.Readable)
	if got, err := a.get(); got != "200 ok" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}
