package proxy_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

func TestMalformedHTTP1RequestsNeverReachTheApplication(t *testing.T) {
	g := openGate(t)
	const host = "Host: a.example\r\n"
	tests := []struct {
		name    string
		request string
		status  string
	}{
		{"CONNECT", "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n", "405"},
		{"upgrade to h2c", "GET / HTTP/1.1\r\n" + host + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n", "400"},
		{"WebSocket where it is off", "GET / HTTP/1.1\r\n" + host + "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", "400"},
		{"Transfer-Encoding with Content-Length", "POST / HTTP/1.1\r\n" + host + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"},
		{"two Content-Lengths", "POST / HTTP/1.1\r\n" + host + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", "400"},
		{"a signed Content-Length", "POST / HTTP/1.1\r\n" + host + "Content-Length: +5\r\n\r\nhello", "400"},
		{"an unknown transfer coding", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "400"},
		{"a line that ends in a bare LF", "GET / HTTP/1.1\nHost: a\r\n\r\n", "400"},
		{"a blank before the colon", "GET / HTTP/1.1\r\n" + host + "X-A : b\r\n\r\n", "400"},
		{"a name that is no token", "GET / HTTP/1.1\r\n" + host + "X(A: b\r\n\r\n", "400"},
		{"a control character in a value", "GET / HTTP/1.1\r\n" + host + "X-A: b\x01c\r\n\r\n", "400"},
		{"a folded line", "GET / HTTP/1.1\r\n" + host + "X-A: b\r\n c\r\n\r\n", "400"},
		{"two Hosts", "GET / HTTP/1.1\r\n" + host + "Host: b.example\r\n\r\n", "400"},
		{"no Host", "GET / HTTP/1.1\r\nX-A: b\r\n\r\n", "400"},
		{"a Host with a path", "GET / HTTP/1.1\r\nHost: a.example/admin\r\n\r\n", "400"},
		{"a Host with user information", "GET / HTTP/1.1\r\nHost: admin@a.example\r\n\r\n", "400"},
		{"a Host with two ports", "GET / HTTP/1.1\r\nHost: a.example:80:443\r\n\r\n", "400"},
		{"the asterisk", "OPTIONS * HTTP/1.1\r\n" + host + "\r\n", "400"},
		{"an opaque target", "GET http:a.example HTTP/1.1\r\n" + host + "\r\n", "400"},
		{"a broken chunk", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", "400"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			before := len(g.app.requests())
			answer := g.raw(test.request + "GET /smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n")
			if !strings.HasPrefix(answer, "HTTP/1.1 "+test.status+" ") {
				t.Errorf("answer %q, want %s", answer, test.status)
			}
			if strings.Count(answer, "HTTP/1.1 ") != 1 {
				t.Errorf("the connection went on after a refusal: %q", answer)
			}
			for _, r := range g.app.requests()[before:] {
				if r.URL.Path == "/smuggled" || test.name != "a broken chunk" {
					t.Errorf("the application saw %s %s", r.Method, r.URL)
				}
			}
		})
	}
	g.logs.wait(t, map[string]any{"reason": "framing", "subject": partnerDN})
}

// h2 sends one HTTP/2 request made of raw fields and returns the status it is
// answered with, or "reset".
func (g *gate) h2(fields [][2]string, body string) string {
	g.t.Helper()
	c := g.dial(g.partner, func(c *tls.Config) { c.NextProtos = []string{"h2"} })
	defer c.Close()
	if _, err := c.Write([]byte(http2.ClientPreface)); err != nil {
		g.t.Fatal(err)
	}
	fr := http2.NewFramer(c, c)
	fr.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	_ = fr.WriteSettings()
	var block bytes.Buffer
	enc := hpack.NewEncoder(&block)
	for _, f := range fields {
		_ = enc.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
	}
	_ = fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: body == ""})
	if body != "" {
		_ = fr.WriteData(1, true, []byte(body))
	}
	for {
		f, err := fr.ReadFrame()
		if err != nil {
			return "closed"
		}
		switch f := f.(type) {
		case *http2.MetaHeadersFrame:
			return f.PseudoValue("status")
		case *http2.RSTStreamFrame:
			return "reset"
		case *http2.GoAwayFrame:
			if f.ErrCode != http2.ErrCodeNo {
				return "reset"
			}
		}
	}
}

func TestMalformedHTTP2RequestsNeverReachTheApplication(t *testing.T) {
	g := openGate(t, func(g *gate) { g.set.HTTP2 = true })
	base := func(method, path string, more ...[2]string) [][2]string {
		return append([][2]string{{":method", method}, {":scheme", "https"}, {":authority", "a.example"}, {":path", path}}, more...)
	}
	tests := []struct {
		name   string
		fields [][2]string
		body   string
		want   string
	}{
		{"a good one, to compare", base("POST", "/ok", [2]string{"content-length", "4"}), "body", "200"},
		{"CONNECT", [][2]string{{":method", "CONNECT"}, {":authority", "a.example:443"}}, "GET /smuggled HTTP/1.1\r\n\r\n", "405"},
		{"a method with a blank", base("GET /smuggled HTTP/1.1", "/"), "", "400"},
		{"a target with a blank", base("GET", "/? HTTP/1.1"), "", "400"},
		{"an absolute target", base("GET", "http://evil.example/"), "", "400"},
		{"a fragment", base("GET", "/x#y"), "", "400"},
		{"two Content-Lengths", base("POST", "/", [2]string{"content-length", "4"}, [2]string{"content-length", "5"}), "body", "400"},
		{"a Content-Length that is no number", base("POST", "/", [2]string{"content-length", "4x"}), "body", "400|reset"},
		{"a signed Content-Length", base("POST", "/", [2]string{"content-length", "+4"}), "body", "400|reset"},
		{"a Content-Length without a body", base("POST", "/", [2]string{"content-length", "4"}), "", "400"},
		{"a malformed :authority", [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", "a.example/x"}, {":path", "/"}}, "", "400"},
		{"no :authority", [][2]string{{":method", "GET"}, {":scheme", "https"}, {":path", "/"}}, "", "400"},
		{"a Host that differs", base("GET", "/", [2]string{"host", "b.example"}), "", "400"},
		{"an upper-case name", base("GET", "/", [2]string{"X-Client-Subject", "x"}), "", "reset"},
		{"a line end in a value", base("GET", "/", [2]string{"x-a", "b\r\nX-Client-Subject: x"}), "", "reset"},
		{"a connection-specific field", base("POST", "/", [2]string{"transfer-encoding", "chunked"}), "body", "400"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			before := len(g.app.requests())
			if got := g.h2(test.fields, test.body); !slices.Contains(strings.Split(test.want, "|"), got) {
				t.Errorf("answer %s, want %s", got, test.want)
			}
			if seen := g.app.requests()[before:]; test.want != "200" && len(seen) != 0 {
				t.Errorf("the application saw %s %s", seen[0].Method, seen[0].URL)
			}
		})
	}
}

func TestWebSocketHandshakeIsAGETWithoutABody(t *testing.T) {
	g := openGate(t, func(g *gate) { g.set.WebSocket = true })
	const upgrade = "Host: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
	for _, request := range []string{
		"POST / HTTP/1.1\r\n" + upgrade + "\r\n",
		"GET / HTTP/1.0\r\n" + upgrade + "\r\n",
		"GET / HTTP/1.1\r\n" + upgrade + "Content-Length: 5\r\n\r\nhello",
		"GET / HTTP/1.1\r\n" + upgrade + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"GET / HTTP/1.1\r\n" + upgrade + "Upgrade: h2c\r\n\r\n",
	} {
		if answer := g.raw(request); !strings.Contains(answer, " 400 ") {
			t.Errorf("%q was answered %q, want 400", request, answer)
		}
	}
	if n := len(g.app.requests()); n != 0 {
		t.Errorf("the application saw %d requests", n)
	}
}

func TestTargetIsForwardedByteForByte(t *testing.T) {
	g := openGate(t)
	for _, target := range []string{
		"/webhook?sig=a;b=%zz&c=%41+%20&&=", "/a%2Fb/%41?x", "/?", "/a//b/../c", "/%E2%82%AC?q=%e2%82%ac",
	} {
		answer := g.raw("GET " + target + " HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n")
		if !strings.HasPrefix(answer, "HTTP/1.1 200 ") {
			t.Fatalf("%s: answer %q", target, answer)
		}
		if got := g.app.last(t).RequestURI; got != target {
			t.Errorf("the application saw %q, want %q", got, target)
		}
	}
}

func TestHostIsForwarded(t *testing.T) {
	g := openGate(t)
	for _, host := range []string{"webhook.example", "webhook.example:8443", "[2001:db8::1]:8443", "192.0.2.1"} {
		g.raw("GET / HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n")
		if r := g.app.last(t); r.Host != host || r.Header.Get("X-Forwarded-Host") != host {
			t.Errorf("the application saw Host %q, X-Forwarded-Host %q, want %q", r.Host, r.Header.Get("X-Forwarded-Host"), host)
		}
	}
}

func TestBodyIsForwardedByteForByte(t *testing.T) {
	g := openGate(t, func(g *gate) { g.set.HTTP2 = true })
	g.app.respond(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Encoding", fmt.Sprint(r.Header["Accept-Encoding"], r.TransferEncoding, r.ContentLength))
		_, _ = bytes.NewBuffer(nil).ReadFrom(r.Body)
		w.Header().Set("Content-Encoding", "gzip") // said, not done: nobody may look
		_, _ = w.Write([]byte("not gzip"))
	})
	for _, h2 := range []bool{false, true} {
		res, err := g.client(g.partner, h2).Post(g.url("/"), "text/plain", strings.NewReader("hello"))
		if err != nil {
			t.Fatal(err)
		}
		if _, body := readAll(t, res); body != "not gzip" || res.Header.Get("Content-Encoding") != "gzip" {
			t.Errorf("HTTP/2 %v: body %q, encoding %q", h2, body, res.Header.Get("Content-Encoding"))
		}
		if got := res.Header.Get("X-Encoding"); got != "[] [] 5" {
			t.Errorf("HTTP/2 %v: the application saw %s", h2, got)
		}
	}
}
