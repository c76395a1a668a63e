package http1

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// answer answers every request of a connection in the same way.
func answer(response string) func(*peer) {
	return func(c *peer) {
		for {
			if _, _, err := c.request(); err != nil {
				return
			}
			c.say("%s", response)
		}
	}
}

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

// Between the look at a connection and the request on it the application may
// close it. It does so here when it sees the request.
func TestAClosedConnectionIsReplacedWhereThatDoesNoHarm(t *testing.T) {
	for _, again := range []bool{true, false} {
		a := serveApp(t, func(c *peer) {
			c.request()
			c.say(ok)
			if _, _, err := c.request(); err == nil && c.n > 0 {
				c.say(ok)
			}
		})
		a.get()
		c := a.call(getHead)
		c.Again = again
		got, err := outcome(c)
		if again && (got != "200 ok" || err != nil || a.dialled() != 2) {
			t.Errorf("GET: %q, %v, %d connections", got, err, a.dialled())
		}
		if !again && (!errors.Is(err, ErrNoAnswer) || a.dialled() != 1) {
			t.Errorf("POST: %q, %v, %d connections", got, err, a.dialled())
		}
	}
}

// A deafConn fails its writes before a byte has left.
type deafConn struct{ net.Conn }

func (deafConn) Write([]byte) (int, error) { return 0, errors.New("deaf") }

func TestWhatWasNotSentIsSentAgain(t *testing.T) {
	a := serveApp(t, answer(ok))
	a.get()
	a.idle[0].Conn = deafConn{a.idle[0].Conn}
	c := a.call("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n")
	c.Again, c.Content = false, &pieces{list: []string{"a", "b"}}
	if got, err := outcome(c); got != "200 ok" || err != nil || a.dialled() != 2 {
		t.Errorf("%q, %v, %d connections", got, err, a.dialled())
	}
}

func TestNothingIsSentAgainWhenTheApplicationHasSaidSomething(t *testing.T) {
	for _, beginning := range []string{"H", "HTTP/1.1 103 Early Hints\r\n\r\n"} {
		a := serveApp(t, func(c *peer) {
			c.request()
			c.say(ok)
			c.request()
			c.say(beginning)
		})
		a.get()
		if got, err := a.get(); err == nil || a.dialled() != 1 {
			t.Errorf("after %q: %q, %v, %d connections", beginning, got, err, a.dialled())
		}
	}
}

func TestAnswersThatBreakOff(t *testing.T) {
	for response, want := range map[string]error{
		"":                    ErrNoAnswer,
		"HTTP/1.1 200 OK\r\n": io.ErrUnexpectedEOF,
		"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx":               io.ErrUnexpectedEOF,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx": io.ErrUnexpectedEOF,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n":  io.ErrUnexpectedEOF,
		"HTTP/1.1 103 Early Hints\r\n\r\n":                            ErrNoAnswer,
	} {
		a := serveApp(t, func(c *peer) { c.request(); c.say("%s", response) })
		if _, err := a.get(); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", response, err, want)
		}
	}
}

func TestInterimResponsesAreLimited(t *testing.T) {
	for _, n := range []int{maxInterim, maxInterim + 1} {
		a := serveApp(t, answer(strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", n)+ok))
		passed := 0
		c := a.call(getHead)
		c.Interim = func(r *Response) error { passed++; return nil }
		_, err := outcome(c)
		if _, refused := errors.AsType[*Violation](err); refused != (n > maxInterim) || passed != n {
			t.Errorf("%d interim responses: %d passed, %v", n, passed, err)
		}
	}
}

func TestSwitchingProtocolsUnaskedIsRefused(t *testing.T) {
	for asked, upgrade := range map[string]string{"": "Upgrade: websocket\r\n", "websocket": "Upgrade: h2c\r\n", "websocket ": ""} {
		a := serveApp(t, answer("HTTP/1.1 101 Switching Protocols\r\n"+upgrade+"\r\n"))
		c := a.call(getHead)
		c.Upgrade = strings.TrimSpace(asked)
		if _, err := outcome(c); err == nil || !strings.Contains(err.Error(), BadStatusLine) {
			t.Errorf("%q, %q: %v", asked, upgrade, err)
		}
	}
}

func TestSwitchingProtocolsWithContentUnderWayIsRefused(t *testing.T) {
	a := serveApp(t, func(c *peer) { c.in.ReadString('\n'); c.say("HTTP/1.1 101 x\r\nUpgrade: websocket\r\n\r\n"); c.rest() })
	c := a.post(&pieces{pauses: true}, true)
	c.Upgrade = "websocket"
	if _, err := outcome(c); err == nil || !strings.Contains(err.Error(), BadStatusLine) {
		t.Errorf("%v", err)
	}
}

// The head shares its buffer with the response. It must be whole when it is sent
// again, over a connection that is new.
func TestTheHeadIsWholeWhenItIsSentAgain(t *testing.T) {
	for _, size := range []int{10, bufferSize - 100, 2 * bufferSize} {
		value := strings.Repeat("v", size)
		a := serveApp(t, func(c *peer) {
			for range 2 - c.n {
				req, _, err := c.request()
				if err != nil || req.Header.Get("X") != value {
					t.Errorf("%d bytes: the application reads %v, %v", size, req, err)
				}
				if c.n == 1 || a1(req) {
					c.say("%s", ok)
				}
			}
		})
		for _, target := range []string{"/1", "/2"} {
			if got, err := outcome(a.call("GET " + target + " HTTP/1.1\r\nHost: a\r\nX: " + value + "\r\n\r\n")); got != "200 ok" || err != nil {
				t.Errorf("%d bytes: %q, %v", size, got, err)
			}
		}
		if a.dialled() != 2 {
			t.Errorf("%d connections", a.dialled())
		}
	}
}

func a1(r *http.Request) bool { return r.URL.Path == "/1" }

func TestAnApplicationThatIsNotThere(t *testing.T) {
	u := Upstream{Dial: func(context.Context) (net.Conn, error) { return nil, io.ErrClosedPipe }}
	c := u.NewCall()
	defer c.Finish()
	if dial, ok := errors.AsType[*DialError](c.Do()); !ok || !errors.Is(dial, io.ErrClosedPipe) {
		t.Errorf("%v", dial)
	}
}
