package proxy_test

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/sidegate/sidegate/proxy"
)

// Whoever shortens the grace means those as well who have been told already. To
// lengthen it gives nobody more than what was promised.
func TestAnotherGraceReachesWhatIsWithdrawnAlready(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		g := openGate(t, w.serve, func(g *gate) { g.set.WithdrawalGrace = time.Minute })
		app := newPatient(g)
		out := g.ask(g.client(g.partner, w.h2), app, "/stream")
		g.exclude()
		g.waitTold(1)
		grace := func(d time.Duration) { g.configure(func(s *proxy.Settings) { s.WithdrawalGrace = d }) }
		grace(2 * time.Minute)
		select {
		case o := <-out:
			t.Fatalf("with a longer grace it ended with %+v", o)
		case <-time.After(soon / 2):
		}
		start := time.Now()
		grace(100 * time.Millisecond)
		if o := <-out; o.err == nil || time.Since(start) > soon {
			t.Errorf("after %v it ended with %+v", time.Since(start), o)
		}
		must(t, app.gone, "/stream", "the application is not told")
	})
}

// webSocket opens one to an echo.
func (g *gate) webSocket() *caller {
	g.t.Helper()
	c := g.caller()
	_, _ = io.WriteString(c.conn, "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	if head := readHead(c.in); !strings.HasPrefix(head, "HTTP/1.1 101 ") {
		g.t.Fatalf("answer %q", head)
	}
	return c
}

// mustHearClose reads to the end of a WebSocket whose client is let in no more.
func (c *caller) mustHearClose() {
	c.t.Helper()
	said, _ := io.ReadAll(c.in)
	if want := "\x88\x15\x03\xf0subject-not-allowed"; string(said) != want {
		c.t.Errorf("the client heard %q, want a Close frame %q", said, want)
	}
}

func withEcho(g *gate) {
	g.set.WebSocket = true
	rawApp(func(c net.Conn, in *bufio.Reader, _ string) {
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
		_, _ = io.Copy(c, in)
	})(g)
}

// The word comes before the end, however little time there is.
func TestAWebSocketIsToldWithoutAGrace(t *testing.T) {
	for _, grace := range []time.Duration{0, time.Nanosecond, 21 * time.Millisecond} {
		t.Run(grace.String(), func(t *testing.T) {
			t.Parallel()
			g := openGate(t, withEcho, func(g *gate) { g.set.WithdrawalGrace = grace })
			var callers []*caller
			for range 20 {
				callers = append(callers, g.webSocket())
			}
			start := time.Now()
			g.exclude()
			for _, c := range callers {
				c.mustHearClose()
			}
			if took := time.Since(start); took > 2*soon {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// A refusal is a few bytes, and who does not take them holds neither a place nor a
// drain up.
func TestARefusalThatIsNotTakenHoldsNothingUp(t *testing.T) {
	for name, open := range map[string]option{"to HTTP/1.1": func(*gate) {}, "to HTTP/2": overH2C} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := openGate(t, withLimits(proxy.Limits{BodyIdleTimeout: time.Minute}), open)
			app := newPatient(g)
			h := g.h2conn(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
			h.requestOf(1, "GET", "/think", true)
			must(t, app.come, "/think", "never came")
			g.exclude()
			start := time.Now()
			_ = h.SetReadDeadline(start.Add(20 * time.Second))
			for told := false; ; {
				f, err := h.ReadFrame()
				if err != nil {
					if !told {
						t.Errorf("without an answer: %v", err)
					}
					break
				}
				told = told || f.Header().Type == http2.FrameHeaders
			}
			if took := time.Since(start); took > 3*soon {
				t.Errorf("the connection ended after %v", took)
			}
		})
	}
}
