package http1

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// A framing is one way for an application to frame a response.
type framing struct{ name, head, content, trailer string }

var framings = []framing{
	{"with a length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello", ""},
	{"with no content", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "", ""},
	{"in chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n", "hello", ""},
	{"in no chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "", ""},
	{"with trailers", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\nConnection: x\r\n\r\n", "hello", "1"},
	{"until the end", "HTTP/1.1 200 OK\r\n\r\nhello", "hello", ""},
	{"HTTP/1.0 with a length", "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello", ""},
	{"HTTP/1.0 until the end", "HTTP/1.0 200 OK\r\n\r\nhello", "hello", ""},
	{"204", "HTTP/1.1 204 No Content\r\n\r\n", "", ""},
	{"204 with a length", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", "", ""},
	{"304 with a length", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", "", ""},
	{"304 in chunks", "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n", "", ""},
}

func TestEveryFramingArrivesInEveryVersion(t *testing.T) {
	for _, f := range framings {
		for _, start := range []string{"GET / HTTP/1.1", "GET / HTTP/1.0", "HEAD / HTTP/1.1", "HEAD / HTTP/1.0"} {
			for _, te := range []string{"", "TE: trailers\r\n"} {
				t.Run(fmt.Sprintf("%s to %s %q", f.name, start, te), func(t *testing.T) { f.try(t, start, te) })
			}
		}
	}
}

func (f framing) try(t *testing.T, start, te string) {
	method, _, _ := strings.Cut(start, " ")
	http10 := strings.HasSuffix(start, "1.0")
	head := f.head
	if method == "HEAD" {
		head = head[:strings.Index(head, "\r\n\r\n")+4]
	}
	a := serveApp(t, func(c *peer) { c.request(); c.say("%s", head) })
	s, client := session(t)
	done := make(chan bool)
	go func() {
		for forward(s, &a.Upstream, &testLimits) {
		}
		s.Conn.Close()
		close(done)
	}()
	requests := 2
	if http10 {
		requests = 1
	}
	for range requests {
		client.say("%s\r\nHost: a\r\n%s\r\n", start, te)
		r, err := http.ReadResponse(client.in, &http.Request{Method: method})
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r.Body)
		want := f.content
		if method == "HEAD" {
			want = ""
		}
		if string(content) != want || err != nil || r.ProtoMinor != 1 || r.Header.Get("Date") == "" {
			t.Errorf("read %d %v with %q, %v", r.StatusCode, r.Header, content, err)
		}
		f.checkHead(t, r, method, http10, te != "")
	}
	if http10 {
		if rest := client.rest(); rest != "" {
			t.Errorf("then %q", rest)
		}
	}
	client.Close()
	within(t, "the session ends", func() { <-done })
}

func (f framing) checkHead(t *testing.T, r *http.Response, method string, http10, trailers bool) {
	announced := strings.Contains(f.head, "Content-Length: 5") && r.StatusCode != 204
	if announced != (r.Header.Get("Content-Length") == "5") {
		t.Errorf("Content-Length is %q", r.Header["Content-Length"])
	}
	if r.StatusCode == 204 && (r.Header["Content-Length"] != nil || r.TransferEncoding != nil) {
		t.Errorf("204 has a length: %v %v", r.Header, r.TransferEncoding)
	}
	if http10 && r.TransferEncoding != nil {
		t.Errorf("HTTP/1.0 has %v", r.TransferEncoding)
	}
	want := f.trailer
	if !trailers || http10 || method == "HEAD" {
		want = ""
	}
	if got := r.Trailer.Get("X-Sum"); got != want || r.Trailer["Connection"] != nil {
		t.Errorf("trailers %v, want %q", r.Trailer, want)
	}
}

// raw is what a client gets for a request, byte for byte, but for the date.
func raw(t *testing.T, request string, respond func(s *Session)) string {
	s, _, client := heard(t, request)
	respond(s)
	s.Conn.Close()
	lines := strings.SplitAfter(client.rest(), "\r\n")
	out := ""
	for _, line := range lines {
		if strings.HasPrefix(line, "Date: ") && strings.HasSuffix(line, " GMT\r\n") {
			line = "Date: D\r\n"
		}
		out += line
	}
	return out
}

func TestAnswers(t *testing.T) {
	const head = "HTTP/1.1 403 Forbidden\r\nDate: D\r\nX: y\r\nContent-Length: 3\r\n"
	for _, test := range []struct {
		request string
		close   bool
		want    string
	}{
		{getHead, false, head + "\r\nno\n"},
		{getHead, true, head + "Connection: close\r\n\r\nno\n"},
		{"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", false, head + "\r\n"},
		{"GET / HTTP/1.0\r\n\r\n", true, head + "Connection: close\r\n\r\nno\n"},
	} {
		got := raw(t, test.request, func(s *Session) { s.Answer(403, "X: y\r\n", "no\n", test.close) })
		if got != test.want {
			t.Errorf("%q was answered %q", test.request, got)
		}
	}
}

// The bytes of a head are overwritten by content. A client must not be able to
// make its request look like HEAD by it, and the answer lose its content.
func TestContentDoesNotChangeTheMethod(t *testing.T) {
	content := strings.Repeat("HEAD", bufferSize)
	s, _, client := heard(t, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: "+itoa(len(content))+"\r\n\r\n")
	go client.say("%s", content)
	if _, err := readAll(s); err != nil {
		t.Fatal(err)
	}
	s.Answer(200, "", "yes", true)
	r, err := http.ReadResponse(client.in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r.Body); string(got) != "yes" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
}

func TestARefusedHeadIsAnswered(t *testing.T) {
	s, client := session(t)
	client.say("\x00\r\n\r\n")
	s.Await(patience)
	if _, err := s.Read(&testLimits); err == nil {
		t.Fatal("it is accepted")
	}
	if err := s.Answer(400, "", "bad\n", true); err != nil {
		t.Fatal(err)
	}
	if r, err := http.ReadResponse(client.in, nil); err != nil || r.StatusCode != 400 {
		t.Errorf("%v, %v", r, err)
	}
}

func TestInterimResponsesArePassedOn(t *testing.T) {
	hints := "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\nConnection: y\r\nY: z\r\nContent-Length: 7\r\nTrailer: T\r\n\r\n"
	for request, want := range map[string]string{
		"GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n": "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n",
		"GET / HTTP/1.0\r\nHost: a\r\n\r\n":                 "", // knows none
	} {
		got := raw(t, request, func(s *Session) {
			var r Response
			if err := r.read(&source{conn: pipe{r: strings.NewReader(hints)}}, false); err != nil {
				t.Fatal(err)
			}
			s.Interim(&r)
		})
		if got != want {
			t.Errorf("%q: %q", request, got)
		}
	}
}

func TestOnlyWhatIsForTheClientIsPassedOn(t *testing.T) {
	const response = "HTTP/1.1 200 My own phrase\r\nX-one: 1\r\nkeep-alive: 5\r\nConnection: X-Two, close\r\nX-TWO: 2\r\nUpgrade: h2c\r\nSet-Cookie: a\r\n" +
		"Set-Cookie: b\r\nDate: Thu\r\nProxy-Authenticate: x\r\nContent-Length: 2\r\nTE: x\r\n\r\nok"
	a := serveApp(t, func(c *peer) { c.request(); c.say("%s", response) })
	got := raw(t, getHead, func(s *Session) {
		c := a.call(getHead)
		defer c.Finish()
		if err := c.Do(); err != nil {
			t.Fatal(err)
		}
		if n, err := s.Respond(c, false); n != 2 || err != nil {
			t.Errorf("Respond: %d, %v", n, err)
		}
	})
	want := "HTTP/1.1 200 OK\r\nX-One: 1\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nDate: Thu\r\nContent-Length: 2\r\n\r\nok"
	if got != want {
		t.Errorf("passed on %q, want %q", got, want)
	}
}

func TestAResponseThatBreaksOffIsNotWhole(t *testing.T) {
	for _, response := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhel", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n0\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\nx\r\n\r\n0\r\n\r\n",
	} {
		a := serveApp(t, func(c *peer) { c.request(); c.say("%s", response) })
		got := raw(t, getHead, func(s *Session) {
			c := a.call(getHead)
			defer c.Finish()
			if err := c.Do(); err != nil {
				t.Fatal(err)
			}
			if n, err := s.Respond(c, false); n != 3 || err == nil {
				t.Errorf("%q: Respond: %d, %v", response, n, err)
			}
		})
		r, err := http.ReadResponse(bufio.NewReader(strings.NewReader(got)), nil)
		if err == nil {
			_, err = io.ReadAll(r.Body)
		}
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%q: the client reads %q, %v", response, got, err)
		}
	}
}

// Chunks that come together leave together.
func TestManySmallChunksAreOneWrite(t *testing.T) {
	s := NewSession(pipe{r: strings.NewReader(getHead)})
	w := &writes{}
	s.Conn = pipe{w: w}
	s.in.conn = pipe{r: strings.NewReader(getHead)}
	if _, err := s.Read(&testLimits); err != nil {
		t.Fatal(err)
	}
	c := callOn(strings.NewReader("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"+strings.Repeat("1\r\nx\r\n", 1000)+"0\r\n\r\n"), false)
	if err := c.Response.read(&c.in, false); err != nil {
		t.Fatal(err)
	}
	c.body.begin(&c.in, c.Response.Length, 0, maxResponseFields)
	if n, err := s.Respond(c, false); n != 1000 || err != nil || len(w.sizes) > 2 {
		t.Errorf("%d bytes in writes of %v, %v", n, w.sizes, err)
	}
}

type writes struct{ sizes []int }

func (w *writes) Write(p []byte) (int, error) {
	w.sizes = append(w.sizes, len(p))
	return len(p), nil
}
