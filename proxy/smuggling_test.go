package proxy_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sidegate/sidegate/proxy"
)

// A tap is an application that answers each well-formed request with its target
// and remembers every byte that it was sent.
type tap struct {
	url   *url.URL
	conns atomic.Int64
	mu    sync.Mutex
	bytes strings.Builder
	seen  []string // requests that were whole, to the last byte of the body
}

func newTap(t *testing.T) *tap {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	a := &tap{url: &url.URL{Scheme: "http", Host: ln.Addr().String()}}
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			a.conns.Add(1)
			go a.serve(c)
		}
	}()
	return a
}

// Write keeps what a connection has brought.
func (a *tap) Write(p []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.bytes.Write(p)
}

func (a *tap) serve(c net.Conn) {
	defer c.Close()
	in := bufio.NewReader(io.TeeReader(c, a))
	for {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		a.mu.Lock()
		a.seen = append(a.seen, strings.TrimSuffix(fmt.Sprintf("%s %s %s", r.Method, r.RequestURI, body), " "))
		a.mu.Unlock()
		said := r.RequestURI + string(body)
		_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(said), said)
	}
}

// take returns the requests seen since it was last called.
func (a *tap) take() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	seen := a.seen
	a.seen = nil
	return seen
}

// openTapped opens a gate of the strictest kind before a tap.
func openTapped(t *testing.T) (tapped, *tap) {
	a := newTap(t)
	g := openGate(t, withLimits(proxy.Limits{HeaderBytes: 8 << 10}), func(g *gate) { g.set.Upstream = a.url })
	return tapped{g, tls.NewLRUClientSessionCache(1)}, a
}

// A tapped gate is called so often that its clients resume their sessions.
type tapped struct {
	*gate
	sessions tls.ClientSessionCache
}

func (g tapped) within(t *testing.T) tapped { return tapped{g.gate.within(t), g.sessions} }

func (g tapped) connect() *tls.Conn {
	g.t.Helper()
	c := g.dial(g.partner, func(c *tls.Config) { c.ClientSessionCache = g.sessions })
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	return c
}

// A feed sends the bytes of a request in its own way. What it cannot send
// because the gate has heard enough does not matter.
type feed struct {
	name string
	send func(c *tls.Conn, request string)
}

var feeds = []feed{
	{"at once", func(c *tls.Conn, request string) { _, _ = io.WriteString(c, request) }},
	{"byte by byte", func(c *tls.Conn, request string) {
		whole, end := len(request), 0
		for ; end < min(whole, 700) && wrote(c, request[end:end+1]); end++ {
		}
		_, _ = io.WriteString(c, request[end:]) // of what is long the beginning will do
	}},
	{"in two halves", func(c *tls.Conn, request string) {
		_ = wrote(c, request[:len(request)/2]) && wrote(c, request[len(request)/2:])
	}},
}

func wrote(c *tls.Conn, s string) bool {
	_, err := io.WriteString(c, s)
	return err == nil
}

// converse sends a request and reads until the gate ends the connection.
func (g tapped) converse(f feed, request string) (string, error) {
	g.t.Helper()
	c := g.connect()
	defer c.Close()
	var sending sync.WaitGroup
	sending.Go(func() { f.send(c, request) })
	b, err := io.ReadAll(c)
	sending.Wait()
	return string(b), err
}

// A refusal is a request that nobody may ever see, and the status it gets.
type refusal struct {
	name    string
	request string
	status  string // alternatives, divided by "|"
}

// smuggled is what the next reader would find, 43 bytes of it.
const smuggled = "GET /smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n"

func TestSmuggledRequestsAreRefused(t *testing.T) {
	for _, f := range feeds {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			g, a := openTapped(t)
			for _, r := range slices.Concat(refusedLines, refusedFields, refusedFramings) {
				t.Run(r.name, func(t *testing.T) {
					answer, err := g.within(t).converse(f, r.request+smuggled)
					mustRefuse(t, answer, err, r.status)
					if seen := a.take(); len(seen) != 0 {
						t.Errorf("the application saw %q", seen)
					}
				})
			}
			if a.mu.Lock(); a.bytes.Len() != 0 || a.conns.Load() != 0 {
				t.Errorf("the application was sent %q over %d connections", a.bytes.String(), a.conns.Load())
			}
			a.mu.Unlock()
		})
	}
}

// What is wrong with a body is seen when its head has been passed on.
func TestSmuggledBodiesAreNeverWhole(t *testing.T) {
	for _, f := range feeds {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			g, a := openTapped(t)
			for _, r := range refusedBodies {
				t.Run(r.name, func(t *testing.T) {
					answer, err := g.within(t).converse(f, r.request+smuggled)
					mustRefuse(t, answer, err, r.status)
					if seen := a.take(); len(seen) != 0 {
						t.Errorf("the application saw %q", seen)
					}
				})
			}
			a.mu.Lock()
			defer a.mu.Unlock()
			if sent := a.bytes.String(); strings.Contains(sent, "smuggled") {
				t.Errorf("the application was sent %q", sent)
			}
		})
	}
}

func TestSmugglingBehindAGoodRequest(t *testing.T) {
	for _, pipelined := range []bool{false, true} {
		t.Run(fmt.Sprintf("pipelined %v", pipelined), func(t *testing.T) {
			t.Parallel()
			g, a := openTapped(t)
			for _, r := range slices.Concat(refusedLines, refusedFields, refusedFramings, refusedBodies) {
				t.Run(r.name, func(t *testing.T) {
					answer, err := g.within(t).converseBehind(pipelined, r.request+smuggled)
					mustRefuse(t, answer, err, r.status)
					if diff := cmp.Diff([]string{"POST /good body"}, a.take()); diff != "" {
						t.Errorf("requests at the application (-want +got):\n%s", diff)
					}
				})
			}
		})
	}
}

// converseBehind sends a good request, and the other one together with it or
// when it is answered. It returns what comes after that answer.
func (g tapped) converseBehind(pipelined bool, request string) (string, error) {
	g.t.Helper()
	c := g.connect()
	defer c.Close()
	first, second := "POST /good HTTP/1.1\r\nHost: a.example\r\nContent-Length: 4\r\n\r\nbody", request
	if pipelined {
		first, second = first+second, ""
	}
	_, _ = io.WriteString(c, first)
	in := bufio.NewReader(c)
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		g.t.Fatalf("the good request was answered by %v", err)
	}
	if status, body := readAll(g.t, res); status != 200 || body != "/goodbody" {
		g.t.Fatalf("the good request was answered %d %q", status, body)
	}
	_, _ = io.WriteString(c, second)
	b, err := io.ReadAll(in)
	return string(b), err
}

// mustRefuse holds an answer to be one refusal that ends the connection.
func mustRefuse(t *testing.T, answer string, end error, status string) {
	t.Helper()
	if end != nil && strings.Contains(end.Error(), "timeout") {
		t.Errorf("the connection is still open")
	}
	res, err := http.ReadResponse(bufio.NewReader(strings.NewReader(answer)), nil)
	if err != nil {
		t.Fatalf("answer %q, then %v; want a refusal", answer, end)
	}
	defer res.Body.Close()
	if status == "" {
		status = "400"
	}
	switch {
	case !slices.Contains(strings.Split(status, "|"), fmt.Sprint(res.StatusCode)):
		t.Errorf("status %d, want %s: %q", res.StatusCode, status, answer)
	case res.Header.Get("Connection") != "close" && !res.Close || !strings.Contains(strings.ToLower(answer), "\r\nconnection: close\r\n"):
		t.Errorf("no Connection: close in %q", answer)
	case strings.Count(answer, "HTTP/1.") != 1:
		t.Errorf("more than one answer: %q", answer)
	}
}

func TestOddButLegalRequestsPassOnce(t *testing.T) {
	for _, f := range feeds {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			g, a := openTapped(t)
			for _, legal := range oddButLegal {
				t.Run(legal.name, func(t *testing.T) {
					last := "GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
					want := append(slices.Clone(legal.seen), "GET /last")
					if legal.ends {
						last, want = "", legal.seen
					}
					answer, err := g.within(t).converse(f, legal.request+last)
					answer = strings.ReplaceAll(answer, "HTTP/1.0 200 ", "HTTP/1.1 200 ")
					if n := strings.Count(answer, "HTTP/1.1 200 "); n != len(want) {
						t.Errorf("answer %q %v, want %d answers", answer, err, len(want))
					}
					if diff := cmp.Diff(want, a.take()); diff != "" {
						t.Errorf("requests at the application (-want +got):\n%s", diff)
					}
					for _, one := range want { // each answer is about its own request, in order
						_, said, _ := strings.Cut(one, " ")
						_, rest, ok := strings.Cut(answer, "\r\n\r\n"+strings.Replace(said, " ", "", 1))
						if answer = rest; !ok {
							t.Errorf("no answer about %q, in its turn", one)
						}
					}
				})
			}
		})
	}
}
