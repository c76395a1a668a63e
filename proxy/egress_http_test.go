package proxy_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sidegate/sidegate/proxy"
)

// withHTTP2 has the partner speak HTTP/2 as well.
func withHTTP2(o *outlet) {
	o.set.HTTP2 = true
	o.partner.tls.NextProtos = []string{"h2", "http/1.1"}
}

func TestARequestArrivesAtThePartnerAsTheApplicationMadeIt(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		o := openOutlet(t, func(o *outlet) {
			if h2 {
				withHTTP2(o)
			}
		})
		const target = "/a%2Fb/c;d?x=1;y=%zz&&z=%e2%82%ac+"
		r, _ := http.NewRequest("PATCH", o.url("/"), strings.NewReader("body"))
		r.Host = "anything.example:99"
		r.Header = http.Header{
			"X-Own": {"1", "2"}, "X-Forwarded-For": {"192.0.2.1"}, "Forwarded": {"for=192.0.2.1"}, "User-Agent": nil,
			"Connection": {"X-Hop"}, "X-Hop": {"x"}, "Keep-Alive": {"1"}, "Proxy-Connection": {"x"}, "Idempotency-Key": {"k"},
		}
		res, err := (&http.Transport{DisableCompression: true, DisableKeepAlives: true}).RoundTrip(absolute(r, o.addr, target))
		if err != nil {
			t.Fatal(err)
		}
		readAll(t, res)
		got := o.partner.last(t)
		if got.RequestURI != target || got.Method != "PATCH" || got.Host != o.partner.addr {
			t.Errorf("h2 %v: the partner got %s %s for %q", h2, got.Method, got.RequestURI, got.Host)
		}
		want := map[string]string{"X-Own": "[1 2]", "X-Forwarded-For": "[192.0.2.1]", "Forwarded": "[for=192.0.2.1]", "Idempotency-Key": "[k]"}
		for _, name := range []string{"User-Agent", "Connection", "X-Hop", "Keep-Alive", "Proxy-Connection", "Accept-Encoding", "X-Forwarded-Host", "X-Forwarded-Proto", "Te"} {
			want[name] = "[]"
		}
		for name, v := range want {
			if have := fmt.Sprint(got.Header[name]); have != v {
				t.Errorf("h2 %v: the partner got %s: %s, want %s", h2, name, have, v)
			}
		}
		if wantProto := map[bool]string{false: "HTTP/1.1", true: "HTTP/2.0"}[h2]; got.Proto != wantProto {
			t.Errorf("the partner was spoken to in %s", got.Proto)
		}
	}
}

// absolute makes a transport send the target as it is.
func absolute(r *http.Request, addr, target string) *http.Request {
	path, query, _ := strings.Cut(target, "?")
	r.URL = &url.URL{Scheme: "http", Host: addr, Opaque: path, RawQuery: query}
	return r
}

func TestThePortOfHTTPSIsLeftOutOfHost(t *testing.T) {
	for upstream, want := range map[string]string{
		"https://api.example":          "api.example",
		"https://api.example:443":      "api.example",
		"https://api.example.":         "api.example",
		"https://api.example.:8443":    "api.example:8443",
		"https://api.example:8443":     "api.example:8443",
		"https://[2001:db8::1]:443":    "[2001:db8::1]",
		"https://[2001:db8::443]:8443": "[2001:db8::443]:8443",
	} {
		u, err := url.Parse(upstream)
		if err != nil {
			t.Fatal(err)
		}
		s := proxy.EgressSettings{Upstream: u}
		if err := s.Check(); err != nil || s.Authority() != want {
			t.Errorf("Host for %s is %q, want %q; Check: %v", upstream, s.Authority(), want, err)
		}
	}
}

func TestItIsNoForwardProxy(t *testing.T) {
	o := openOutlet(t)
	for _, tt := range []struct{ request, status, word string }{
		{"GET http://other.example/ HTTP/1.1\r\nHost: other.example\r\n\r\n", "400", "absolute-form"},
		{"CONNECT other.example:443 HTTP/1.1\r\nHost: other.example:443\r\n\r\n", "405", "connect"},
		{"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", "400", "upgrade"},
		{"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", "400", "upgrade"},
		{"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "400", "request-malformed"},
		{"GET /x y HTTP/1.1\r\nHost: x\r\n\r\n", "400", ""},
		{"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400", ""},
	} {
		got := o.raw(tt.request)
		if !strings.HasPrefix(got, "HTTP/1.1 "+tt.status) || !strings.Contains(got, tt.word) {
			t.Errorf("%q: answered %q, want %s with %q", tt.request, got, tt.status, tt.word)
		}
		if strings.Contains(tt.request, "other.example") && !strings.Contains(got, "this is not a forward proxy") {
			t.Errorf("%q: answered %q, which does not say that this is not a forward proxy", tt.request, got)
		}
	}
	if n := len(o.partner.requests()); n != 0 {
		t.Errorf("the partner got %d requests", n)
	}
}

func TestOnlyAllowedPathsPass(t *testing.T) {
	o := openOutlet(t, func(o *outlet) { o.set.AllowPaths = []string{"/v1/*", "/health"} })
	for path, want := range map[string]string{
		"/v1/orders?x=/../": "200", "/health": "200",
		"/v2": "403 path-not-allowed", "/healthy": "403 path-not-allowed", "/v1/..%2fv2": "403 path-ambiguous", "/v1/%2e%2e/v2": "403 path-ambiguous",
	} {
		status, body := o.get(path)
		code, word, _ := strings.Cut(want, " ")
		if fmt.Sprint(status) != code || !strings.Contains(body, word) {
			t.Errorf("GET %s = %d %q, want %s", path, status, body, want)
		}
	}
	if n := len(o.partner.requests()); n != 2 {
		t.Errorf("the partner got %d requests, want 2", n)
	}
}

func TestAPOSTIsNeverSentTwice(t *testing.T) {
	o := openOutlet(t)
	var posts, gets atomic.Int64
	addr := wire(t, o.partner.tls, func(c *tls.Conn, in *bufio.Reader) {
		for first := true; ; first = false {
			r, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, r.Body)
			if r.Method == "POST" {
				posts.Add(1)
				return // hang up, now that it came
			}
			if gets.Add(1); !first {
				return
			}
			_, _ = io.WriteString(c, "HTTP/1.1 204 No Content\r\n\r\n")
		}
	})
	o.configure(func(o *outlet) { o.set.Upstream.Host = addr })
	for _, body := range []string{"", "x"} {
		if status, _ := o.get("/"); status != 204 {
			t.Fatalf("GET = %d", status)
		}
		if status, text := o.postOnce(body); status != 502 || !strings.Contains(text, "server-failed") {
			t.Errorf("POST = %d %q, want 502 server-failed", status, text)
		}
	}
	if n := posts.Load(); n != 2 {
		t.Errorf("the partner got %d POSTs of 2", n)
	}
	o.get("/")
	if status, _ := o.get("/"); status != 204 || gets.Load() != 5 {
		t.Errorf("GET on a connection that the server closed = %d after %d, want it sent again once", status, gets.Load())
	}
}

func TestADrainLetsRequestsFinish(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		t.Run(fmt.Sprintf("app HTTP/2 %v", h2), func(t *testing.T) { drains(t, openOutlet(t), h2) })
	}
}

func drains(t *testing.T, o *outlet, h2 bool) {
	arrived, finish := make(chan struct{}), make(chan struct{})
	o.partner.respond(func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-finish
		_, _ = io.WriteString(w, "finished")
	})
	type answer struct {
		res *http.Response
		err error
	}
	answered := make(chan answer, 1)
	go func() {
		res, err := o.client(h2).Get(o.url("/"))
		answered <- answer{res, err}
	}()
	<-arrived
	drained := make(chan error, 1)
	go func() { drained <- o.out.Drain(t.Context()) }()
	eventually(t, "that nobody is let in any more", func() bool {
		c, err := net.Dial("tcp", o.addr)
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	}, func() string { return "it listens" })
	close(finish)
	a := <-answered
	if a.err != nil {
		t.Fatal(a.err)
	}
	if _, body := readAll(t, a.res); body != "finished" || !h2 && !a.res.Close {
		t.Errorf("answered %q, with Connection: close %v", body, a.res.Close)
	}
	if err := <-drained; err != nil {
		t.Errorf("Drain: %v", err)
	}
	eventually(t, "no connection left", func() bool { return o.out.Connections() == 0 && len(o.partner.serials()) == 0 },
		func() string { return fmt.Sprint(o.out.Connections(), o.partner.serials()) })
}
