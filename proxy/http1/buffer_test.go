package http1

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// A vandal is a connection on which r arrives, while somebody else writes all
// over the buffers that were given back.
type vandal struct {
	noConn
	r io.Reader
}

func (v vandal) Read(p []byte) (int, error) {
	n, err := v.r.Read(p)
	var taken [][]byte
	for range 4 {
		b := borrow()
		for i := range b {
			b[i] = 'Z'
		}
		taken = append(taken, b)
	}
	for _, b := range taken {
		giveBack(b)
	}
	return n, err
}

func TestFieldsOutliveTheBufferTheyCameIn(t *testing.T) {
	long := strings.Repeat("y", bufferSize)
	s := NewSession(vandal{r: strings.NewReader("GET /path HTTP/1.1\r\nHost: a\r\nConnection: x\r\nX: " + long + "\r\nLast: z\r\n\r\n")})
	defer s.Close()
	if err := s.Await(patience); err != nil {
		t.Fatal(err)
	}
	r, err := s.Read(&testLimits)
	if err != nil {
		t.Fatal(err)
	}
	if string(r.Method) != "GET" || string(r.Target) != "/path" || string(r.Host) != "a" || text(r.Fields) != "Host: a, Connection: x, X: "+long+", Last: z" {
		t.Errorf("read %s %s, Host %s, %.100s", r.Method, r.Target, r.Host, text(r.Fields))
	}
	var res Response
	in := source{conn: vandal{r: strings.NewReader("HTTP/1.1 200 OK\r\nA: b\r\nX: " + long + "\r\nLast: z\r\n\r\n")}}
	if err := res.read(&in, false); err != nil || text(res.Fields) != "A: b, X: "+long+", Last: z" {
		t.Errorf("of a response: %.100s, %v", text(res.Fields), err)
	}
}

// text writes fields.
func text(fields []Field) string {
	var out []string
	for _, f := range fields {
		out = append(out, string(f.Name)+": "+string(f.Value))
	}
	return strings.Join(out, ", ")
}

// Wherever the end of the buffer falls into a message, it is read alike.
func TestMessagesAcrossTheEndOfTheBuffer(t *testing.T) {
	const head, last = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", "3;x\r\nabc\r\n0\r\nA: b\r\nCc: dd\r\n\r\n"
	next := headOf(bufferSize) // which takes the place of what was in the buffer
	for shift := range len(last) + 2 {
		data := strings.Repeat("d", bufferSize-len(head)-len("7fff\r\n\r\n")-shift)
		s := NewSession(vandal{r: strings.NewReader(head + hex(len(data)) + "\r\n" + data + "\r\n" + last + next)})
		for i, want := range []string{data + "abc", ""} {
			if err := s.Await(patience); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Read(&testLimits); err != nil {
				t.Fatal(err)
			}
			got, err := readAll(s)
			if got != want || err != nil || i == 0 && text(s.body.trailers.list) != "A: b, Cc: dd" {
				t.Errorf("%d bytes before the end, request %d: %d bytes, trailers %s, %v", shift, i, len(got), text(s.body.trailers.list), err)
			}
		}
		s.Close()
	}
}

func TestResponsesAcrossTheEndOfTheBuffer(t *testing.T) {
	const interim = "HTTP/1.1 103 Early Hints\r\nX: \r\n\r\n"
	fields := fmt.Sprintf("Aaa: bbb, Content-Length: %d, Cc: dd", bufferSize)
	final := "HTTP/1.1 200 OK\r\n" + strings.ReplaceAll(fields, ", ", "\r\n") + "\r\n\r\n"
	content := strings.Repeat("c", bufferSize) // which takes the place of what was in the buffer
	for shift := range len(final) + 2 {
		hints := strings.Replace(interim, "X: ", "X: "+strings.Repeat("x", bufferSize-len(interim)-shift), 1)
		c := callOn(strings.NewReader(hints+final+content), false)
		for range 2 {
			if err := c.Response.read(&c.in, false); err != nil {
				t.Fatal(err)
			}
		}
		if r := &c.Response; r.Status != 200 || text(r.Fields) != fields || r.Length != bufferSize {
			t.Errorf("%d bytes before the end: %d, %s", shift, r.Status, text(r.Fields))
		}
		c.Finish()
	}
}

// A timed connection tells when its writes are due.
type timed struct {
	net.Conn
	bounds []time.Time // the zero time: never
}

func (c *timed) NetConn() net.Conn { return c.Conn }

func (c *timed) SetWriteDeadline(t time.Time) error {
	c.bounds = append(c.bounds, t)
	return c.Conn.SetWriteDeadline(t)
}

func TestTheTimeForAWriteIsNotForTheNextRequest(t *testing.T) {
	a := serveApp(t, answer(ok))
	a.HeaderTimeout = patience
	var conn *timed
	a.Dial = func(ctx context.Context) (net.Conn, error) {
		c, err := a.dial(ctx)
		conn = &timed{Conn: c}
		return conn, err
	}
	if _, err := outcome(a.post(&pieces{list: []string{"abcdef"}}, false)); err != nil {
		t.Fatal(err)
	}
	last := len(conn.bounds) - 1
	if last < 1 || conn.bounds[0].IsZero() || !conn.bounds[last].IsZero() {
		t.Errorf("writes were due at %v, want some time, and then none", conn.bounds)
	}
	if got, err := a.get(); got != "200 ok" || err != nil || a.dialled() != 1 {
		t.Errorf("%q, %v over %d connections", got, err, a.dialled())
	}
}
