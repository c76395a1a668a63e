package http1

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
)

// A path is all of the way of a request: a client, a Session, an Upstream, and
// an application that costs nothing itself.
type path struct {
	s      *Session
	app    *application
	client net.Conn
	out    []byte
	in     []byte
}

func newPath(t testing.TB, request, response string) *path {
	app := serveApp(t, func(c *peer) {
		want, answer := []byte(request[strings.Index(request, "\r\n\r\n"):]), []byte(response)
		b := make([]byte, 64<<10)
		for at := 0; ; {
			n, err := c.Read(b[at:])
			if err != nil {
				return
			}
			if at += n; bytes.HasSuffix(b[:at], want) {
				at = 0
				c.Write(answer)
			}
		}
	})
	client, server := pair(t)
	p := &path{s: NewSession(server), app: app, client: client, out: []byte(request), in: make([]byte, 64<<10)}
	t.Cleanup(func() { p.s.Close() })
	return p
}

// run makes one round.
func (p *path) run(t testing.TB) {
	if _, err := p.client.Write(p.out); err != nil {
		t.Fatal(err)
	}
	if !forward(p.s, &p.app.Upstream, &testLimits) {
		t.Fatal("the connection ends")
	}
	if _, err := p.client.Read(p.in); err != nil {
		t.Fatal(err)
	}
}

const browserGet = "GET /api/v1/items?id=1 HTTP/1.1\r\nHost: api.example.com:8443\r\nUser-Agent: x/1.0\r\nAccept: */*\r\nConnection: keep-alive\r\nX-Request-Id: 1234\r\n\r\n"

func TestAnExchangeDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates, and empties pools")
	}
	for name, response := range map[string]string{
		"with a length": ok, "in chunks": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
	} {
		for what, request := range map[string]string{"GET": browserGet, "a small POST": "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab"} {
			p := newPath(t, request, response)
			p.run(t)
			if n := testing.AllocsPerRun(200, func() { p.run(t) }); n != 0 {
				t.Errorf("%s, %s: %v allocations, want none", what, name, n)
			}
		}
	}
}

// An idle Session has given everything back.
func TestIdleSessionsAreSmall(t *testing.T) {
	app := serveApp(t, answer(ok))
	const count = 1000
	sessions := make([]*Session, count)
	before := heap()
	for i := range sessions {
		s := NewSession(&scripted{in: []string{browserGet, "x"}})
		sessions[i] = s
		forward(s, &app.Upstream, &testLimits)
		s.release() // as Await does, before it waits
		s.in.release()
		if s.in.buf != nil || s.out != nil || s.req != nil {
			t.Fatal("an idle session holds a buffer")
		}
	}
	if raceEnabled {
		return
	}
	if each := (heap() - before) / count; each > 1024 {
		t.Errorf("an idle session takes %d bytes", each)
	}
	runtime.KeepAlive(sessions)
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // pools are emptied by the second
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A scripted connection delivers one text a read.
type scripted struct {
	noConn
	in []string
}

func (s *scripted) Write(p []byte) (int, error) { return len(p), nil }

func (s *scripted) Read(p []byte) (n int, err error) {
	if len(s.in) == 0 {
		return 0, io.EOF
	}
	n = copy(p, s.in[0])
	if s.in[0] = s.in[0][n:]; s.in[0] == "" {
		s.in = s.in[1:]
	}
	return n, nil
}

// While it waits, there is no buffer: what the connection reads into is not one.
func TestASessionWaitsWithoutABuffer(t *testing.T) {
	c := &waiter{scripted: scripted{in: []string{getHead, getHead}}}
	s := NewSession(c)
	for range 2 {
		if err := s.Await(patience); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Read(&testLimits); err != nil {
			t.Fatal(err)
		}
	}
	if len(c.sizes) != 4 || c.sizes[0] != 1 || c.sizes[2] != 1 {
		t.Errorf("it read with buffers of %v, want one byte in between", c.sizes)
	}
	s.Close()
}

type waiter struct {
	scripted
	sizes []int
}

func (w *waiter) Read(p []byte) (int, error) {
	w.sizes = append(w.sizes, len(p))
	return w.scripted.Read(p)
}

// A loop is a connection on which the same arrives for ever.
type loop struct {
	noConn
	text string
	at   int
}

func (l *loop) Read(p []byte) (int, error) {
	n := copy(p, l.text[l.at:])
	l.at = (l.at + n) % len(l.text)
	return n, nil
}

func BenchmarkRequestRead(b *testing.B) {
	s := NewSession(&loop{text: browserGet})
	b.ReportAllocs()
	b.SetBytes(int64(len(browserGet)))
	for b.Loop() {
		if s.Await(patience) != nil {
			b.Fatal("the loop ends")
		}
		if _, err := s.Read(&testLimits); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRelay(b *testing.B) {
	large := strings.Repeat("x", 16<<10)
	for _, work := range []struct{ name, request, response string }{
		{"GET", browserGet, ok},
		{"POST-16K", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 16384\r\n\r\n" + large, ok},
	} {
		b.Run(work.name, func(b *testing.B) {
			p := newPath(b, work.request, work.response)
			b.ReportAllocs()
			for b.Loop() {
				p.run(b)
			}
		})
	}
}

// net/http over the same path, to compare with.
func BenchmarkNetHTTPReadRequest(b *testing.B) {
	r := bufio.NewReader(&loop{text: browserGet})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := http.ReadRequest(r); err != nil {
			b.Fatal(err)
		}
	}
}
