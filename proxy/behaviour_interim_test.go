package proxy_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sidegate/sidegate/proxy"
)

var interimBehaviours = []behaviour{
	{does: "early hints reach the client before the answer", check: earlyHints},
	{does: "a client that waits for 100 gets it, and its body arrives", check: continued},
	{does: "a client that waits for 100 is refused by the gate without it", check: func(g *gate, w way) {
		refusedWithoutContinue(openGate(g.t, w.serve, withLimits(proxy.Limits{BodyBytes: 1000})), w, true)
	}},
	{does: "a client that waits for 100 is refused by the application at once", check: func(g *gate, w way) {
		g.app.respond(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusRequestEntityTooLarge) })
		refusedWithoutContinue(g, w, false)
	}},
	{does: "a client that waits for 100 is refused by the application without it", check: func(g *gate, w way) {
		g.app.respond(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusRequestEntityTooLarge) })
		refusedWithoutContinue(g, w, true)
	}, where: overHTTP1, overH2C: "net/http's server says 100 when the body is first read, which http.Transport does before the application has answered"},
}

func earlyHints(g *gate, w way) {
	release := make(chan struct{})
	g.app.respond(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header()["Link"] = []string{"</a.css>; rel=preload", "</b.css>; rel=preload"}
		rw.WriteHeader(http.StatusEarlyHints)
		rw.WriteHeader(http.StatusProcessing)
		select {
		case <-release: // by the client, who has seen them
		case <-time.After(10 * time.Second):
		}
		delete(rw.Header(), "Link")
		_, _ = io.WriteString(rw, "body")
	})
	var hints []string
	trace := &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
		if hints = append(hints, fmt.Sprint(code, len(h["Link"]))); len(hints) == 2 {
			close(release)
		}
		return nil
	}}
	r := g.request("GET", "/")
	res, err := g.client(g.partner, w.h2).Do(r.WithContext(httptrace.WithClientTrace(r.Context(), trace)))
	if err != nil {
		g.t.Fatal(err)
	}
	status, body := readAll(g.t, res)
	if diff := cmp.Diff([]string{"103 2", "102 2"}, hints); diff != "" || status != 200 || body != "body" || res.Header["Link"] != nil {
		g.t.Errorf("%d %q %v after %v", status, body, res.Header, hints)
	}
}

// expecting sends a body of 2000 bytes that waits for a 100.
func expecting(g *gate, w way) (res *http.Response, continued bool) {
	g.t.Helper()
	var got100 atomic.Bool
	trace := &httptrace.ClientTrace{Got100Continue: func() { got100.Store(true) }}
	r := g.request("POST", "/")
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(content(2000))), 2000
	r.Header.Set("Expect", "100-continue")
	c := g.client(g.partner, w.h2)
	c.Transport.(*http.Transport).ExpectContinueTimeout = 15 * time.Second
	res, err := c.Do(r.WithContext(httptrace.WithClientTrace(r.Context(), trace)))
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { _ = res.Body.Close() })
	return res, got100.Load()
}

func continued(g *gate, w way) {
	g.app.respond(receipt)
	res, got100 := expecting(g, w)
	if _, body := readAll(g.t, res); !got100 || !strings.HasPrefix(body, "2000 bytes") {
		g.t.Errorf("100: %v; the application got %s", got100, body)
	}
}

func refusedWithoutContinue(g *gate, w way, strictly bool) {
	start := time.Now()
	res, got100 := expecting(g, w)
	if took := time.Since(start); res.StatusCode != 413 || took > 5*time.Second || strictly && got100 {
		g.t.Errorf("status %d after %v, 100 before it: %v; want 413 at once", res.StatusCode, took, got100)
	}
}
