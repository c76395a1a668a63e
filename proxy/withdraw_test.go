package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sidegate/sidegate/proxy"
)

// soon is how long a withdrawal takes at the most, beyond its grace.
const soon = time.Second

// A patient application does what its paths say until it is released, and tells
// when somebody has come, and when a client has gone.
type patient struct {
	come, gone chan string // paths
	release    chan struct{}
}

func newPatient(g *gate) *patient {
	a := &patient{make(chan string, 99), make(chan string, 99), make(chan struct{})}
	g.app.respond(a.serve)
	return a
}

func (a *patient) serve(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/upload":
		a.come <- r.URL.Path
		_, _ = io.Copy(io.Discard, r.Body)
	case "/stream":
		_, _ = io.WriteString(w, "begun, ")
		_ = http.NewResponseController(w).Flush()
		fallthrough
	default:
		a.come <- r.URL.Path
	}
	select {
	case <-r.Context().Done():
		a.gone <- r.URL.Path
	case <-a.release:
		_, _ = io.WriteString(w, "done")
	}
}

// An outcome is how a request went, as its client saw it.
type outcome struct {
	status int
	body   string
	closed bool  // the connection, with the response
	err    error // of its end
}

// ask makes a request and tells how it goes. What an upload sends never ends. It
// returns when the request, or if it is a stream the beginning of the response, has
// arrived.
func (g *gate) ask(c *http.Client, app *patient, path string) <-chan outcome {
	g.t.Helper()
	r := g.request("GET", path)
	if path == "/upload" {
		body, feed := io.Pipe()
		g.t.Cleanup(func() { _ = feed.Close() })
		r.Method, r.Body = "POST", body
		go func() { _, _ = feed.Write([]byte("the beginning")) }()
	}
	out, begun := make(chan outcome, 1), make(chan string, 1)
	go func() {
		res, err := c.Do(r)
		if err != nil {
			out <- outcome{err: err}
			return
		}
		defer res.Body.Close()
		in := bufio.NewReader(res.Body)
		_, _ = in.Peek(1)
		begun <- path
		b, err := io.ReadAll(in)
		out <- outcome{res.StatusCode, string(b), res.Close, err}
	}()
	must(g.t, app.come, path, "never came")
	if path == "/stream" {
		must(g.t, begun, path, "never began")
	}
	return out
}

// exclude changes the rules so that the partner is let in no more.
func (g *gate) exclude() {
	g.configure(func(s *proxy.Settings) { s.Policy = allowing(g.t, "CN=other") })
}

// waitTold waits until so many requests under way have been withdrawn.
func (g *gate) waitTold(n int) {
	g.t.Helper()
	eventually(g.t, fmt.Sprintf("%d requests withdrawn", n), func() bool { return g.in.Withdrawn() == n },
		func() string { return fmt.Sprint(g.in.Withdrawn()) })
}

// must takes the next path from c.
func must(t *testing.T, c <-chan string, want, otherwise string) {
	t.Helper()
	select {
	case got := <-c:
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	case <-time.After(10 * time.Second):
		t.Fatalf("%s: %s", want, otherwise)
	}
}

func eachWay(t *testing.T, run func(t *testing.T, w way)) {
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			w.dir = t.TempDir()
			run(t, w)
		})
	}
}

func TestARequestUnderWayIsWithdrawn(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		for path, answered := range map[string]bool{"/think": true, "/upload": true, "/stream": false} {
			t.Run(path[1:], func(t *testing.T) {
				g := openGate(t, w.serve)
				app := newPatient(g)
				out := g.ask(g.client(g.partner, w.h2), app, path)
				start := time.Now()
				g.exclude()
				o := <-out
				if took := time.Since(start); took > soon {
					t.Errorf("it took %v", took)
				}
				switch {
				case answered && (o.status != 403 || o.body != "403 Forbidden: subject-not-allowed\n" || o.err != nil):
					t.Errorf("answered %d %q, %v; want 403", o.status, o.body, o.err)
				case !answered && (o.status != 200 || o.body != "begun, " || o.err == nil):
					t.Errorf("the response is %d %q, %v; want it broken off", o.status, o.body, o.err)
				}
				must(t, app.gone, path, "the application is not told")
				line := g.logs.wait(t, map[string]any{"msg": "request refused", "path": path, "status": o.status, "reason": "subject-not-allowed"})
				if !strings.HasPrefix(fmt.Sprint(line["detail"]), "permission was withdrawn while the request was under way: ") {
					t.Errorf("detail %q", line["detail"])
				}
				g.waitTold(0)
			})
		}
	})
}

func TestARequestThatEndsInTimeIsNotBrokenOff(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		g := openGate(t, w.serve, func(g *gate) { g.set.WithdrawalGrace = time.Minute })
		app := newPatient(g)
		c := g.client(g.partner, w.h2)
		stream := g.ask(c, app, "/stream")
		think := g.ask(c, app, "/think")
		g.exclude()
		g.waitTold(2)
		close(app.release)
		if o := <-stream; o.status != 200 || o.body != "begun, done" || o.err != nil {
			t.Errorf("the stream: %+v", o)
		}
		o := <-think
		if o.status != 200 || o.body != "done" || o.err != nil || !w.h2 && !o.closed {
			t.Errorf("who has waited: %+v; want the answer, and over HTTP/1.1 a close", o)
		}
		g.logs.wait(t, map[string]any{"msg": "request", "path": "/think", "status": 200, "reason": "ok"})
		g.logs.wait(t, map[string]any{"msg": "request", "path": "/stream", "status": 200, "reason": "ok"})
	})
}

// The others of the same client, and over HTTP/2 on the same connection, go on.
func TestOnlyTheRequestsThatARuleBarsAreWithdrawn(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		g := openGate(t, w.serve)
		app := newPatient(g)
		c := g.client(g.partner, w.h2)
		stream := g.ask(c, app, "/stream")
		think := g.ask(c, app, "/think")
		p := *allowing(t, partnerDN)
		p.Rules[0].Paths = []string{"/stream", "/more"}
		g.configure(func(s *proxy.Settings) { s.Policy = &p })
		if o := <-think; o.status != 403 || o.body != "403 Forbidden: path-not-allowed\n" || o.closed {
			t.Errorf("what is barred: %+v", o)
		}
		must(t, app.gone, "/think", "the application is not told")
		more := g.ask(c, app, "/more")
		close(app.release)
		if o := <-stream; o.body != "begun, done" || o.err != nil {
			t.Errorf("what goes on: %+v", o)
		}
		if o := <-more; o.body != "done" {
			t.Errorf("what comes next: %+v", o)
		}
		if n := g.in.Connections(); w.h2 && n != 1 {
			t.Errorf("there are %d connections, want the one", n)
		}
	})
}

// A client whose CA is gone has to come back with another certificate.
func TestARequestOfAClientWhoseCAIsGone(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		g := openGate(t, w.serve)
		app := newPatient(g)
		out := g.ask(g.client(g.partner, w.h2), app, "/think")
		g.clientCA = newCA(t, "CN=New CA")
		g.write()
		if o := <-out; o.status != 401 || o.body != "401 Unauthorized: unknown-ca\n" || !w.h2 && !o.closed {
			t.Errorf("%+v, want 401 and over HTTP/1.1 a close", o)
		}
		must(t, app.gone, "/think", "the application is not told")
		eventually(t, "the end of the connection", func() bool { return g.in.Connections() == 0 },
			func() string { return fmt.Sprint(g.in.Connections()) })
	})
}

// It has been told already, in words that cannot be taken back.
func TestAWithdrawalIsFinal(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		g := openGate(t, w.serve, func(g *gate) { g.set.WithdrawalGrace = 300 * time.Millisecond })
		app := newPatient(g)
		out := g.ask(g.client(g.partner, w.h2), app, "/think")
		g.exclude()
		g.waitTold(1)
		g.configure(func(s *proxy.Settings) { s.Policy = allowing(t, partnerDN) })
		if o := <-out; o.status != 403 {
			t.Errorf("%+v, want 403", o)
		}
		close(app.release)
		if status, _ := g.get(g.client(g.partner, w.h2), "/think"); status != 200 {
			t.Errorf("the next request: %d, want 200", status)
		}
	})
}
