package proxy_test

import (
	"bufio"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
)

var requestBehaviours = []behaviour{
	{does: "a method arrives as it was sent", check: methodsArrive},
	{does: "a target arrives byte for byte", check: targetsArrive},
	{does: "a target that RFC 3986 does not allow arrives byte for byte or is refused", check: oddTargets,
		overH2C: "net/url encodes what RFC 3986 does not allow in a path"},
	{does: "the values of a header arrive in their order", check: headersArrive},
	{does: "cookies that HTTP/2 has cut in crumbs arrive as one header", check: cookieCrumbs, where: overHTTP2},
	{does: "hop-by-hop headers do not arrive", check: hopByHop, where: overHTTP1},
	{does: "Expect does not arrive", check: expectStays},
	{does: "the application learns who calls, from where, and which host", check: identityArrives},
	{does: "the application gets no header that nobody sent", check: nothingInvented, where: toHTTP1},
}

func methodsArrive(g *gate, w way) {
	for _, method := range []string{"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND", "M-SEARCH", "get", "TRACE", "!#$%&'*+-.^_`|~09azAZ"} {
		if status := w.exactly(g, method, "/"); status != "200" {
			g.t.Errorf("%s: answer %s", method, status)
		} else if got := g.app.last(g.t).Method; got != method {
			g.t.Errorf("the application saw the method %q, want %q", got, method)
		}
	}
}

func targetsArrive(g *gate, w way) {
	for _, target := range []string{
		"/", "/?", "/a", "/a?", "/a%2Fb/%41%2e%2E?x", "/%E2%82%AC?q=%e2%82%ac", "/a//b/../c/./d/", "//b.example/x", "/a;b=c,d:e@f!$&'()*+=~-._",
		"/?sig=a;b=%zz&c=%41+%20&&=&%", "/?a=/../&b=?&c='\"<>|{}^`\\[]", "/?https://b.example/", "/" + strings.Repeat("a", 4000) + "?" + strings.Repeat("b", 4000),
	} {
		if status := w.exactly(g, "GET", target); status != "200" {
			g.t.Errorf("%.100s: answer %s", target, status)
		} else if got := g.app.last(g.t).RequestURI; got != target {
			g.t.Errorf("the application saw %.100q, want %.100q", got, target)
		}
	}
}

func oddTargets(g *gate, w way) {
	for _, target := range []string{"/a|b", "/{a}", "/a^b", "/a`b", `/a"b`, "/<a>", `/a\b`, "/[a]"} {
		before := len(g.app.requests())
		switch status := w.exactly(g, "GET", target); {
		case status == "400" && len(g.app.requests()) == before:
		case status != "200":
			g.t.Errorf("%s: answer %s", target, status)
		case g.app.last(g.t).RequestURI != target:
			g.t.Errorf("the application saw %q, want %q", g.app.last(g.t).RequestURI, target)
		}
	}
}

func headersArrive(g *gate, w way) {
	long := strings.Repeat("v", 8<<10)
	fields := [][2]string{
		{"X-Many", "b"}, {"X-Other", "1"}, {"X-Many", "a, c"}, {"X-Many", ""}, {"X-Many", "b"},
		{"X-Text", "caf\xe9 \xff\x80\tx"}, {"X-Empty", ""}, {"X-Long", long}, {"!#$%&'*+-.^_`|~09", "token"},
		{"Authorization", "Bearer a.b-c"}, {"Accept-Encoding", "br;q=1.0, gzip"}, {"User-Agent", "test/1 (a; b)"}, {"Upgrade-Insecure-Requests", "1"},
	}
	if status := w.exactly(g, "GET", "/", fields...); status != "200" {
		g.t.Fatalf("answer %s", status)
	}
	got, want := g.app.last(g.t).Header, http.Header{}
	for _, f := range fields {
		want.Add(f[0], f[1])
	}
	for name := range want {
		if diff := cmp.Diff(want[name], got[name]); diff != "" {
			g.t.Errorf("%s at the application (-want +got):\n%s", name, diff)
		}
	}
}

func cookieCrumbs(g *gate, w way) {
	w.exactly(g, "GET", "/", [2]string{"cookie", "a=1"}, [2]string{"cookie", "b=2"}, [2]string{"cookie", "c=3"})
	if got := g.app.last(g.t).Header["Cookie"]; len(got) != 1 || got[0] != "a=1; b=2; c=3" {
		g.t.Errorf("Cookie %q, want one (RFC 9113 §8.2.3)", got)
	}
}

func hopByHop(g *gate, _ way) {
	answer := g.raw("GET / HTTP/1.1\r\nHost: a\r\nConnection: X-Hop,  x-hop-TOO ,TE\r\nConnection: Keep-Alive, close\r\nX-Hop: gone\r\nX-HOP-too: gone\r\nx-hop: gone\r\n" +
		"Keep-Alive: timeout=gone\r\nProxy-Connection: gone\r\nProxy-Authorization: gone\r\nProxy-Authenticate: gone\r\nTE: gone, deflate;q=0.5\r\nX-Stays: here\r\n\r\n")
	if !strings.HasPrefix(answer, "HTTP/1.1 200 ") {
		g.t.Fatalf("answer %.200q", answer)
	}
	h := g.app.last(g.t).Header
	for name, values := range h {
		if strings.Contains(strings.Join(values, " "), "gone") {
			g.t.Errorf("the application saw %s: %q", name, values)
		}
	}
	if c := strings.ToLower(strings.Join(h["Connection"], ",")); strings.Contains(c, "hop") || h.Get("X-Stays") != "here" {
		g.t.Errorf("the application saw %v", h)
	}
}

func expectStays(g *gate, w way) {
	r := g.request("POST", "/")
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader("body")), 4
	r.Header.Set("Expect", "100-continue")
	if res := w.roundTrip(g, r); res.StatusCode != 200 {
		g.t.Errorf("status %d", res.StatusCode)
	}
	// The relay lets an HTTP/1.1 application decide (RFC 9110 §10.1.1); over h2c net/http decides alone.
	if got := g.app.last(g.t).Header["Expect"]; got != nil && !toHTTP1(w) {
		g.t.Errorf("the application saw Expect: %q", got)
	}
}

func identityArrives(g *gate, w way) {
	var forgeries [][2]string
	for _, name := range []string{"X-Client-Subject", "X_Client_Subject", "x-client.rule", "X-Forwarded-For", "X-Forwarded-Proto", "Forwarded"} {
		forgeries = append(forgeries, [2]string{name, forged})
	}
	if status := w.exactly(g, "GET", "/", forgeries...); status != "200" {
		g.t.Fatalf("answer %s", status)
	}
	r, leaf := g.app.last(g.t), g.partner.Leaf
	want := map[string]string{
		"X-Client-Subject": partnerDN, "X-Client-Issuer": "CN=Client CA,O=Trust,C=BE", "X-Client-Rule": "partner",
		"X-Client-Serial": hex.EncodeToString(leaf.SerialNumber.Bytes()), "X-Client-Fingerprint": r.Header.Get("X-Client-Fingerprint"),
		"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "a.example",
	}
	got := map[string]string{}
	for name, values := range r.Header {
		if strings.HasPrefix(name, "X-") || strings.Contains(strings.Join(values, " "), forged) {
			got[name] = strings.Join(values, " and ")
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		g.t.Errorf("identity at the application (-want +got):\n%s", diff)
	}
	if len(want["X-Client-Fingerprint"]) != 64 || r.Host != "a.example" {
		g.t.Errorf("fingerprint %q, Host %q", want["X-Client-Fingerprint"], r.Host)
	}
}

func nothingInvented(g *gate, w way) {
	heads := make(chan string, 1)
	g = openGate(g.t, w.serveRaw(func(c net.Conn, _ *bufio.Reader, head string) {
		heads <- head
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	}))
	if status := w.exactly(g, "GET", "/x", [2]string{"X-Own", "v"}); status != "200" {
		g.t.Fatalf("answer %s", status)
	}
	lines := strings.Split(strings.TrimSuffix(<-heads, "\r\n\r\n"), "\r\n")
	var names []string
	for _, line := range lines[1:] {
		name, _, _ := strings.Cut(line, ":")
		names = append(names, name)
	}
	slices.Sort(names)
	want := []string{"Host", "X-Client-Fingerprint", "X-Client-Issuer", "X-Client-Rule", "X-Client-Serial", "X-Client-Subject",
		"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Own"}
	if diff := cmp.Diff(want, names); diff != "" || lines[0] != "GET /x HTTP/1.1" {
		g.t.Errorf("the application got %q; headers (-want +got):\n%s", lines[0], diff)
	}
}
