package http1

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// pieces are content that comes in pieces. Behind them is the end or, of content
// that pauses, a long wait.
type pieces struct {
	list   []string
	end    error // nil: io.EOF
	pauses bool

	once        sync.Once
	interrupted chan struct{}
}

func (p *pieces) stop() chan struct{} {
	p.once.Do(func() { p.interrupted = make(chan struct{}) })
	return p.interrupted
}

func (p *pieces) Interrupt() { close(p.stop()) }

func (p *pieces) Next() ([]byte, error) {
	if len(p.list) > 0 {
		piece := p.list[0]
		p.list = p.list[1:]
		return []byte(piece), nil
	}
	if p.pauses {
		select {
		case <-p.stop():
			return nil, ErrInterrupted
		case <-time.After(patience):
			return nil, errors.New("nobody interrupted")
		}
	}
	if p.end != nil {
		return nil, p.end
	}
	return nil, io.EOF
}

const (
	postHead    = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\n"
	chunkedHead = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
)

// post makes a Call with content, in chunks or not.
func (a *application) post(content *pieces, chunked bool) *Call {
	head := postHead
	if chunked {
		head = chunkedHead
	}
	c := a.call(head)
	c.Again, c.Content, c.Chunked = false, content, chunked
	return c
}

func TestContentArrives(t *testing.T) {
	huge := strings.Repeat("x", bufferSize)
	for _, test := range []struct {
		what    string
		list    []string
		chunked bool
	}{
		{"with a length", []string{"abc", "d", "ef"}, false},
		{"in chunks", []string{"abc", "d", "ef"}, true},
		{"none in chunks", nil, true},
		{"in chunks as large as a buffer", []string{huge, huge[1:], huge + "y", huge[chunkSlack:], huge[chunkSlack-1:]}, true},
	} {
		want := strings.Join(test.list, "")
		a := serveApp(t, func(c *peer) {
			for {
				req, content, err := c.request()
				if err != nil {
					return
				}
				if content != want || test.chunked != (req.ContentLength == -1) {
					t.Errorf("%s: the application read %d bytes", test.what, len(content))
				}
				c.say(ok)
			}
		})
		for range 2 {
			if got, err := outcome(a.post(&pieces{list: test.list}, test.chunked)); got != "200 ok" || err != nil {
				t.Errorf("%s: %q, %v", test.what, got, err)
			}
		}
		if a.dialled() != 1 {
			t.Errorf("%s: %d connections", test.what, a.dialled())
		}
	}
}

func TestAnEarlyAnswerIsPassedOnAtOnce(t *testing.T) {
	a := serveApp(t, func(c *peer) {
		http.ReadRequest(c.in)
		c.say("HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno")
		c.rest()
	})
	within(t, "the answer and the end of the upload", func() {
		if got, err := outcome(a.post(&pieces{list: []string{"abc"}, pauses: true}, false)); got != "413 no" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
	})
	if len(a.idle) != 0 {
		t.Error("the connection is kept, although the request is not complete")
	}
}

func TestAnApplicationThatDiesDuringAnUploadIsNoticedAtOnce(t *testing.T) {
	a := serveApp(t, func(c *peer) { http.ReadRequest(c.in) })
	within(t, "the error", func() {
		if _, err := outcome(a.post(&pieces{list: []string{"abc"}, pauses: true}, true)); !errors.Is(err, ErrNoAnswer) && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%v, want that of the connection", err)
		}
	})
}

func TestContentThatFailsEndsTheExchange(t *testing.T) {
	bad := &Violation{Reason: BadChunk}
	aborted := make(chan string, 1)
	a := serveApp(t, func(c *peer) { aborted <- c.rest() })
	var err error
	within(t, "the error", func() { _, err = outcome(a.post(&pieces{list: []string{"abc"}, end: bad}, true)) })
	if content, ok := errors.AsType[*ContentError](err); !ok || content.Err != bad {
		t.Errorf("%v, want the violation", err)
	}
	if got := <-aborted; strings.HasSuffix(got, "0\r\n\r\n") {
		t.Errorf("the application sees a complete request: %q", got)
	}
}

// An application that does not read holds up a write.
func TestAnApplicationThatDoesNotRead(t *testing.T) {
	endless := func() *pieces {
		return &pieces{list: []string{strings.Repeat("x", 32<<20)}, pauses: true}
	}
	t.Run("but answers", func(t *testing.T) {
		a := serveApp(t, func(c *peer) {
			http.ReadRequest(c.in)
			c.say(ok)
			io.ReadFull(c.in, make([]byte, 1<<10))
			<-t.Context().Done()
		})
		within(t, "the end of the upload", func() {
			if got, err := outcome(a.post(endless(), false)); got != "200 ok" || err != nil {
				t.Errorf("%q, %v", got, err)
			}
		})
	})
	t.Run("nor answers", func(t *testing.T) {
		a := serveApp(t, func(c *peer) { <-t.Context().Done() })
		a.HeaderTimeout = 50 * time.Millisecond
		within(t, "the error", func() {
			if got, err := outcome(a.post(endless(), true)); !errors.Is(err, ErrSlow) {
				t.Errorf("%q, %v, want %v", got, err, ErrSlow)
			}
		})
	})
	t.Run("and the client gives up", func(t *testing.T) {
		a := serveApp(t, func(c *peer) { <-t.Context().Done() })
		c := a.post(endless(), false)
		go func() {
			eventually(t, "the upload begins", func() bool { return c.isUploading() })
			c.Abort()
		}()
		within(t, "the error", func() {
			if got, err := outcome(c); !errors.Is(err, ErrAborted) {
				t.Errorf("%q, %v, want %v", got, err, ErrAborted)
			}
		})
	})
}

func (c *Call) isUploading() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.conn != nil
}

// The upload may be about to write when it is ended.
func TestAnUploadThatIsEndedWritesNoMore(t *testing.T) {
	conn, _ := pair(t)
	u := Upstream{HeaderTimeout: time.Hour}
	c := u.NewCall()
	c.use(&upstreamConn{Conn: conn})
	c.hasten()
	c.boundWrite()
	if _, err := conn.Write([]byte("x")); !isTimeout(err) {
		t.Errorf("a write after the end: %v, want a timeout", err)
	}
	c.Finish()
}

// The time for the answer begins when the content has been sent.
func TestTheTimeForTheAnswer(t *testing.T) {
	const limit = 100 * time.Millisecond
	a := serveApp(t, func(c *peer) { c.request(); c.rest() })
	a.HeaderTimeout = limit
	for name, c := range map[string]*Call{"without content": a.call(getHead), "with content": a.post(&pieces{list: []string{"abcdef"}}, false)} {
		start := time.Now()
		_, err := outcome(c)
		if d := time.Since(start); !errors.Is(err, ErrSlow) || d < limit*9/10 {
			t.Errorf("%s: after %v: %v", name, d, err)
		}
	}
	slow := make(chan struct{})
	a = serveApp(t, func(c *peer) {
		http.ReadRequest(c.in)
		c.in.ReadString('f')
		c.say("HTTP/1.1 200 OK\r\n\r\n")
		<-slow
		c.say("late content")
	})
	a.HeaderTimeout = limit
	c := a.post(nil, false)
	c.Content = gate{time.After(limit * 2), new(bool)}
	if err := c.Do(); err != nil {
		t.Fatalf("the time for the answer ran during the upload: %v", err)
	}
	time.AfterFunc(limit*2, func() { close(slow) })
	if got, err := readAll(c); got != "late content" || err != nil {
		t.Errorf("the time for the head ran during the content: %q, %v", got, err)
	}
	c.Finish()
}

// A gate is content that comes after a while, all at once.
type gate struct {
	open <-chan time.Time
	past *bool
}

func (g gate) Interrupt() {}

func (g gate) Next() ([]byte, error) {
	if *g.past {
		return nil, io.EOF
	}
	<-g.open
	*g.past = true
	return []byte("abcdef"), nil
}
