package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// poison is an answer to nobody's question.
const poison = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nPOISON"

// surplus are answers after which an application, by mistake or because it was
// made to, says more than it announced.
var surplus = []struct {
	name, method, answer, body string
}{
	{"after a 204", "GET", "HTTP/1.1 204 No Content\r\n\r\n", ""},
	{"after a 204 with a length", "GET", "HTTP/1.1 204 No Content\r\nContent-Length: 44\r\n\r\n", ""},
	{"after a 304", "GET", "HTTP/1.1 304 Not Modified\r\nEtag: \"x\"\r\n\r\n", ""},
	{"after a 304 with a length", "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 44\r\n\r\n", ""},
	{"after a length of 0", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ""},
	{"after a length that is too short", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", "ab"},
	{"after the last chunk", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n", "ab"},
	{"after the answer to a HEAD", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 44\r\n\r\n", ""},
	{"after the answer to a HEAD with chunks", "HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", ""},
	{"after an early answer to a POST", "POST", "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", "no"},
}

// When the application may say it: with its answer, right after it, or when the
// client has its answer and the connection is idle.
const (
	together = "in the same write"
	after    = "in a second write"
	later    = "on an idle connection"
)

func TestSurplusOfOneAnswerIsNobodyElsesAnswer(t *testing.T) {
	for _, w := range ways {
		if !toHTTP1(w) {
			continue
		}
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			w.dir = t.TempDir()
			for _, when := range []string{together, after, later} {
				answered, written := make(chan struct{}), make(chan struct{}, 1)
				g := openGate(t, w.surplusApp(when, answered, written))
				next := g.client(g.partner, w.h2)
				for i, s := range surplus {
					t.Run(s.name+" "+when, func(t *testing.T) {
						g := g.within(t)
						for range 3 {
							g.askForSurplus(w, i)
							if when == later {
								answered <- struct{}{}
							}
							<-written
							for range 2 {
								if status, body := g.get(next, "/next"); status != 200 || body != "fine" {
									t.Fatalf("the next request was answered %d %q", status, body)
								}
							}
						}
					})
				}
			}
		})
	}
}

func (g *gate) askForSurplus(w way, i int) {
	g.t.Helper()
	r := g.request(surplus[i].method, fmt.Sprint("/", i))
	if r.Method == "POST" {
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader("body")), 4
	}
	res := w.roundTrip(g, r)
	b, err := io.ReadAll(res.Body)
	if w.h2 && strings.Contains(surplus[i].answer, "Content-Length: 44") {
		err = nil // net/http's own HTTP/2 client misses the body that a 304 announces
	}
	if err != nil || string(b) != surplus[i].body {
		g.t.Errorf("the client read %q %v, want %q", b, err, surplus[i].body)
	}
	_ = res.Body.Close()
}

func (w way) surplusApp(when string, answered <-chan struct{}, written chan<- struct{}) option {
	return w.serveRaw(func(c net.Conn, in *bufio.Reader, head string) {
		for ; head != ""; head = readHead(in) {
			_, path, _ := strings.Cut(head, " /")
			path, _, _ = strings.Cut(path, " ")
			i, err := strconv.Atoi(path)
			if err != nil {
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine")
				continue
			}
			if surplus[i].method == "POST" {
				_, _ = in.Discard(len("body"))
			}
			if when == together {
				_, _ = io.WriteString(c, surplus[i].answer+poison)
			} else {
				_, _ = io.WriteString(c, surplus[i].answer)
				if when == later {
					<-answered
				}
				_, _ = io.WriteString(c, poison)
			}
			written <- struct{}{}
		}
	})
}

// A malformed answer is one that two readers may understand differently.
type malformed struct {
	name   string
	answer string
	begun  bool // the client has its head by the time that the fault is seen
}

const ok200 = "HTTP/1.1 200 OK\r\n"

var malformedAnswers = []malformed{
	{name: "TE and CL", answer: ok200 + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"},
	{name: "CL and TE", answer: ok200 + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
	{name: "two CLs", answer: ok200 + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello"},
	{name: "two CLs in a list", answer: ok200 + "Content-Length: 5, 6\r\n\r\nhello"},
	{name: "CL +", answer: ok200 + "Content-Length: +5\r\n\r\nhello"},
	{name: "CL -", answer: ok200 + "Content-Length: -5\r\n\r\nhello"},
	{name: "CL hexadecimal", answer: ok200 + "Content-Length: 0x5\r\n\r\nhello"},
	{name: "CL of two numbers", answer: ok200 + "Content-Length: 5 5\r\n\r\nhello"},
	{name: "CL beyond 63 bits", answer: ok200 + "Content-Length: 9223372036854775813\r\n\r\nhello"},
	{name: "TE gzip, chunked", answer: ok200 + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"},
	{name: "TE xchunked", answer: ok200 + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"},
	{name: "TE identity", answer: ok200 + "Transfer-Encoding: identity\r\n\r\nhello"},
	{name: "TE twice", answer: ok200 + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
	{name: "a bare LF after the status line", answer: "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n"},
	{name: "a bare LF after a field", answer: ok200 + "X-A: b\nContent-Length: 0\r\n\r\n"},
	{name: "a bare LF at the end", answer: ok200 + "Content-Length: 0\r\n\n"},
	{name: "a bare CR in a value", answer: ok200 + "X-A: b\rX-B: c\r\nContent-Length: 0\r\n\r\n"},
	{name: "a folded line", answer: ok200 + "X-A: b\r\n c\r\nContent-Length: 0\r\n\r\n"},
	{name: "a folded first line", answer: ok200 + " X-A: b\r\nContent-Length: 0\r\n\r\n"},
	{name: "a blank before the colon", answer: ok200 + "Content-Length : 5\r\n\r\nhello"},
	{name: "no colon", answer: ok200 + "X-A\r\nContent-Length: 0\r\n\r\n"},
	{name: "no name", answer: ok200 + ": b\r\nContent-Length: 0\r\n\r\n"},
	{name: "a name that is no token", answer: ok200 + "X(A): b\r\nContent-Length: 0\r\n\r\n"},
	{name: "NUL in a value", answer: ok200 + "X-A: b\x00c\r\nContent-Length: 0\r\n\r\n"},
	{name: "a control character in a value", answer: ok200 + "X-A: b\x01c\r\nContent-Length: 0\r\n\r\n"},
	{name: "status 0", answer: "HTTP/1.1 000 OK\r\nContent-Length: 0\r\n\r\n"},
	{name: "status 99", answer: "HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n"},
	{name: "status 600", answer: "HTTP/1.1 600 OK\r\nContent-Length: 0\r\n\r\n"},
	{name: "a status of two digits", answer: "HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n"},
	{name: "a status of four digits", answer: "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n"},
	{name: "a status with a sign", answer: "HTTP/1.1 +20 OK\r\nContent-Length: 0\r\n\r\n"},
	{name: "a status of letters", answer: "HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n"},
	{name: "no status", answer: "HTTP/1.1\r\nContent-Length: 0\r\n\r\n"},
	{name: "101 that nobody asked for", answer: "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n" + poison},
	{name: "101 without Upgrade", answer: "HTTP/1.1 101 Switching Protocols\r\n\r\n" + poison},
	{name: "HTTP/2.0", answer: "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"},
	{name: "a version in lower case", answer: "http/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
	{name: "another protocol", answer: "ICY 200 OK\r\nContent-Length: 0\r\n\r\n"},
	{name: "a head of 2 MiB", answer: ok200 + "X-A: " + strings.Repeat("b", 2<<20) + "\r\nContent-Length: 0\r\n\r\n"},
	{name: "a chunk size of letters", answer: ok200 + "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\nzz\r\n", begun: true},
	{name: "a chunk size with 0x", answer: ok200 + "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0x1\r\nc\r\n0\r\n\r\n", begun: true},
	{name: "a chunk size beyond 64 bits", answer: ok200 + "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n10000000000000001\r\nc\r\n0\r\n\r\n", begun: true},
	{name: "a chunk that is longer than it says", answer: ok200 + "Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n", begun: true},
	{name: "a bare LF after a chunk size", answer: ok200 + "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\nc\r\n0\r\n\r\n", begun: true},
	{name: "a trailer without a colon", answer: ok200 + "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nX-A\r\n\r\n", begun: true},
}

func TestMalformedAnswersAreNotPassedOn(t *testing.T) {
	for _, w := range ways {
		if !toHTTP1(w) {
			continue
		}
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			w.dir = t.TempDir()
			g := openGate(t, w.serveRaw(func(c net.Conn, in *bufio.Reader, head string) {
				for ; head != ""; head = readHead(in) { // whoever waits for more waits for ever
					var i int
					answer := "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine"
					if _, err := fmt.Sscanf(head, "GET /%d ", &i); err == nil {
						answer = malformedAnswers[i].answer
					}
					_, _ = io.WriteString(c, answer)
				}
			}))
			c := g.client(g.partner, w.h2)
			for i, m := range malformedAnswers {
				t.Run(m.name, func(t *testing.T) {
					g := g.within(t)
					mustNotPass(g, c, i)
					if status, body := g.get(g.client(g.partner, w.h2), "/next"); status != 200 || body != "fine" {
						t.Errorf("the next request was answered %d %q", status, body)
					}
				})
			}
		})
	}
}

func mustNotPass(g *gate, c *http.Client, i int) {
	g.t.Helper()
	start := time.Now()
	res, err := c.Get(g.url(fmt.Sprint("/", i)))
	if err != nil {
		if !malformedAnswers[i].begun {
			g.t.Errorf("the client saw %v, want 502", err)
		}
		return
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	broken := malformedAnswers[i].begun && err != nil
	if refused := res.StatusCode == 502 && err == nil && strings.Contains(string(b), "app-failed"); !refused && !broken || time.Since(start) > 5*time.Second {
		g.t.Errorf("the client read %d %.100q %v after %v, want 502", res.StatusCode, b, err, time.Since(start))
	}
}
