package proxy_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
)

var responseBehaviours = []behaviour{
	{does: "a response of known length arrives whole, with its length", check: func(g *gate, w way) { responsesArrive(g, w, true) }},
	{does: "a response of unknown length arrives whole", check: func(g *gate, w way) { responsesArrive(g, w, false) }},
	{does: "a response of unknown length arrives piece by piece", check: func(g *gate, w way) { downloadStreams(g, w, false) }},
	{does: "a response of known length arrives piece by piece", check: func(g *gate, w way) { downloadStreams(g, w, true) }},
	{does: "a response that ends with its connection arrives whole", check: closeDelimited, where: toHTTP1},
	{does: "a HEAD is answered with a length and no body", check: headHasNoBody},
	{does: "204 and 304 have no body", check: noBody},
	{does: "a status arrives with its body, and a redirect is the client's to follow", check: statuses},
	{does: "the headers of a response arrive, each as often as it was sent", check: responseHeaders},
	{does: "no Content-Type is guessed", check: noSniffing},
	{does: "hop-by-hop headers of a response stay behind", check: responseHopByHop, where: toHTTP1},
	{does: "trailers of a response arrive", check: trailers},
	{does: "an HTTP/1.0 client gets a response it can read", check: http10Client, where: overHTTP1},
	{does: "requests one after the other use one connection", check: keepAlive, where: overHTTP1},
}

func responsesArrive(g *gate, w way, known bool) {
	g.app.respond(func(rw http.ResponseWriter, r *http.Request) {
		size, _ := strconv.Atoi(r.URL.Query().Get("size"))
		if known {
			rw.Header().Set("Content-Length", strconv.Itoa(size))
		} else {
			_ = http.NewResponseController(rw).Flush()
		}
		_, _ = rw.Write(content(size))
	})
	for _, size := range sizes {
		res := w.roundTrip(g, g.request("GET", fmt.Sprint("/?size=", size)))
		b, err := io.ReadAll(res.Body)
		if err != nil || !bytes.Equal(b, content(size)) {
			g.t.Errorf("the client read %d bytes, %v; want %d", len(b), err, size)
		}
		if known && res.ContentLength != int64(size) {
			g.t.Errorf("Content-Length %d, want %d", res.ContentLength, size)
		}
	}
}

// downloadStreams sees each piece at the client before the application makes
// the next.
func downloadStreams(g *gate, w way, known bool) {
	read := make(chan struct{})
	g.app.respond(func(rw http.ResponseWriter, _ *http.Request) {
		if known {
			rw.Header().Set("Content-Length", "9")
		}
		for _, piece := range []string{"one", "two", "six"} {
			_, _ = io.WriteString(rw, piece)
			_ = http.NewResponseController(rw).Flush()
			select {
			case <-read:
			case <-time.After(10 * time.Second):
				return
			}
		}
	})
	res := w.roundTrip(g, g.request("GET", "/"))
	buf := make([]byte, 3)
	for _, want := range []string{"one", "two", "six"} {
		if _, err := io.ReadFull(res.Body, buf); err != nil || string(buf) != want {
			g.t.Fatalf("piece %q %v, want %q", buf, err, want)
		}
		select {
		case read <- struct{}{}:
		case <-g.t.Context().Done():
		}
	}
	if rest, err := io.ReadAll(res.Body); err != nil || len(rest) != 0 {
		g.t.Errorf("at the end: %q %v", rest, err)
	}
}

func closeDelimited(g *gate, w way) {
	for _, head := range []string{"HTTP/1.0 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/plain\r\n\r\n", "HTTP/1.0 404 Not Found\r\nServer: old\r\n\r\n"} {
		g := openGate(g.t, w.serveRaw(func(c net.Conn, _ *bufio.Reader, _ string) {
			_, _ = io.WriteString(c, head)
			_, _ = c.Write(content(100_000))
		}))
		for range 2 {
			res := w.roundTrip(g, g.request("GET", "/"))
			if b, err := io.ReadAll(res.Body); err != nil || !bytes.Equal(b, content(100_000)) || !strings.Contains(head, res.Status) {
				g.t.Errorf("%q: status %s, %d bytes, %v", head, res.Status, len(b), err)
			}
		}
	}
}

func headHasNoBody(g *gate, w way) {
	g.app.respond(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Etag", `"x"`)
		if r.Method == http.MethodHead {
			rw.Header().Set("Content-Length", "1000")
		}
	})
	c := g.client(g.partner, w.h2)
	for range 3 {
		res, err := c.Head(g.url("/"))
		if err != nil {
			g.t.Fatal(err)
		}
		if _, body := readAll(g.t, res); res.ContentLength != 1000 || body != "" || res.Header.Get("Etag") != `"x"` {
			g.t.Errorf("length %d, body %q, %v", res.ContentLength, body, res.Header)
		}
	}
	if status, _ := g.get(c, "/?then"); status != 200 {
		g.t.Errorf("the GET after it: %d", status)
	}
}

func noBody(g *gate, w way) {
	g.app.respond(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Etag", `"x"`)
		switch r.URL.Path {
		case "/204":
			rw.WriteHeader(http.StatusNoContent)
		case "/304":
			rw.WriteHeader(http.StatusNotModified)
		default:
			_, _ = io.WriteString(rw, "body")
		}
	})
	c := g.client(g.partner, w.h2)
	for _, path := range []string{"/204", "/304", "/200", "/304", "/204", "/200"} {
		res, err := c.Get(g.url(path))
		if err != nil {
			g.t.Fatal(err)
		}
		status, body := readAll(g.t, res)
		want := map[string]string{"/200": "body"}[path]
		if fmt.Sprint("/", status) != path || body != want || res.Header.Get("Etag") != `"x"` || path == "/204" && res.Header["Content-Length"] != nil {
			g.t.Errorf("%s: %d %q %v", path, status, body, res.Header)
		}
	}
}

func statuses(g *gate, w way) {
	g.app.respond(func(rw http.ResponseWriter, r *http.Request) {
		status, _ := strconv.Atoi(r.URL.Path[1:])
		rw.Header().Set("Location", "http://elsewhere.example/a?b#c")
		rw.WriteHeader(status)
		_, _ = io.WriteString(rw, "body of "+r.URL.Path)
	})
	for _, status := range []int{200, 201, 206, 301, 307, 400, 401, 404, 407, 418, 426, 429, 500, 503, 599} {
		path := fmt.Sprint("/", status)
		res := w.roundTrip(g, g.request("GET", path))
		got, body := readAll(g.t, res)
		if got != status || body != "body of "+path || res.Header.Get("Location") != "http://elsewhere.example/a?b#c" {
			g.t.Errorf("%d %q %v, want %d", got, body, res.Header, status)
		}
	}
}

func responseHeaders(g *gate, w way) {
	want := http.Header{
		"Set-Cookie": {"a=1; Path=/; HttpOnly", "b=2", "a=3"}, "Date": {"Tue, 15 Nov 1994 08:12:31 GMT"}, "Server": {"test/1"},
		"Content-Type": {"text/plain; charset=latin1"}, "X-Text": {"caf\xe9"}, "X-Empty": {""}, "Vary": {"a", "b, c"}, "Content-Encoding": {"gzip"},
		"Www-Authenticate": {`Basic realm="a, b"`, "Bearer"}, "X-Client-Subject": {"the application may say what it likes"}, "Content-Length": {"4"},
		"X-Long": {strings.Repeat("v", 16<<10)},
	}
	g.app.respond(func(rw http.ResponseWriter, _ *http.Request) {
		for name, values := range want {
			rw.Header()[name] = values
		}
		_, _ = io.WriteString(rw, "body")
	})
	if diff := cmp.Diff(want, w.roundTrip(g, g.request("GET", "/")).Header); diff != "" {
		g.t.Errorf("headers at the client (-want +got):\n%s", diff)
	}
}

func noSniffing(g *gate, w way) {
	g.app.respond(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header()["Content-Type"] = nil
		_, _ = io.WriteString(rw, "<html><script>")
	})
	if got := w.roundTrip(g, g.request("GET", "/")).Header["Content-Type"]; got != nil {
		g.t.Errorf("Content-Type %q", got)
	}
}

func responseHopByHop(g *gate, w way) {
	g.app.respond(func(rw http.ResponseWriter, _ *http.Request) {
		for _, name := range []string{"X-Hop", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Upgrade", "Te"} {
			rw.Header().Set(name, "gone")
		}
		rw.Header()["Connection"] = []string{"X-Hop, keep-alive", "upgrade"}
		rw.Header().Set("X-Stays", "here")
	})
	h := w.roundTrip(g, g.request("GET", "/")).Header
	for name, values := range h {
		if v := strings.Join(values, " "); strings.Contains(v, "gone") || strings.Contains(v, "Hop") {
			g.t.Errorf("the client saw %s: %q", name, values)
		}
	}
	if h.Get("X-Stays") != "here" {
		g.t.Errorf("headers %v", h)
	}
}

func trailers(g *gate, w way) {
	g.app.respond(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Trailer", "X-Sum, X-Status")
		_, _ = io.WriteString(rw, "body")
		_ = http.NewResponseController(rw).Flush()
		rw.Header().Set("X-Sum", "1a2b")
		rw.Header().Set("X-Status", "0")
		rw.Header().Set(http.TrailerPrefix+"X-Unannounced", "too")
	})
	r := g.request("GET", "/")
	r.Header.Set("Te", "trailers")
	res := w.roundTrip(g, r)
	if _, body := readAll(g.t, res); body != "body" {
		g.t.Errorf("body %q", body)
	}
	if diff := cmp.Diff(http.Header{"X-Sum": {"1a2b"}, "X-Status": {"0"}, "X-Unannounced": {"too"}}, res.Trailer); diff != "" {
		g.t.Errorf("trailers at the client (-want +got):\n%s", diff)
	}
}

func http10Client(g *gate, _ way) {
	g.app.respond(func(rw http.ResponseWriter, _ *http.Request) {
		rw.WriteHeader(http.StatusEarlyHints) // which HTTP/1.0 does not know
		_, _ = io.WriteString(rw, "of unknown ")
		_ = http.NewResponseController(rw).Flush()
		_, _ = io.WriteString(rw, "length")
	})
	answer := g.raw("GET / HTTP/1.0\r\nHost: a\r\n\r\n")
	head, body, _ := strings.Cut(answer, "\r\n\r\n")
	if !strings.Contains(head, " 200 ") || strings.Contains(strings.ToLower(head), "transfer-encoding") || body != "of unknown length" {
		g.t.Errorf("answer %q", answer)
	}
}

func keepAlive(g *gate, _ way) {
	g.app.respond(func(rw http.ResponseWriter, r *http.Request) { _, _ = io.Copy(rw, r.Body) })
	c := g.dial(g.partner, nil)
	defer c.Close()
	in := bufio.NewReader(c)
	for i, more := range []string{"", "Connection: keep-alive\r\n", "Connection: close\r\n"} {
		_, _ = fmt.Fprintf(c, "POST /%d HTTP/1.1\r\nHost: a\r\n%sContent-Length: 1\r\n\r\n%d", i, more, i)
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			g.t.Fatal(err)
		}
		if _, body := readAll(g.t, res); body != fmt.Sprint(i) || res.Close != strings.Contains(more, "close") {
			g.t.Errorf("answer %d: %q, close %v", i, body, res.Close)
		}
	}
	if _, err := in.ReadByte(); err != io.EOF {
		g.t.Errorf("after Connection: close: %v, want the end", err)
	}
}
