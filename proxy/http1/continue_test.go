package http1

import (
	"errors"
	"net/http"
	"os"
	"testing"
	"time"
)

const expectHead = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nExpect: 100-continue\r\n\r\n"

// expecting is a Call whose client sends its content after a 100 only. It counts
// what the client is told.
func (a *application) expecting(told *[]int) *Call {
	c := a.post(&pieces{}, false)
	c.Head, c.Await = append(c.Head[:0], expectHead...), true
	content := &pieces{list: []string{"abcdef"}}
	c.Content = content
	c.Interim = func(r *Response) error {
		*told = append(*told, r.Status)
		return nil
	}
	return c
}

func TestTheApplicationWantsTheContent(t *testing.T) {
	a := serveApp(t, func(c *peer) {
		for {
			if _, err := http.ReadRequest(c.in); err != nil {
				return
			}
			if c.in.Buffered() > 0 {
				t.Error("the content came unasked")
			}
			c.say("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n")
			b := make([]byte, 6)
			c.in.Read(b)
			c.say("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n%s", b)
		}
	})
	for range 2 {
		var told []int
		got, err := outcome(a.expecting(&told))
		if got != "200 abcdef" || err != nil || len(told) != 2 || told[0] != 103 || told[1] != 100 {
			t.Errorf("%q, %v; the client was told %v", got, err, told)
		}
	}
	if a.dialled() != 1 {
		t.Errorf("%d connections", a.dialled())
	}
}

func TestTheApplicationDoesNotWantTheContent(t *testing.T) {
	a := serveApp(t, func(c *peer) {
		http.ReadRequest(c.in)
		c.say("HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n")
		if rest := c.rest(); rest != "" {
			t.Errorf("all the same it got %q", rest)
		}
	})
	var told []int
	c := a.expecting(&told)
	if got, err := outcome(c); got != "413 " || err != nil || len(told) != 0 {
		t.Errorf("%q, %v; the client was told %v", got, err, told)
	}
	if len(a.idle) != 0 {
		t.Error("the connection is kept, although the request is not complete")
	}
}

func TestTheApplicationHasNeverHeardOfExpect(t *testing.T) {
	for name, first := range map[string]string{"silent": "", "with a 103": "HTTP/1.1 103 Early Hints\r\n\r\n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := serveApp(t, func(c *peer) {
				req, err := http.ReadRequest(c.in)
				if err != nil {
					return
				}
				c.say("%s", first)
				b := make([]byte, req.ContentLength)
				c.in.Read(b)
				c.say("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n%s", b)
			})
			var told []int
			start := time.Now()
			got, err := outcome(a.expecting(&told))
			if got != "200 abcdef" || err != nil || len(told) == 0 || told[len(told)-1] != 100 {
				t.Errorf("%q, %v; the client was told %v", got, err, told)
			}
			if d := time.Since(start); d < continueAfter*9/10 || d > 5*continueAfter {
				t.Errorf("after %v", d)
			}
		})
	}
}

// Who has begun to answer, and waits for nothing, has only so long.
func TestAnAnswerThatBeginsInsteadOfA100IsBounded(t *testing.T) {
	a := serveApp(t, func(c *peer) { http.ReadRequest(c.in); c.say("H"); c.rest() })
	a.HeaderTimeout = 50 * time.Millisecond
	var told []int
	start := time.Now()
	if got, err := outcome(a.expecting(&told)); !errors.Is(err, ErrSlow) || time.Since(start) > continueAfter*3/4 {
		t.Errorf("after %v: %q, %v, want %v", time.Since(start), got, err, ErrSlow)
	}
}

// It is the client who is slow.
func TestAClientThatDoesNotTakeA100(t *testing.T) {
	for _, status := range []string{"100 Continue", "103 Early Hints"} {
		a := serveApp(t, func(c *peer) { http.ReadRequest(c.in); c.say("HTTP/1.1 %s\r\n\r\n", status); c.rest() })
		var told []int
		c := a.expecting(&told)
		c.Interim = func(*Response) error { return &WriteError{os.ErrDeadlineExceeded} }
		_, err := outcome(c)
		if _, ok := errors.AsType[*WriteError](err); !ok {
			t.Errorf("%s: %v, want the error of the client", status, err)
		}
	}
}
