package proxy_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

var bodyBehaviours = []behaviour{
	{does: "a request body of known length arrives whole, with its length", check: func(g *gate, w way) { bodiesArrive(g, w, true) }},
	{does: "a request body of unknown length arrives whole", check: func(g *gate, w way) { bodiesArrive(g, w, false) }},
	{does: "a request body arrives while the client still holds the rest", check: uploadStreams},
	{does: "a request body that breaks off does not arrive as a whole one", check: brokenUploads},
	{does: "an early answer reaches a client that is still sending", check: earlyAnswer},
	{does: "a client that is still sending reads an answer as it is made", check: fullDuplex, where: overHTTP2},
	{does: "a connection with half a request on it is not used for the next", check: halfARequest, where: toHTTP1},
}

// sizes of bodies: none, the least, one TLS record, and more than any buffer.
var sizes = []int{0, 1, 16 << 10, 1 << 20}

// content returns that many bytes, which nobody writes to, without a pattern
// that would hide a piece that is missing or came twice.
func content(size int) []byte { return random()[:size] }

var random = sync.OnceValue(func() []byte {
	b := make([]byte, sizes[len(sizes)-1])
	_, _ = rand.New(rand.NewSource(1)).Read(b)
	return b
})

// receipt makes an application that answers with what it got.
func receipt(w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(r.Body)
	fmt.Fprintf(w, "%d bytes, sum %08x, announced %d, encoding %v, error %v", len(b), crc32.ChecksumIEEE(b), r.ContentLength, r.TransferEncoding, err)
}

func bodiesArrive(g *gate, w way, known bool) {
	g.app.respond(receipt)
	for _, size := range sizes {
		b := content(size)
		announced, encoding := size, "[]"
		r := g.request("POST", "/")
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(size)
		switch {
		case !known:
			r.ContentLength = -1
			if announced = -1; toHTTP1(w) {
				encoding = "[chunked]"
			}
		case size == 0:
			r.Body = http.NoBody
		}
		_, got := readAll(g.t, w.roundTrip(g, r))
		want := fmt.Sprintf("%d bytes, sum %08x, announced %d, encoding %s, error <nil>", size, crc32.ChecksumIEEE(b), announced, encoding)
		if got != want {
			g.t.Errorf("the application got %s, want %s", got, want)
		}
	}
}

func uploadStreams(g *gate, w way) {
	got := make(chan byte)
	g.app.respond(func(_ http.ResponseWriter, r *http.Request) {
		in := bufio.NewReader(r.Body)
		for {
			b, err := in.ReadByte()
			if err != nil {
				return
			}
			got <- b
		}
	})
	body, feed := io.Pipe()
	go func() {
		defer feed.Close()
		for _, piece := range []byte("abc") { // each is seen before the next is sent
			_, _ = feed.Write([]byte{piece})
			select {
			case b := <-got:
				if b != piece {
					g.t.Errorf("the application got %q, want %q", b, piece)
				}
			case <-time.After(10 * time.Second):
				g.t.Errorf("%q has not arrived", piece)
			}
		}
	}()
	r := g.request("POST", "/")
	r.Body = body
	if res := w.roundTrip(g, r); res.StatusCode != 200 {
		g.t.Errorf("status %d", res.StatusCode)
	}
}

func brokenUploads(g *gate, w way) {
	begins, ends := make(chan struct{}), make(chan error, 1)
	g.app.respond(func(_ http.ResponseWriter, r *http.Request) {
		begins <- struct{}{}
		_, err := io.Copy(io.Discard, r.Body)
		ends <- err
	})
	for _, length := range []int64{10, -1} {
		body, feed := io.Pipe()
		go func() {
			_, _ = feed.Write([]byte("half"))
			<-begins
			_ = feed.CloseWithError(errors.New("the client has changed its mind"))
		}()
		r := g.request("POST", "/")
		r.Body, r.ContentLength = body, length
		if res, err := g.client(g.partner, w.h2).Transport.RoundTrip(r); err == nil {
			res.Body.Close() // the gate may be quick enough to tell the client what it did
		}
		select {
		case err := <-ends:
			if err == nil {
				g.t.Errorf("length %d: the application read half a body as a whole one", length)
			}
		case <-time.After(10 * time.Second):
			g.t.Errorf("length %d: the application still waits for the rest", length)
		}
	}
}

func earlyAnswer(g *gate, w way) {
	if toHTTP1(w) { // net/http's own server would wait for the body
		g = openGate(g.t, w.serveRaw(func(c net.Conn, in *bufio.Reader, _ string) {
			_, _ = io.WriteString(c, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 3\r\n\r\nno\n")
			_, _ = io.Copy(io.Discard, in)
		}))
	}
	g.app.respond(func(rw http.ResponseWriter, _ *http.Request) { http.Error(rw, "no", http.StatusUnauthorized) })
	for _, length := range []int64{1 << 20, -1} {
		body, feed := io.Pipe()
		go func() { _, _ = feed.Write([]byte("x")) }() // and then it waits for an answer
		start := time.Now()
		r := g.request("POST", "/")
		r.Body, r.ContentLength = body, length
		res := w.roundTrip(g, r)
		if took := time.Since(start); res.StatusCode != 401 || took > 5*time.Second {
			g.t.Errorf("length %d: status %d after %v, want 401 at once", length, res.StatusCode, took)
		}
		if b, err := io.ReadAll(res.Body); err != nil || string(b) != "no\n" {
			g.t.Errorf("length %d: body %q %v", length, b, err)
		}
		_ = feed.Close()
	}
}

func fullDuplex(g *gate, w way) {
	g.app.respond(func(rw http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(rw)
		_ = rc.EnableFullDuplex()
		_ = rc.Flush()
		buf := make([]byte, 1)
		for {
			if _, err := io.ReadFull(r.Body, buf); err != nil {
				return
			}
			_, _ = rw.Write(buf)
			_ = rc.Flush()
		}
	})
	body, feed := io.Pipe()
	defer feed.Close()
	r := g.request("POST", "/")
	r.Body = body
	res := w.roundTrip(g, r)
	buf := make([]byte, 1)
	for _, piece := range []string{"a", "b", "c"} {
		_, _ = io.WriteString(feed, piece)
		if _, err := io.ReadFull(res.Body, buf); err != nil || string(buf) != piece {
			g.t.Fatalf("echo %q %v, want %q", buf, err, piece)
		}
	}
}

// halfARequest would be the beginning of a request smuggled by the gate itself:
// the application takes the next one for the rest of the body.
func halfARequest(g *gate, w way) {
	g = openGate(g.t, w.serveRaw(func(c net.Conn, in *bufio.Reader, head string) {
		for ; head != ""; head = readHead(in) {
			_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n%.4s", head)
			if strings.HasPrefix(head, "POST") {
				_, _ = io.CopyN(io.Discard, in, 100_000)
			}
		}
	}))
	for range 3 {
		body, feed := io.Pipe()
		ctx, cancel := context.WithCancel(g.t.Context())
		r := g.request("POST", "/").WithContext(ctx)
		r.Body, r.ContentLength = body, 100_000
		go func() { _, _ = io.WriteString(feed, "half") }()
		if res, err := g.client(g.partner, w.h2).Transport.RoundTrip(r); err == nil {
			res.Body.Close()
		}
		cancel()
		_ = feed.Close()
		for range 3 {
			if status, got := g.get(g.client(g.partner, w.h2), "/"); status != 200 || got != "GET " {
				g.t.Errorf("the next request was answered %d %q", status, got)
			}
		}
	}
}
