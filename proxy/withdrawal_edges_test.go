package proxy_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/sidegate/sidegate/proxy"
	"github.com/sidegate/sidegate/proxy/minica"
	"github.com/sidegate/sidegate/proxy/policy"
)

// Who goes on with new streams on a connection that was told to go away is not
// heard, and GOAWAY says so: they may be begun again elsewhere (RFC 9113 §6.8).
func TestAStreamAfterTheGoAwayIsNotHeard(t *testing.T) {
	g := openGate(t, func(g *gate) { g.set.HTTP2, g.set.WithdrawalGrace = true, soon })
	app := newPatient(g)
	h := g.h2conn()
	h.requestOf(1, "GET", "/stream", true)
	must(t, app.come, "/stream", "never came")
	g.exclude()
	last := uint32(0)
	for f, err := h.ReadFrame(); err == nil; f, err = h.ReadFrame() {
		if f, ok := f.(*http2.GoAwayFrame); ok {
			last = f.LastStreamID
			for stream := uint32(3); stream < 13; stream += 2 {
				h.requestOf(stream, "GET", "/late", true)
			}
		}
		if stream := f.Header().StreamID; stream > 1 {
			t.Errorf("after the GOAWAY: %v", f)
		}
	}
	if last != 1 {
		t.Errorf("the GOAWAY says that streams up to %d are heard, want 1", last)
	}
	if rs := app.paths(g); len(rs) != 1 {
		t.Errorf("the application saw %q", rs)
	}
}

// paths are those that the application was asked for.
func (a *patient) paths(g *gate) (all []string) {
	for _, r := range g.app.requests() {
		all = append(all, r.URL.Path)
	}
	return all
}

// A handshake that began under the trust of before ends in a connection that is
// judged by the trust of now, and in no ticket that would help.
func TestAHandshakeThatOverlapsAChangeLetsNobodyIn(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, change := range []struct {
			name   string
			bring  func(g *gate)
			status int
		}{
			{"its rule is taken away", (*gate).exclude, 403},
			{"its CA is removed", func(g *gate) {
				before := g.store.Current().Generation
				g.clientCA = newCA(t, "CN=New CA")
				g.write()
				g.waitGeneration(before + 1)
			}, 401},
		} {
			t.Run(tls.VersionName(version)+", "+change.name, func(t *testing.T) {
				g := openGate(t)
				cfg := g.tlsFor(g.partner)
				present := cfg.GetClientCertificate
				changed := sync.OnceFunc(func() { change.bring(g) })
				cfg.GetClientCertificate = func(r *tls.CertificateRequestInfo) (*tls.Certificate, error) {
					changed() // the gate waits for the certificate meanwhile
					return present(r)
				}
				cfg.MinVersion, cfg.MaxVersion, cfg.ClientSessionCache = version, version, tls.NewLRUClientSessionCache(4)
				if got := g.statusOver(cfg); got != change.status {
					t.Errorf("the first request is answered %d, want %d", got, change.status)
				}
				if got := g.statusOver(cfg); got != change.status && got != 0 {
					t.Errorf("by a ticket, it is answered %d", got)
				}
				if rs := g.app.requests(); len(rs) > 0 {
					t.Errorf("the application saw %d requests", len(rs))
				}
			})
		}
	}
}

// statusOver returns what a request on a new connection is answered, or 0 if there
// is no connection.
func (g *gate) statusOver(cfg *tls.Config) int {
	c, err := tls.Dial("tcp", g.addr, cfg)
	if err != nil {
		return 0
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	_, _ = io.WriteString(c, simpleGet)
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0
	}
	return res.StatusCode
}

// Report mode lets a stream go on that no rule lets in, for as long as it lasts, and
// past no deny entry.
func TestAStreamLivesOnReportModeAlone(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		g := openGate(t, w.serve)
		app := newPatient(g)
		ruleless := policy.Policy{Rules: allowing(t, "CN=other").Rules, Report: true}
		set := func(p policy.Policy) { g.configure(func(s *proxy.Settings) { s.Policy = &p }) }
		mustBreak := func(out <-chan outcome) {
			t.Helper()
			select {
			case o := <-out:
				if o.body != "begun, " || o.err == nil {
					t.Errorf("the stream ended with %+v", o)
				}
			case <-time.After(2 * soon):
				t.Error("the stream goes on")
			}
			must(t, app.gone, "/stream", "the application is not told")
		}
		c := g.client(g.partner, w.h2)
		out := g.ask(c, app, "/stream")
		set(ruleless)
		select {
		case o := <-out:
			t.Fatalf("in report mode the stream ended with %+v", o)
		case <-time.After(soon):
		}
		strict := ruleless
		strict.Report = false
		set(strict)
		mustBreak(out)

		set(ruleless)
		out = g.ask(c, app, "/stream")
		denying := ruleless
		denying.Deny = []policy.Denial{{Name: "gone", Subjects: allowing(t, partnerDN).Rules[0].Subjects}}
		set(denying)
		mustBreak(out)
	})
}

// Rules say nothing of certificates: after a change of them nobody is verified anew,
// as there may be thousands. It shows by a clock that has gone back to before the
// certificate began.
func TestAChangeOfRulesAloneVerifiesNobodyAnew(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		var later atomic.Int64
		long := 1000 * time.Hour // deadlines are by that clock too
		g := openGate(t, w.serve, func(g *gate) {
			g.clock = func() time.Time { return time.Now().Add(time.Duration(later.Load())) }
			g.set.Limits = proxy.Limits{HeaderTimeout: long, BodyIdleTimeout: long, IdleTimeout: long}
			g.partner = issue(t, g.clientCA, minica.Options{Subject: partnerDN, NotBefore: time.Now().Add(-time.Hour)})
		})
		c := g.client(g.partner, w.h2)
		mustGet := func(when string, want int) {
			t.Helper()
			if status, body := g.get(c, "/healthy"); status != want {
				t.Errorf("%s: %d %s; want %d", when, status, body, want)
			}
		}
		g.app.respond(func(http.ResponseWriter, *http.Request) {})
		mustGet("at first", 200)
		later.Store(-int64(2 * time.Hour))
		g.configure(func(s *proxy.Settings) { s.Policy = allowing(t, "CN=other", partnerDN) })
		mustGet("after a change of the rules", 200)
		g.exclude()
		mustGet("when they let it in no more", 403)

		before := g.store.Current().Generation
		g.clientCA = newCA(t, "CN=New CA")
		g.write()
		g.waitGeneration(before + 1)
		mustGet("after a change of the trust", 401)
	})
}

// The application has begun its answer and reads nothing of what the client sends,
// until neither can go on: both are told all the same.
func TestAnUploadThatTheApplicationDoesNotReadIsWithdrawn(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		t.Run(fmt.Sprintf("HTTP/2 %v", h2), func(t *testing.T) {
			g := openGate(t, overH2C)
			app := newPatient(g)
			g.upload(app, h2)
			g.exclude()
			must(t, app.gone, "/stream", "the application is not told")
			g.waitTold(0)
		})
	}
}

// First one path is withdrawn of which the client takes nothing, and then all the rest:
// nobody else is on the connection then, and it ends.
func TestAClientThatIsDeniedAfterOneOfItsPathsIsOut(t *testing.T) {
	g := openGate(t, func(g *gate) { g.set.HTTP2 = true })
	var calls atomic.Int64
	gone := make(chan struct{})
	g.app.respond(func(w http.ResponseWriter, _ *http.Request) {
		defer close(gone)
		calls.Add(1)
		for part := make([]byte, 16<<10); ; {
			if _, err := w.Write(part); err != nil {
				return
			}
		}
	})
	h := g.h2conn(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 30})
	_ = h.WriteWindowUpdate(0, 1<<30)
	h.requestOf(1, "GET", "/go", true)
	eventually(t, "it is under way", func() bool { return calls.Load() == 1 }, func() string { return fmt.Sprint(calls.Load()) })
	rest := *allowing(t, partnerDN)
	rest.Rules[0].Paths = []string{"/stay"}
	g.configure(func(s *proxy.Settings) { s.Policy = &rest })
	eventually(t, "the path is withdrawn", func() bool { return g.in.Marked() == 1 }, func() string { return fmt.Sprint(g.in.Marked()) })
	start := time.Now()
	g.exclude()
	<-gone
	if took := time.Since(start); took > 3*soon {
		t.Errorf("the application was told after %v", took)
	}
}

// What waits behind a request that was withdrawn is not heard.
func TestWhatIsPipelinedBehindAWithdrawnRequestIsNotForwarded(t *testing.T) {
	for name, open := range map[string]option{"by the relay": func(*gate) {}, "by net/http": overH2C} {
		t.Run(name, func(t *testing.T) {
			g := openGate(t, open)
			app := newPatient(g)
			c := g.caller()
			_, _ = io.WriteString(c.conn, "GET /think HTTP/1.1\r\nHost: a\r\n\r\n"+strings.Repeat("GET /behind HTTP/1.1\r\nHost: a\r\n\r\n", 5))
			must(t, app.come, "/think", "never came")
			g.exclude()
			answers, err := io.ReadAll(c.in)
			if n := strings.Count(string(answers), "HTTP/1.1 "); n != 1 || !strings.HasPrefix(string(answers), "HTTP/1.1 403 ") || err != nil {
				t.Errorf("answers %q, %v; want one, 403", answers, err)
			}
			if rs := app.paths(g); len(rs) != 1 {
				t.Errorf("the application saw %q", rs)
			}
		})
	}
}

// A client that waits for 100 (Continue) gets the refusal instead, and the
// application, which waits for the content, is told.
func TestAClientThatWaitsToSendItsContentIsWithdrawn(t *testing.T) {
	come, told := make(chan struct{}), make(chan struct{})
	g := openGate(t, rawApp(func(_ net.Conn, in *bufio.Reader, _ string) {
		close(come)
		_, _ = io.Copy(io.Discard, in)
		close(told)
	}))
	c := g.caller()
	_, _ = io.WriteString(c.conn, "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
	<-come
	g.exclude()
	res, err := http.ReadResponse(c.in, nil)
	if err != nil || res.StatusCode != 403 || !res.Close {
		t.Errorf("%v, %v; want 403 and a close", res, err)
	}
	<-told
}
