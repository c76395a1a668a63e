package http1

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"
)

// patience is how long a test waits for what must happen.
const patience = 10 * time.Second

var testLimits = Limits{HeadBytes: 2 * bufferSize, HeadTime: patience, Fields: 100, ContentIdle: patience}

func must[T any](t testing.TB) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// pair returns the two ends of a TCP connection.
func pair(t testing.TB) (client, server net.Conn) {
	t.Helper()
	l := must[net.Listener](t)(net.Listen("tcp", "127.0.0.1:0"))
	defer l.Close()
	client = must[net.Conn](t)(net.Dial("tcp", l.Addr().String()))
	server = must[net.Conn](t)(l.Accept())
	t.Cleanup(func() { client.Close(); server.Close() })
	client.SetDeadline(time.Now().Add(2 * patience))
	return client, server
}

// session returns a Session and its client.
func session(t testing.TB) (*Session, *peer) {
	client, server := pair(t)
	s := NewSession(server)
	t.Cleanup(func() { s.Close() })
	return s, &peer{Conn: client, in: bufio.NewReader(client)}
}

// heard is a Session that has read the head of a request.
func heard(t testing.TB, request string) (*Session, *Request, *peer) {
	t.Helper()
	s, client := session(t)
	client.say(request)
	if err := s.Await(patience); err != nil {
		t.Fatal(err)
	}
	return s, must[*Request](t)(s.Read(&testLimits)), client
}

// A peer is the other end of a connection: a client, or one connection of an
// application.
type peer struct {
	net.Conn
	in *bufio.Reader
	n  int // which one, from 0
}

func (p *peer) say(format string, args ...any) {
	if len(args) > 0 {
		format = fmt.Sprintf(format, args...)
	}
	io.WriteString(p.Conn, format)
}

// request reads a request with its content.
func (p *peer) request() (*http.Request, string, error) {
	req, err := http.ReadRequest(p.in)
	if err != nil {
		return nil, "", err
	}
	content, err := io.ReadAll(req.Body)
	return req, string(content), err
}

// rest reads to the end of the connection.
func (p *peer) rest() string {
	b, _ := io.ReadAll(p.in)
	return string(b)
}

// An application is hand-written: serve has one connection each time, which is
// closed when it returns.
type application struct {
	Upstream
	t     testing.TB
	l     net.Listener
	mu    sync.Mutex
	dials int
}

func serveApp(t testing.TB, serve func(c *peer)) *application {
	a := &application{t: t, l: must[net.Listener](t)(net.Listen("tcp", "127.0.0.1:0"))}
	a.Dial = a.dial
	a.IdleTimeout, a.MaxIdle = time.Minute, 100
	var running sync.WaitGroup
	running.Go(func() {
		for n := 0; ; n++ {
			c, err := a.l.Accept()
			if err != nil {
				return
			}
			c.SetDeadline(time.Now().Add(2 * patience))
			running.Go(func() {
				defer c.Close()
				serve(&peer{Conn: c, in: bufio.NewReader(c), n: n})
			})
		}
	})
	t.Cleanup(func() {
		a.Close()
		a.l.Close()
		within(t, "connections to the application remain", running.Wait)
	})
	return a
}

func (a *application) dial(context.Context) (net.Conn, error) {
	a.mu.Lock()
	a.dials++
	a.mu.Unlock()
	return net.Dial("tcp", a.l.Addr().String())
}

func (a *application) dialled() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.dials
}

// within fails the test if f does not return in time.
func within(t testing.TB, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatal("timed out: " + what)
	}
}

// eventually polls until f holds.
func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); !f(); <-tick.C {
		if time.Now().After(end) {
			t.Fatal("timed out: " + what)
		}
	}
}

// call makes a Call for a request without content that may be sent twice.
func (a *application) call(head string) *Call {
	c := a.NewCall()
	c.Head = append(c.Head, head...)
	c.Again = true
	return c
}

const getHead = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

// get does a GET and returns status and content.
func (a *application) get() (string, error) { return outcome(a.call(getHead)) }

// outcome does a Call to its end and returns status and content.
func outcome(c *Call) (string, error) {
	defer c.Finish()
	if err := c.Do(); err != nil {
		return "", err
	}
	content, err := readAll(c)
	return strconv.Itoa(c.Response.Status) + " " + content, err
}

func readAll(c interface{ Next() ([]byte, error) }) (content string, err error) {
	for {
		p, err := c.Next()
		if err == io.EOF {
			return content, nil
		}
		if err != nil {
			return content, err
		}
		content += string(p)
	}
}

// forward passes one request on and its response back, as the relay does. Every
// error ends the connection.
func forward(s *Session, u *Upstream, limits *Limits) (goOn bool) {
	if s.Await(patience) != nil {
		return false
	}
	req, err := s.Read(limits)
	if err != nil {
		if v, ok := err.(*Violation); ok {
			s.Answer(400, "", v.Reason+"\n", true)
		}
		return false
	}
	c := u.NewCall()
	defer c.Finish()
	prepare(c, s, req)
	if err := c.Do(); err != nil {
		s.Answer(502, "", err.Error()+"\n", true)
		return false
	}
	closing := req.Close || !c.Sent()
	if _, err := s.Respond(c, closing); err != nil || closing {
		return false
	}
	return s.ContentDone()
}

// prepare fills in a Call.
func prepare(c *Call, s *Session, req *Request) {
	head := req.AppendStart(c.Head)
	for i := range req.Fields {
		if f := &req.Fields[i]; !f.Hop {
			head = AppendField(head, f.Name, f.Value)
		}
	}
	switch {
	case req.Length < 0:
		head = append(head, "Transfer-Encoding: chunked\r\n"...)
		c.Chunked = true
	case req.HasLength:
		head = append(head, "Content-Length: "...)
		head = strconv.AppendInt(head, req.Length, 10)
		head = append(head, "\r\n"...)
	}
	c.Head = append(head, "\r\n"...)
	c.NoContent, c.Again = req.IsHead, string(req.Method) == "GET"
	if req.Length != 0 {
		var all bool
		if c.Head, all, _ = s.AppendEarly(c.Head); !all {
			c.Content, c.Interim = s, s.Interim
		}
	}
}
