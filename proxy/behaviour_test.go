package proxy_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// A way is one of the ways in which a request goes through the gate. Whoever
// calls and whoever answers should not notice which one it is.
type way struct {
	name string
	h2   bool   // the client speaks HTTP/2
	app  string // the scheme of the upstream
	dir  string // for sockets; the name of a test may be too long for one
}

var ways = []way{
	{name: "HTTP-1.1 to http", app: "http"},
	{name: "HTTP-1.1 to unix", app: "unix"},
	{name: "HTTP-1.1 to h2c", app: "h2c"},
	{name: "HTTP-2 to http", h2: true, app: "http"},
	{name: "HTTP-2 to h2c", h2: true, app: "h2c"},
}

// A behaviour is a sentence about the gate that is true on every way. Where the
// application speaks HTTP/2, ReverseProxy and http.Transport forward instead of
// the relay, and have a few exceptions.
type behaviour struct {
	does    string
	check   func(g *gate, w way) // g has an application that speaks as w says
	where   func(w way) bool     // the ways it can be seen on; nil: all
	overH2C string               // why it is not so where the application speaks h2c
}

func TestBehaviour(t *testing.T) {
	all := slices.Concat(requestBehaviours, bodyBehaviours, responseBehaviours, interimBehaviours, failureBehaviours, departureBehaviours)
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			w.dir = t.TempDir()
			g := openGate(t, w.serve)
			for _, b := range all {
				t.Run(b.does, func(t *testing.T) {
					switch {
					case b.where != nil && !b.where(w):
						t.Skip("cannot be seen on this way")
					case b.overH2C != "" && !toHTTP1(w):
						t.Skip(b.overH2C)
					}
					g.app.respond(nil)
					b.check(g.within(t), w)
				})
			}
		})
	}
}

// within returns g as a subtest uses it.
func (g *gate) within(t *testing.T) *gate {
	sub := *g
	sub.t = t
	return &sub
}

func overHTTP1(w way) bool { return !w.h2 }
func overHTTP2(w way) bool { return w.h2 }
func toHTTP1(w way) bool   { return w.app != "h2c" }

// serve makes g.app the application behind the gate, in the protocol of w.
func (w way) serve(g *gate) {
	ln, u := w.listen(g.t)
	g.set.HTTP2 = true
	g.listenApp(ln, u.String(), w.app == "h2c")
}

// serveRaw makes an application that speaks by hand.
func (w way) serveRaw(h func(c net.Conn, in *bufio.Reader, head string)) option {
	return func(g *gate) {
		ln, u := w.listen(g.t)
		g.t.Cleanup(func() { _ = ln.Close() })
		g.set.HTTP2, g.set.Upstream = true, u
		go func() {
			for {
				c, err := ln.Accept()
				if err != nil {
					return
				}
				go func() {
					defer c.Close()
					in := bufio.NewReader(c)
					if head := readHead(in); head != "" {
						h(c, in, head)
					}
				}()
			}
		}()
	}
}

func (w way) listen(t *testing.T) (net.Listener, *url.URL) {
	t.Helper()
	if w.app != "unix" {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return ln, &url.URL{Scheme: w.app, Host: ln.Addr().String()}
	}
	for n := 0; ; n++ {
		path := filepath.Join(w.dir, fmt.Sprint(n))
		if ln, err := net.Listen("unix", path); err == nil {
			return ln, &url.URL{Scheme: "unix", Path: path}
		} else if n > 1000 {
			t.Fatal(err)
		}
	}
}

// exactly sends a request without a body whose bytes matter, and returns the
// status of the answer.
func (w way) exactly(g *gate, method, target string, fields ...[2]string) string {
	g.t.Helper()
	if w.h2 {
		all := [][2]string{{":method", method}, {":scheme", "https"}, {":authority", "a.example"}, {":path", target}}
		for _, f := range fields {
			all = append(all, [2]string{strings.ToLower(f[0]), f[1]})
		}
		return g.h2(all, "")
	}
	request := method + " " + target + " HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n"
	for _, f := range fields {
		request += f[0] + ": " + f[1] + "\r\n"
	}
	_, status, _ := strings.Cut(g.raw(request+"\r\n"), " ")
	return status[:min(3, len(status))]
}

// roundTrip makes a request without following redirects.
func (w way) roundTrip(g *gate, r *http.Request) *http.Response {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(r.Context(), 10*time.Second)
	g.t.Cleanup(cancel)
	if r.Body != nil { // a client whose body says nothing would wait for it for ever
		context.AfterFunc(ctx, func() { _ = r.Body.Close() })
	}
	res, err := g.client(g.partner, w.h2).Transport.RoundTrip(r.WithContext(ctx))
	if err != nil {
		g.t.Fatalf("%s %s: %v", r.Method, r.URL, err)
	}
	g.t.Cleanup(func() { _ = res.Body.Close() })
	return res
}

func (g *gate) request(method, path string) *http.Request {
	g.t.Helper()
	r, err := http.NewRequestWithContext(g.t.Context(), method, g.url(path), nil)
	if err != nil {
		g.t.Fatal(err)
	}
	return r
}
