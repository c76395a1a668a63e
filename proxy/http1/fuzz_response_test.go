package http1

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

var responseSeeds = []string{
	"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Y: z\r\n\r\nabHTTP/1.1 200 OK\r\n\r\n",
	"HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\nconnection: x-y, close\r\nX-y: z\r\n\r\n2\r\nab\r\n0\r\nX: y\r\nx: z\r\n\r\n",
	"HTTP/1.1 204 No\r\nContent-Length: 5\r\nDate: x\r\n\r\nhello", "HTTP/1.1 304 x\r\nContent-Length: 5\r\n\r\n",
	"HTTP/1.0 404 \x80\r\nPragma: no-cache\r\nContent-Length: 3\r\n\r\nabc", "HTTP/1.1 500 a b\r\nSet-Cookie: a\r\nset-cookie: b\r\n\r\nto the end",
	"HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 205 x\r\nTransfer-Encoding: chunked\r\n\r\n1;a\r\nx\r\n000\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 200 OK\n\n",
}

// What the relay takes for a response is what net/http reads, and what it passes
// on is the same once more, for clients of either version.
func FuzzResponse(f *testing.F) {
	for _, seed := range responseSeeds {
		f.Add([]byte(seed), false)
		f.Add([]byte(seed), true)
	}
	f.Fuzz(func(t *testing.T, input []byte, head bool) {
		if len(input) > 8<<10 {
			return
		}
		unread := bytes.NewReader(input)
		got, err := answered(unread, unread, head)
		slow := bytes.NewReader(input)
		bytewise, slowErr := answered(iotest.OneByteReader(slow), slow, head)
		if (err == nil) != (slowErr == nil) || err == nil && !cmp.Equal(got, bytewise) {
			t.Fatalf("%q: byte by byte it is something else: %v\n%s", input, slowErr, cmp.Diff(got, bytewise))
		}
		if err != nil {
			return
		}
		want, err := netHTTPAnswer(input, head)
		got.Header.Del("Connection") // which net/http takes away with close
		want.Header.Del("Connection")
		if err != nil || !sameRequest(got, want) {
			t.Fatalf("%q: net/http says %v\n%s", input, err, cmp.Diff(want, got))
		}
		for _, client := range []string{"HTTP/1.1", "HTTP/1.0"} {
			checkPassedOn(t, input, head, client)
		}
	})
}

// answered is the response as a Call reads it.
func answered(in io.Reader, unread *bytes.Reader, head bool) (m message, err error) {
	size := unread.Len()
	c := callOn(in, head)
	defer c.Finish()
	r := &c.Response
	if err = r.read(&c.in, head); err != nil {
		return m, err
	}
	c.body.begin(&c.in, r.Length, 0, maxResponseFields)
	m = message{Start: itoa(r.Status), Header: headerOf(r.Fields, true)} // net/http counts Length in another way
	if m.Content, err = readAll(c); err != nil {
		return m, err
	}
	m.Trailer = headerOf(c.TrailerFields(), true)
	m.End = size - unread.Len() - (c.in.w - c.in.r)
	return m, nil
}

// callOn is a Call whose application has said all of in.
func callOn(in io.Reader, head bool) *Call {
	c := new(Upstream).NewCall()
	c.in.conn, c.NoContent = pipe{r: in}, head
	return c
}

func netHTTPAnswer(input []byte, head bool) (message, error) {
	unread := bytes.NewReader(input)
	buffered := bufio.NewReaderSize(unread, 16<<10)
	method := "GET"
	if head {
		method = "HEAD"
	}
	r, err := http.ReadResponse(buffered, &http.Request{Method: method})
	if err != nil {
		return message{}, err
	}
	content, err := io.ReadAll(r.Body)
	return message{
		Start: itoa(r.StatusCode), Header: r.Header, Content: string(content), Trailer: r.Trailer, End: len(input) - unread.Len() - buffered.Buffered(),
	}, err
}

// checkPassedOn has net/http read what a client gets.
func checkPassedOn(t *testing.T, input []byte, head bool, version string) {
	method := "GET"
	if head {
		method = "HEAD"
	}
	var out bytes.Buffer
	s := NewSession(pipe{r: strings.NewReader(method + " / " + version + "\r\nHost: a\r\nTE: trailers\r\n\r\n"), w: &out})
	defer s.Close()
	if _, err := s.Read(&testLimits); err != nil {
		t.Fatal(err)
	}
	c := callOn(bytes.NewReader(input), head)
	defer c.Finish()
	if err := c.Response.read(&c.in, head); err != nil || c.Response.Status < 200 {
		return
	}
	c.body.begin(&c.in, c.Response.Length, 0, maxResponseFields)
	want := headerOf(c.Response.Fields, false)
	content, err := s.Respond(c, version == "HTTP/1.0")
	if err != nil {
		t.Fatalf("%q: %v", input, err)
	}
	trailer := headerOf(c.TrailerFields(), false)
	if version == "HTTP/1.0" {
		trailer = nil
	}
	again, err := netHTTPAnswer(out.Bytes(), head)
	same := err == nil && again.Start == itoa(c.Response.Status) && int64(len(again.Content)) == content && again.End == out.Len() &&
		cmp.Equal(trimHeader(again.Trailer), trimHeader(trailer))
	if d := cmp.Diff(framed(want), framed(again.Header)); d != "" || !same {
		t.Fatalf("%q was passed on to %s as %q: %v\n%s", input, version, out.Bytes(), err, d)
	}
}

// framed is a header without what the relay adds.
func framed(h http.Header) http.Header {
	h = trimHeader(h)
	for _, name := range []string{"Date", "Content-Length", "Connection"} {
		h.Del(name)
	}
	return h
}

func TestResponsesThatAreNone(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\n"
	for why, inputs := range map[string][]string{
		BadVersion: {
			"\r\n" + ok, "HTTP/2.0 200 OK\r\n\r\n", "HTTP/1.2 200 OK\r\n\r\n", "http/1.1 200 OK\r\n\r\n", "ICY 200 OK\r\n\r\n", " " + ok, "hello\r\n", "\r\n",
		},
		BadStatusLine: {
			"HTTP/1.1\r\n\r\n", "HTTP/1.1 \r\n\r\n", "HTTP/1.1  200 OK\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1 099 OK\r\n\r\n",
			"HTTP/1.1 600 OK\r\n\r\n", "HTTP/1.1 +20 OK\r\n\r\n", "HTTP/1.1 200\tOK\r\n\r\n", "HTTP/1.1 200 O\x00K\r\n\r\n", "HTTP/1.1 200 \x1b[2J\r\n\r\n",
		},
		BadLineEnding: {"HTTP/1.1 200 OK\n\n", ok + "X: y\n\r\n", ok + "X: y\r\r\n", ok + "X: a\rb\r\n\r\n", ok + "\n"},
		BadField:      {ok + "X : y\r\n\r\n", ok + " X: y\r\n\r\n", ok + "X: y\r\n folded\r\n\r\n", ok + "X\r\n\r\n", ok + ": y\r\n\r\n", ok + "X: \x00\r\n\r\n"},
		BadContentLength: {
			ok + "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", ok + "Content-Length: 1, 1\r\n\r\n", ok + "Content-Length: -1\r\n\r\n", ok + "Content-Length:\r\n\r\n",
			ok + "Content-Length: +1\r\n\r\n", ok + "Content-Length: 9999999999999999999\r\n\r\n",
		},
		BadTransferEncoding: {
			ok + "Transfer-Encoding: gzip\r\n\r\n", ok + "Transfer-Encoding: gzip, chunked\r\n\r\n", ok + "Transfer-Encoding: identity\r\n\r\n",
			ok + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
		},
		AmbiguousFraming: {
			ok + "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n", ok + "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n",
			"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
		},
		TooManyFields: {ok + strings.Repeat("X: y\r\n", maxResponseFields+1) + "\r\n"},
		HeadTooLarge:  {ok + "X: " + strings.Repeat("y", maxResponseHead) + "\r\n\r\n"},
	} {
		for _, input := range inputs {
			for _, in := range []io.Reader{strings.NewReader(input), iotest.OneByteReader(strings.NewReader(input))} {
				var r Response
				err := r.read(&source{conn: pipe{r: in}}, false)
				if v, ok := errors.AsType[*Violation](err); !ok || v.Reason != why {
					t.Errorf("%.60q: %v, want %s", input, err, why)
				}
			}
		}
	}
}

func TestTheLargestHeadOfAResponse(t *testing.T) {
	const start, end = "HTTP/1.1 200 OK\r\nX: ", "\r\nLast: z\r\n\r\n"
	head := start + strings.Repeat("y", maxResponseHead-len(start)-len(end)) + end
	var r Response
	err := r.read(&source{conn: pipe{r: strings.NewReader(head)}}, false)
	if err != nil || len(r.Fields) != 2 || string(r.Fields[1].Value) != "z" {
		t.Errorf("read %d fields, %v", len(r.Fields), err)
	}
}
