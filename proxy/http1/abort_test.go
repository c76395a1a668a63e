package http1

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// phases are applications that stop in one phase of an exchange, and tell so.
var phases = map[string]func(c *peer, reached func()){
	"before the head": func(c *peer, reached func()) { c.request(); reached(); c.rest() },
	"within the head": func(c *peer, reached func()) { c.request(); c.say("HTTP/1.1 200 OK\r\nX"); reached(); c.rest() },
	"behind a 103":    func(c *peer, reached func()) { c.request(); c.say("HTTP/1.1 103 x\r\n\r\n"); reached(); c.rest() },
	"behind the head": func(c *peer, reached func()) { c.request(); c.say("HTTP/1.1 200 OK\r\n\r\n"); reached(); c.rest() },
	"within a chunk": func(c *peer, reached func()) {
		c.request()
		c.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc")
		reached()
		c.rest()
	},
	"during an upload": func(c *peer, reached func()) { c.in.ReadString('\n'); reached(); c.rest() },
}

func TestAbortEndsEveryPhase(t *testing.T) {
	for name, phase := range phases {
		reached := make(chan bool, 1)
		a := serveApp(t, func(c *peer) { phase(c, func() { reached <- true }) })
		c := a.call(getHead)
		if name == "during an upload" {
			c = a.post(&pieces{list: []string{"abc"}, pauses: true}, true)
		}
		var aborted sync.WaitGroup
		aborted.Go(func() { <-reached; c.Abort() })
		within(t, name, func() {
			err := c.Do()
			if err == nil {
				_, err = readAll(c)
			}
			if !errors.Is(err, ErrAborted) {
				t.Errorf("%s: %v, want %v", name, err, ErrAborted)
			}
		})
		aborted.Wait()
		c.Finish()
		if len(a.idle) != 0 {
			t.Errorf("%s: the connection is kept", name)
		}
	}
}

// What listens may take its time to accept.
func TestAbortEndsADial(t *testing.T) {
	u := Upstream{Dial: func(ctx context.Context) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	c := u.NewCall()
	defer c.Finish()
	var aborted sync.WaitGroup
	aborted.Go(c.Abort)
	within(t, "a dial", func() {
		if err := c.Do(); !errors.Is(err, ErrAborted) {
			t.Errorf("%v, want %v", err, ErrAborted)
		}
	})
	aborted.Wait()
}

func TestAbortBeforeTheConnection(t *testing.T) {
	a := serveApp(t, answer(ok))
	c := a.call(getHead)
	a.Dial = func(ctx context.Context) (net.Conn, error) { c.Abort(); return a.dial(ctx) }
	if got, err := outcome(c); !errors.Is(err, ErrAborted) {
		t.Errorf("%q, %v", got, err)
	}
	a.Dial = a.dial
	if got, err := a.get(); got != "200 ok" || err != nil {
		t.Errorf("the next call: %q, %v", got, err)
	}
}

func TestAbortAfterTheAnswerGivesUpTheConnection(t *testing.T) {
	a := serveApp(t, answer(ok))
	c := a.call(getHead)
	if err := c.Do(); err != nil {
		t.Fatal(err)
	}
	readAll(c)
	c.Abort()
	c.Finish()
	if len(a.idle) != 0 {
		t.Error("the connection is kept")
	}
}

// Many exchanges at once, of which many fail in some way. Whatever a Call
// returns as an answer must be the answer to its own request.
func TestManyCallsAtOnce(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Run("calls", func(t *testing.T) {
		a := serveApp(t, moody)
		a.HeaderTimeout, a.IdleTimeout, a.MaxIdle = 30*time.Millisecond, 20*time.Millisecond, 5
		var running sync.WaitGroup
		for n := range 16 {
			running.Go(func() {
				for i := range 60 {
					tryMoody(t, a, fmt.Sprintf("%d.%d", n, i))
				}
			})
		}
		within(t, "all calls", running.Wait)
	})
	eventually(t, "goroutines remain", func() bool { return runtime.NumGoroutine() <= before })
}

// moody is an application in changing moods.
func moody(c *peer) {
	for {
		req, content, err := c.request()
		if err != nil {
			return
		}
		answer := req.URL.Path + content
		switch rand.IntN(12) {
		case 0:
			return
		case 1:
			c.say("HTTP/1.1 200 OK\r\nContent-Le")
			return
		case 2:
			c.rest() // nobody waits for the answer any more, but here it comes
		case 3:
			c.say("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n%s", answer)
			return
		case 4:
			c.say("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%sHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", len(answer), answer)
			continue
		case 5:
			c.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", len(answer), answer)
		case 6:
			c.say("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(answer), answer)
			return // the connection looks as if it were kept
		}
		c.say("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(answer), answer)
	}
}

func tryMoody(t *testing.T, a *application, id string) {
	var c *Call
	want, pauses := "200 /"+id, rand.IntN(8) == 0
	if rand.IntN(2) == 0 {
		c = a.call("GET /" + id + " HTTP/1.1\r\nHost: a\r\n\r\n")
	} else {
		c = a.call("POST /" + id + " HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
		c.Again, c.Chunked, c.Content = false, true, &pieces{list: []string{"a", id}, pauses: pauses}
		want += "a" + id
	}
	aborted := make(chan struct{})
	if pauses || rand.IntN(8) == 0 {
		time.AfterFunc(rand.N(10*time.Millisecond), func() { defer close(aborted); c.Abort() })
	} else {
		close(aborted)
	}
	err := c.Do()
	if err == nil {
		var got string
		got, err = readAll(c)
		got = fmt.Sprint(c.Response.Status, " ", got)
		if err == nil && got != want {
			t.Errorf("%s was answered %q", id, got)
		}
	}
	if err != nil && strings.Contains(err.Error(), "evil") {
		t.Errorf("%s: %v", id, err)
	}
	<-aborted
	c.Finish()
}
