package http1

import (
	"testing"
	"time"
)

func TestAConnectionIsUsedAgain(t *testing.T) {
	for name, response := range map[string]string{
		"with a length":  ok,
		"with no bytes":  "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
		"chunked":        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: y\r\n\r\n",
		"204":            "HTTP/1.1 204 No Content\r\n\r\n",
		"304, announced": "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n",
		"behind a 103":   "HTTP/1.1 103 Early Hints\r\n\r\n" + ok,
		"behind a 100":   "HTTP/1.1 100 Continue\r\n\r\n" + ok,
	} {
		a := serveApp(t, answer(response))
		for range 3 {
			if _, err := a.get(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if n := a.dialled(); n != 1 {
			t.Errorf("%s: %d connections", name, n)
		}
	}
}

func TestAConnectionIsNotUsedAgain(t *testing.T) {
	for name, response := range map[string]string{
		"HTTP/1.0":             "HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok",
		"close":                "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: x, Close\r\n\r\nok",
		"204 with a length":    "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n",
		"204 in chunks":        "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n",
		"304 in chunks":        "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n",
		"too long":             ok + "!",
		"204 with content":     "HTTP/1.1 204 No Content\r\n\r\nok",
		"304 with content":     "HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\nok",
		"no bytes, with some":  "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nok",
		"an answer too many":   ok + ok,
		"a byte behind chunks": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n\n",
	} {
		a := serveApp(t, answer(response))
		for range 3 {
			if _, err := a.get(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if n := a.dialled(); n != 3 {
			t.Errorf("%s: %d connections", name, n)
		}
	}
}

func TestAfterHEADAConnectionIsNotUsedAgain(t *testing.T) {
	a := serveApp(t, answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"))
	for range 3 {
		c := a.call("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
		c.NoContent = true
		if got, err := outcome(c); got != "200 " || err != nil {
			t.Errorf("%q, %v", got, err)
		}
	}
	if n := a.dialled(); n != 3 {
		t.Errorf("%d connections", n)
	}
}

// What comes when nothing was asked must not be the answer to the next request.
func TestBytesUnaskedForEndAConnection(t *testing.T) {
	for name, more := range map[string]string{"content": "!", "a response": "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", "the end": ""} {
		say, said := make(chan bool), make(chan bool)
		a := serveApp(t, func(c *peer) {
			c.request()
			c.say(ok)
			if c.n == 0 {
				<-say
				c.say("%s", more)
				if more == "" {
					c.Close()
				}
				said <- true
			}
			c.rest()
		})
		a.get()
		say <- true
		<-said
		eventually(t, "the bytes arrive", func() bool { return a.idle[0].watch.Readable() })
		c := a.call(getHead)
		c.Again = false // so that only the look at the connection can save it
		if got, err := outcome(c); got != "200 ok" || err != nil || a.dialled() != 2 {
			t.Errorf("%s: %q, %v over %d connections", name, got, err, a.dialled())
		}
	}
}

func TestConnectionsAreIdleForALimitedTime(t *testing.T) {
	closed := make(chan time.Time, 1)
	a := serveApp(t, func(c *peer) {
		c.request()
		c.say(ok)
		c.rest()
		closed <- time.Now()
	})
	a.IdleTimeout = 50 * time.Millisecond
	a.get()
	start := time.Now()
	within(t, "the connection is closed", func() { <-closed })
	if d := time.Since(start); d < a.IdleTimeout*9/10 {
		t.Errorf("closed after %v", d)
	}
	eventually(t, "the pool is empty", func() bool {
		a.Upstream.mu.Lock()
		defer a.Upstream.mu.Unlock()
		return len(a.idle) == 0
	})
	a.get() // and the timer runs again
	within(t, "the next connection is closed", func() { <-closed })
}

func TestEachConnectionIsIdleForALimitedTime(t *testing.T) {
	closed := make(chan int, 2)
	a := serveApp(t, func(c *peer) {
		c.request()
		c.say("%s", ok)
		c.rest()
		closed <- c.n
	})
	a.IdleTimeout = 50 * time.Millisecond
	late := a.call(getHead)
	if err := late.Do(); err != nil {
		t.Fatal(err)
	}
	readAll(late)
	a.get()
	time.AfterFunc(a.IdleTimeout/2, late.Finish)
	within(t, "both are closed", func() {
		if first, second := <-closed, <-closed; first != 1 || second != 0 {
			t.Errorf("first %d was closed, then %d", first, second)
		}
	})
}

// The sweep may come late; an old connection is not taken all the same.
func TestAnOldConnectionIsNotTaken(t *testing.T) {
	a := serveApp(t, answer(ok))
	a.get()
	a.idle[0].since = time.Now().Add(-a.IdleTimeout)
	if a.get(); a.dialled() != 2 {
		t.Errorf("%d connections", a.dialled())
	}
}

func TestOnlySoManyConnectionsAreIdle(t *testing.T) {
	a := serveApp(t, answer(ok))
	a.MaxIdle = 2
	var calls []*Call
	for range 4 {
		c := a.call(getHead)
		if err := c.Do(); err != nil {
			t.Fatal(err)
		}
		readAll(c)
		calls = append(calls, c)
	}
	for _, c := range calls {
		c.Finish()
	}
	if len(a.idle) != 2 {
		t.Errorf("%d connections are kept", len(a.idle))
	}
}

func TestAClosedUpstreamKeepsNothing(t *testing.T) {
	a := serveApp(t, answer(ok))
	a.get()
	c := a.call(getHead)
	if err := c.Do(); err != nil {
		t.Fatal(err)
	}
	readAll(c)
	a.Close()
	c.Finish() // the cleanup sees that it was closed
	if len(a.idle) != 0 {
		t.Errorf("%d connections are kept", len(a.idle))
	}
}
