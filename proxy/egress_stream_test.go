package proxy_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

func TestStreamsFlowBothWaysAsTheyCome(t *testing.T) {
	for _, tt := range []struct{ app, partner bool }{{false, false}, {true, false}, {false, true}, {true, true}} {
		t.Run(fmt.Sprintf("app HTTP/2 %v, partner HTTP/2 %v", tt.app, tt.partner), func(t *testing.T) {
			o := openOutlet(t, func(o *outlet) {
				if tt.partner {
					withHTTP2(o)
				}
			})
			o.partner.respond(echoLines)
			in, out := io.Pipe()
			r, _ := http.NewRequestWithContext(t.Context(), "POST", o.url("/"), in)
			r.Trailer = http.Header{"X-Sum": nil}
			res, err := o.client(tt.app).Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			back := bufio.NewReader(res.Body)
			for i := range 5 {
				fmt.Fprintf(out, "line %d\n", i)
				if got, err := back.ReadString('\n'); err != nil || got != fmt.Sprintf("echo line %d\n", i) {
					t.Fatalf("got %q, %v", got, err)
				}
			}
			r.Trailer.Set("X-Sum", "abc")
			_ = out.Close()
			if rest, err := io.ReadAll(back); err != nil || len(rest) != 0 {
				t.Fatalf("the end: %q, %v", rest, err)
			}
			if got := res.Trailer.Get("X-Got"); got != "abc" {
				t.Errorf("trailers: %v, want X-Got: abc", res.Trailer)
			}
		})
	}
}

// echoLines answers each line when it comes, and the trailer with a trailer.
func echoLines(w http.ResponseWriter, r *http.Request) {
	rc := http.NewResponseController(w)
	_ = rc.EnableFullDuplex()
	w.Header().Set("Trailer", "X-Got")
	w.WriteHeader(200)
	_ = rc.Flush()
	in := bufio.NewReader(r.Body)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			break
		}
		_, _ = io.WriteString(w, "echo "+line)
		_ = rc.Flush()
	}
	w.Header().Set("X-Got", r.Trailer.Get("X-Sum"))
}

func TestLargeBodiesPassBothWays(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		o := openOutlet(t, withHTTP2)
		o.partner.respond(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })
		body := bytes.Repeat([]byte("0123456789abcdef"), 1<<19)
		r, _ := http.NewRequest("POST", o.url("/"), bytes.NewReader(body))
		r.Header.Set("Expect", "100-continue")
		tr := o.client(h2)
		tr.Transport.(*http.Transport).ExpectContinueTimeout = 10 * time.Second
		res, err := tr.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, got := readAll(t, res); got != string(body) {
			t.Errorf("h2 %v: %d bytes came back of %d", h2, len(got), len(body))
		}
	}
}

func TestAnEarlyAnswerEndsThoughTheApplicationSendsOn(t *testing.T) {
	o := openOutlet(t)
	o.partner.respond(func(w http.ResponseWriter, _ *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex() // does not wait for the rest itself
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		_, _ = io.WriteString(w, "too large")
	})
	got := o.raw("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nonly the beginning")
	if !strings.HasPrefix(got, "HTTP/1.1 413 ") || !strings.Contains(got, "too large") || !strings.Contains(got, "Connection: close") {
		t.Errorf("answered %q", got)
	}
}

func TestAWebSocketPasses(t *testing.T) {
	o := openOutlet(t, withHTTP2, func(o *outlet) { o.set.WebSocket = true })
	o.partner.respond(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
		if err != nil {
			return
		}
		defer c.CloseNow()
		for {
			kind, p, err := c.Read(r.Context())
			if err != nil || c.Write(r.Context(), kind, append([]byte("echo "), p...)) != nil {
				return
			}
		}
	})
	o.get("/") // there is a connection of HTTP/2 in the pool, which is of no use
	c, _, err := websocket.Dial(t.Context(), "ws://"+o.addr+"/chat", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	for i := range 3 {
		want := fmt.Sprint("message ", i)
		if err := c.Write(t.Context(), websocket.MessageText, []byte(want)); err != nil {
			t.Fatal(err)
		}
		if _, got, err := c.Read(t.Context()); err != nil || string(got) != "echo "+want {
			t.Fatalf("got %q, %v", got, err)
		}
	}
	if err := o.out.SetBundle(o.bundle(o.own)); err != nil {
		t.Fatal(err)
	}
	if err := c.Ping(pinging(t, c)); err != nil {
		t.Errorf("the WebSocket ended with a rotation: %v", err)
	}
	done, end := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer end()
	if err := o.out.Drain(done); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Drain: %v, want that it had to cut the WebSocket", err)
	}
}

// pinging returns a context for a ping, whose answer somebody has to read.
func pinging(t *testing.T, c *websocket.Conn) context.Context {
	ctx := t.Context()
	go func() { _, _, _ = c.Read(ctx) }()
	return ctx
}

func TestAFailureIsToldWhileTheApplicationStillSends(t *testing.T) {
	o := openOutlet(t, func(o *outlet) { o.set.ServerName = "other.example" })
	got := o.raw("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nonly the beginning")
	if !strings.HasPrefix(got, "HTTP/1.1 502 ") || !strings.Contains(got, "server-name: ") || !strings.Contains(got, "Connection: close") {
		t.Errorf("answered %q", got)
	}
}
