package proxy_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// echoTarget answers with the target and the body of the request.
func echoTarget(w http.ResponseWriter, r *http.Request) {
	b, _ := io.ReadAll(r.Body)
	fmt.Fprint(w, r.RequestURI, " ", string(b))
}

// pipelined are requests, and what each is answered.
func pipelined() (requests string, answers []string) {
	for i := range 3 {
		body := strings.Repeat("b", i)
		requests += fmt.Sprintf("GET /get/%d HTTP/1.1\r\nHost: a\r\n\r\n", i) +
			fmt.Sprintf("POST /post/%d HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", i, i, body) +
			fmt.Sprintf("POST /chunks/%d HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", i)
		answers = append(answers, fmt.Sprintf("/get/%d ", i), fmt.Sprintf("/post/%d %s", i, body), fmt.Sprintf("/chunks/%d x", i))
	}
	return requests, answers
}

func (c *caller) mustHear(answers []string) {
	c.t.Helper()
	for i, want := range answers {
		res, err := http.ReadResponse(c.in, nil)
		if err != nil {
			c.t.Fatalf("response %d: %v", i, err)
		}
		if status, got := readAll(c.t, res); status != 200 || got != want {
			c.t.Fatalf("response %d: %d %q, want %q", i, status, got, want)
		}
	}
}

// However requests are divided into records, and records into segments, they are
// the same: nothing waits in crypto/tls while the socket is waited for.
func TestRequestsInRecordsOfAnySize(t *testing.T) {
	g := openGate(t)
	g.app.respond(echoTarget)
	requests, answers := pipelined()
	for _, size := range []int{len(requests), 100, 7, 1} {
		t.Run(fmt.Sprintf("of %d bytes", size), func(t *testing.T) {
			c := g.within(t).caller()
			go func() {
				for b := []byte(requests); len(b) > 0; {
					n, err := c.conn.Write(b[:min(size, len(b))])
					if err != nil {
						return
					}
					b = b[n:]
				}
			}()
			c.mustHear(answers)
			c.mustCall(simpleGet, 200)
		})
	}
}

// A corked connection sends all that was written at once, when it is uncorked.
type corked struct {
	net.Conn
	cork bool
	kept []byte
}

func (c *corked) Write(p []byte) (int, error) {
	if !c.cork {
		return c.Conn.Write(p)
	}
	c.kept = append(c.kept, p...)
	return len(p), nil
}

// Records that arrive together are all in crypto/tls when the first has been read.
func TestRequestsInRecordsThatArriveTogether(t *testing.T) {
	g := openGate(t)
	g.app.respond(echoTarget)
	raw := &corked{}
	c := g.callerOver(func(c net.Conn) net.Conn { raw.Conn = c; return raw })
	c.mustCall(simpleGet, 200)
	raw.cork = true
	var answers []string
	for i := range 3 {
		_, _ = fmt.Fprintf(c.conn, "GET /%d HTTP/1.1\r\nHost: a\r\n\r\n", i)
		answers = append(answers, fmt.Sprintf("/%d ", i))
	}
	raw.cork = false
	_, _ = raw.Write(raw.kept)
	c.mustHear(answers)
}

// A dripping connection sends a few bytes at a time.
type dripping struct {
	net.Conn
	few  int
	pace *time.Ticker
}

func (d *dripping) Write(p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var m int
		m, err = d.Conn.Write(p[n:min(n+d.few, len(p))])
		n += m
		<-d.pace.C // at once, the kernel would put them together
	}
	return n, err
}

func TestRecordsThatArriveInPieces(t *testing.T) {
	g := openGate(t)
	g.app.respond(echoTarget)
	requests, answers := pipelined()
	for _, few := range []int{7, 300} {
		t.Run(fmt.Sprintf("of %d bytes", few), func(t *testing.T) {
			pace := time.NewTicker(100 * time.Microsecond)
			t.Cleanup(pace.Stop) // after the connection is closed, which writes
			c := g.within(t).callerOver(func(raw net.Conn) net.Conn { return &dripping{raw, few, pace} })
			go func() { _, _ = io.WriteString(c.conn, requests) }()
			c.mustHear(answers)
			c.mustCall(simpleGet, 200)
		})
	}
}

// A client that says goodbye while nothing is under way is let go, although its
// side of the TCP connection is still open.
func TestGoodbyeOfAnIdleClient(t *testing.T) {
	g := openGate(t)
	fresh, used := g.caller(), g.caller()
	used.mustCall(simpleGet, 200)
	for _, c := range []*caller{fresh, used} {
		start := time.Now()
		if err := c.conn.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		mustEnd(t, c.conn)
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("the connection ended after %v", took)
		}
	}
	eventually(t, "no connection", func() bool { return g.in.Connections() == 0 }, func() string { return fmt.Sprint(g.in.Connections()) })
}
