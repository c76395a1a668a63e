package proxy_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sidegate/sidegate/proxy"
	"github.com/sidegate/sidegate/proxy/minica"
)

// A caller makes one request after the other on one connection.
type caller struct {
	t    *testing.T
	conn *tls.Conn
	in   *bufio.Reader
}

func (g *gate) caller() *caller {
	g.t.Helper()
	return g.callerWith(g.partner, nil)
}

func (g *gate) callerWith(cert *minica.Cert, change func(*tls.Config)) *caller {
	g.t.Helper()
	c := g.dial(cert, change)
	g.t.Cleanup(func() { _ = c.Close() })
	return &caller{g.t, c, bufio.NewReader(c)}
}

// callerOver makes the connection over what wrap makes of the raw one.
func (g *gate) callerOver(wrap func(net.Conn) net.Conn) *caller {
	g.t.Helper()
	raw, err := net.Dial("tcp", g.addr)
	if err != nil {
		g.t.Fatal(err)
	}
	_ = raw.SetDeadline(time.Now().Add(20 * time.Second))
	c := tls.Client(wrap(raw), g.tlsFor(g.partner))
	g.t.Cleanup(func() { _ = c.Close() })
	return &caller{g.t, c, bufio.NewReader(c)}
}

// call returns the response to a request, with its content.
func (c *caller) call(request string) (res *http.Response, content string) {
	c.t.Helper()
	if _, err := io.WriteString(c.conn, request); err != nil {
		c.t.Fatal(err)
	}
	res, err := http.ReadResponse(c.in, nil)
	if err != nil {
		c.t.Fatalf("no response to %.60q: %v", request, err)
	}
	_, content = readAll(c.t, res)
	return res, content
}

func (c *caller) mustCall(request string, status int) {
	c.t.Helper()
	if res, content := c.call(request); res.StatusCode != status {
		c.t.Errorf("status %d %.60q, want %d", res.StatusCode, content, status)
	}
}

const simpleGet = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

func getWithHead(size int) string {
	return "GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", size) + "\r\n\r\n"
}

func postOf(size int) string {
	return fmt.Sprintf("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", size, strings.Repeat("x", size))
}

func TestNewLimitsAreForOpenConnections(t *testing.T) {
	for _, test := range []struct {
		name        string
		request     string
		old, new    proxy.Limits
		first, then int // status
	}{
		{"a smaller head", getWithHead(6 << 10), proxy.Limits{}, proxy.Limits{HeaderBytes: 4 << 10}, 200, 431},
		{"a larger head", getWithHead(6 << 10), proxy.Limits{HeaderBytes: 8 << 10}, proxy.Limits{HeaderBytes: 16 << 10}, 200, 200},
		{"a smaller body", postOf(1000), proxy.Limits{}, proxy.Limits{BodyBytes: 999}, 200, 413},
		{"a larger body", postOf(1000), proxy.Limits{BodyBytes: 999}, proxy.Limits{BodyBytes: 1000}, 413, 200},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := openGate(t, withLimits(test.old))
			c := g.caller()
			c.mustCall(simpleGet, 200)
			g.caller().mustCall(test.request, test.first)
			g.configure(func(s *proxy.Settings) { s.Limits = test.new })
			c.mustCall(test.request, test.then)
		})
	}
	t.Run("a larger head than was possible", func(t *testing.T) {
		g := openGate(t, withLimits(proxy.Limits{HeaderBytes: 8 << 10}))
		c := g.caller()
		c.mustCall(simpleGet, 200)
		g.configure(func(s *proxy.Settings) { s.Limits.HeaderBytes = 32 << 10 })
		c.mustCall(getWithHead(20<<10), 200)
	})
	t.Run("a shorter time between requests", func(t *testing.T) {
		g := openGate(t)
		c := g.caller()
		c.mustCall(simpleGet, 200)
		g.configure(func(s *proxy.Settings) { s.Limits.IdleTimeout = 50 * time.Millisecond })
		c.mustCall(simpleGet, 200)
		mustEnd(t, c.conn)
	})
	t.Run("a shorter time for a body", func(t *testing.T) {
		g := openGate(t)
		c := g.caller()
		c.mustCall(postOf(1000), 200)
		g.configure(func(s *proxy.Settings) { s.Limits.BodyIdleTimeout = 50 * time.Millisecond })
		g.app.respond(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
		c.mustCall(strings.TrimSuffix(postOf(1000), "x"), 408)
	})
}

func TestTheProtocolOfTheApplicationChanges(t *testing.T) {
	overHTTP := func(*gate) {}
	for _, test := range []struct {
		name          string
		before, after option
	}{
		{"from HTTP/1.1 to HTTP/2", overHTTP, overH2C},
		{"from HTTP/2 to HTTP/1.1", overH2C, overHTTP},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := openGate(t, test.before)
			// Where the other one is, found out beforehand.
			other := *g
			other.set.Upstream = g.app.url
			test.after(&other)

			c, h2 := g.caller(), g.client(g.partner, true)
			c.mustCall(simpleGet, 200)
			g.configure(func(s *proxy.Settings) { s.HTTP2 = true })
			g.get(h2, "/")
			g.configure(func(s *proxy.Settings) { s.Upstream = other.set.Upstream })

			res, content := c.call(simpleGet)
			if res.StatusCode != 503 || !res.Close || res.Header.Get("Retry-After") == "" || !strings.Contains(content, "app-down") {
				t.Errorf("on the open connection: %d %q, close %v, %v; want 503 and the end", res.StatusCode, content, res.Close, res.Header)
			}
			mustEnd(t, c.conn)
			g.caller().mustCall(simpleGet, 200)
			if status, body := g.get(h2, "/"); status != 200 {
				t.Errorf("over HTTP/2, which goes on: %d %s", status, body)
			}
			if n := g.logs.count("status", 503); n != 1 {
				t.Errorf("%d requests were answered 503, want the one", n)
			}
		})
	}
}

func TestOddExpectationsAreRefused(t *testing.T) {
	g := openGate(t)
	res, content := g.caller().call("POST / HTTP/1.1\r\nHost: a\r\nExpect: 200-maybe\r\nContent-Length: 1\r\n\r\nx")
	if res.StatusCode != 417 || content != "417 Expectation Failed: expectation\n" {
		t.Errorf("answer %d %q", res.StatusCode, content)
	}
	g.logs.wait(t, map[string]any{"msg": "request refused", "status": 417, "reason": "expectation", "subject": partnerDN})
	if n := len(g.app.requests()); n != 0 {
		t.Errorf("the application saw %d requests", n)
	}
}

func TestAHeadThatIsTooLargeIsLoggedAsItIsAnswered(t *testing.T) {
	for name, open := range map[string]option{"by the relay": func(*gate) {}, "by net/http": overH2C} {
		t.Run(name, func(t *testing.T) {
			g := openGate(t, withLimits(proxy.Limits{HeaderBytes: 8 << 10}), open)
			g.caller().mustCall(getWithHead(20<<10), 431)
			g.logs.wait(t, map[string]any{"status": 431, "reason": "framing", "violation": "head-too-large"})
		})
	}
}
