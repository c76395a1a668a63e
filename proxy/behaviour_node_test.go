package proxy_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"
)

// startNode starts testdata/node/app.js, which closes its connections when they
// were idle for so long.
func startNode(t *testing.T, keepAlive time.Duration) option {
	t.Helper()
	binary, err := exec.LookPath("node")
	if err != nil {
		t.Skip("Node.js is not installed: apt-get install nodejs")
	}
	cmd := exec.CommandContext(t.Context(), binary, "testdata/node/app.js", fmt.Sprint(keepAlive.Milliseconds()))
	cmd.Stderr = t.Output()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close() // which ends it
		_ = cmd.Wait()
	})
	port, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("Node.js did not say its port: %v", err)
	}
	return func(g *gate) {
		g.set.HTTP2, g.set.WebSocket = true, true
		g.set.Upstream = &url.URL{Scheme: "http", Host: "127.0.0.1:" + strings.TrimSpace(port)}
	}
}

func TestNode(t *testing.T) {
	t.Parallel()
	g := openGate(t, startNode(t, 300*time.Millisecond))
	for _, h2 := range []bool{false, true} {
		w := way{h2: h2, app: "http"}
		t.Run(fmt.Sprintf("HTTP2 %v", h2), func(t *testing.T) {
			for _, b := range []behaviour{
				{does: "a request arrives as it was sent", check: nodeEcho},
				{does: "responses without a body, and with one after them", check: nodeStatuses},
				{does: "a response arrives piece by piece", check: nodeStream},
				{does: "an answer that does not wait for the body arrives", check: nodeEarly},
				{does: "early hints and trailers arrive", check: nodeExtras},
				{does: "when it dies, 502 and then all is well again", check: nodeDies},
			} {
				t.Run(b.does, func(t *testing.T) { b.check(g.within(t), w) })
			}
		})
	}
	t.Run("WebSocket", func(t *testing.T) { nodeWebSocket(g.within(t)) })
}

func nodeEcho(g *gate, w way) {
	for _, size := range sizes {
		for _, known := range []bool{true, false} {
			r := g.request("PUT", "/echo?sig=a;b=%zz&&c=%41+")
			r.Header["X-Many"] = []string{"b", "a, c"}
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(content(size))), int64(size)
			if !known {
				r.ContentLength = -1
			} else if size == 0 {
				r.Body = http.NoBody
			}
			res := w.roundTrip(g, r)
			var got struct {
				Method, URL, Sum string
				RawHeaders       []string
				Length           int
			}
			if _, body := readAll(g.t, res); json.Unmarshal([]byte(body), &got) != nil {
				g.t.Fatalf("answer %q", body)
			}
			sum := sha256.Sum256(content(size))
			if got.Method != "PUT" || got.URL != "/echo?sig=a;b=%zz&&c=%41+" || got.Length != size || got.Sum != hex.EncodeToString(sum[:]) {
				g.t.Errorf("%d bytes, known %v: the application got %+v", size, known, got)
			}
			if got := valuesOf(got.RawHeaders, "X-Many"); !slices.Equal(got, []string{"b", "a, c"}) {
				g.t.Errorf("X-Many at the application: %q", got)
			}
			if got := valuesOf(got.RawHeaders, "X-Client-Subject"); !slices.Equal(got, []string{partnerDN}) {
				g.t.Errorf("X-Client-Subject at the application: %q", got)
			}
			if diff := cmp.Diff([]string{"a=1", "b=2"}, res.Header["Set-Cookie"]); diff != "" {
				g.t.Errorf("Set-Cookie (-want +got):\n%s", diff)
			}
		}
	}
}

// valuesOf picks the values of a header from names and values by turns.
func valuesOf(raw []string, name string) (values []string) {
	for pair := range slices.Chunk(raw, 2) {
		if strings.EqualFold(pair[0], name) {
			values = append(values, pair[1])
		}
	}
	return values
}

func nodeStatuses(g *gate, w way) {
	c := g.client(g.partner, w.h2)
	var chunks strings.Builder
	for i := range 100 {
		fmt.Fprintf(&chunks, "chunk %d\n", i)
	}
	for range 3 {
		for _, test := range []struct {
			method, path string
			status       int
			body         string
		}{
			{"GET", "/204", 204, ""}, {"GET", "/304", 304, ""}, {"GET", "/absent", 404, "not here"}, {"HEAD", "/length?size=1000", 200, ""},
			{"GET", "/chunks", 200, chunks.String()}, {"HEAD", "/chunks", 200, ""}, {"GET", "/length?size=100000", 200, strings.Repeat("n", 100_000)}, {"GET", "/length?size=0", 200, ""},
		} {
			res, err := c.Do(g.request(test.method, test.path))
			if err != nil {
				g.t.Fatal(err)
			}
			if status, body := readAll(g.t, res); status != test.status || body != test.body {
				g.t.Errorf("%s %s: %d %.100q, want %d %.100q", test.method, test.path, status, body, test.status, test.body)
			}
			if test.method == "HEAD" && strings.HasPrefix(test.path, "/length") && res.ContentLength != 1000 {
				g.t.Errorf("HEAD: length %d", res.ContentLength)
			}
		}
	}
}

func nodeStream(g *gate, w way) {
	res := w.roundTrip(g, g.request("GET", "/stream"))
	in := bufio.NewReader(res.Body)
	c := g.client(g.partner, w.h2)
	for i := range 4 {
		if piece, err := in.ReadString('\n'); err != nil || piece != fmt.Sprintf("piece %d\n", i) {
			g.t.Fatalf("%q %v, want piece %d", piece, err, i)
		}
		if i < 3 { // only now is the next one made
			g.get(c, "/next")
		}
	}
	if rest, err := io.ReadAll(in); err != nil || len(rest) != 0 {
		g.t.Errorf("at the end: %q %v", rest, err)
	}
}

func nodeEarly(g *gate, w way) {
	for _, size := range sizes {
		r := g.request("POST", "/early")
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(content(size))), int64(size)
		if status, body := readAll(g.t, w.roundTrip(g, r)); status != 413 || body != "too much" {
			g.t.Errorf("%d bytes: %d %q", size, status, body)
		}
	}
}

func nodeExtras(g *gate, w way) {
	var hints []string
	trace := &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
		hints = append(hints, fmt.Sprint(code, h["Link"]))
		return nil
	}}
	r := g.request("GET", "/hints")
	_, body := readAll(g.t, w.roundTrip(g, r.WithContext(httptrace.WithClientTrace(r.Context(), trace))))
	if diff := cmp.Diff([]string{"103 [</a.css>; rel=preload; as=style]"}, hints); diff != "" || body != "hinted" {
		g.t.Errorf("body %q; hints (-want +got):\n%s", body, diff)
	}
	r = g.request("GET", "/trailers")
	r.Header.Set("Te", "trailers")
	res := w.roundTrip(g, r)
	if _, body := readAll(g.t, res); body != "body" || res.Trailer.Get("X-Sum") != "1a2b" {
		g.t.Errorf("body %q, trailers %v", body, res.Trailer)
	}
}

func nodeDies(g *gate, w way) {
	c := g.client(g.partner, w.h2)
	for range 3 {
		if status, body := g.get(c, "/die"); status != 502 || !strings.Contains(body, "app-failed") {
			g.t.Errorf("answer %d %q, want 502", status, body)
		}
		if status, _ := g.get(c, "/length?size=1"); status != 200 {
			g.t.Errorf("the request after it: %d", status)
		}
	}
}

func nodeWebSocket(g *gate) {
	ctx, cancel := context.WithTimeout(g.t.Context(), 10*time.Second)
	defer cancel()
	c, _, err := websocket.Dial(ctx, "wss://"+g.addr+"/ws", &websocket.DialOptions{HTTPClient: g.client(g.partner, false)})
	if err != nil {
		g.t.Fatal(err)
	}
	defer c.CloseNow()
	for _, size := range []int{0, 1, 125, 126, 16_000} {
		said := strings.Repeat("w", size)
		if err := c.Write(ctx, websocket.MessageText, []byte(said)); err != nil {
			g.t.Fatal(err)
		}
		if _, b, err := c.Read(ctx); err != nil || string(b) != said {
			g.t.Fatalf("echo of %d bytes: %d bytes, %v", size, len(b), err)
		}
	}
	if err := c.Close(websocket.StatusNormalClosure, "bye"); err != nil {
		g.t.Errorf("close: %v", err)
	}
}

// Node.js closes a connection that was idle for its keepAliveTimeout, at the
// very moment at which the gate may be writing a request to it. Pauses around
// that moment are made by tickers, so that some requests fall into it.
func TestNodeThatClosesIdleConnections(t *testing.T) {
	t.Parallel()
	const idle = 300 * time.Millisecond
	g := openGate(t, startNode(t, idle))
	var callers sync.WaitGroup
	for i := range 40 {
		c := g.client(g.partner, i%4 == 0)
		callers.Go(func() {
			tick := time.NewTicker(idle + time.Duration(i-20)*time.Millisecond/4)
			defer tick.Stop()
			for n := range 9 {
				<-tick.C
				res, err := c.Get(g.url("/length?size=10"))
				if err != nil {
					t.Errorf("caller %d, request %d: %v", i, n, err)
					return
				}
				b, err := io.ReadAll(res.Body)
				res.Body.Close()
				if res.StatusCode != 200 || len(b) != 10 || err != nil {
					t.Errorf("caller %d, request %d: %d %q %v", i, n, res.StatusCode, b, err)
				}
			}
		})
	}
	callers.Wait()
}
