package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/sidegate/sidegate/proxy"
)

// A client that reads nothing cannot be told anything, nor hold what it has.
func TestAClientThatDoesNotReadIsWithdrawnAllTheSame(t *testing.T) {
	get := func(g *gate) { fmt.Fprint(g.caller().conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n") }
	window := func(size uint32) func(g *gate) {
		return func(g *gate) {
			h := g.h2conn(http2.Setting{ID: http2.SettingInitialWindowSize, Val: size})
			_ = h.WriteWindowUpdate(0, 1<<30)
			h.request(1, "GET", true)
		}
	}
	for _, test := range []struct {
		name string
		open option
		ask  func(g *gate)
	}{
		{"over HTTP/1.1", func(*gate) {}, get},
		{"over HTTP/1.1, to an application of HTTP/2", overH2C, get},
		{"over HTTP/2, with a small window", func(*gate) {}, window(1000)},
		{"over HTTP/2, with a large window", func(*gate) {}, window(1 << 30)},
		{"over HTTP/2, with a small window, to an application of HTTP/2", overH2C, window(1000)},
		{"over HTTP/2, with a large window, to an application of HTTP/2", overH2C, window(1 << 30)},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			g := openGate(t, withLimits(proxy.Limits{}), test.open)
			var written atomic.Int64
			gone := make(chan struct{})
			g.app.respond(func(w http.ResponseWriter, _ *http.Request) {
				defer close(gone)
				for {
					n, err := w.Write(make([]byte, 16<<10))
					if written.Add(int64(n)); err != nil {
						return
					}
				}
			})
			test.ask(g)
			last, still := int64(-1), 0
			eventually(t, "the client's buffers full", func() bool {
				if now := written.Load(); now != last || now == 0 {
					last, still = now, 0
				}
				still++
				return still > 40 // a fifth of a second
			}, func() string { return fmt.Sprint(written.Load()) })
			start := time.Now()
			g.exclude()
			<-gone
			if took := time.Since(start); took > 3*soon {
				t.Errorf("the application was told after %v", took)
			}
			g.logs.wait(t, map[string]any{"reason": "subject-not-allowed", "status": 200})
		})
	}
}

// Changes that leave a client in, by whatever rule, are none to it.
func TestStreamsOfAdmittedClientsOutliveEveryChange(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		const pieces = 200
		g := openGate(t, w.serve)
		app, written := newPatient(g), make(chan struct{}, pieces)
		g.app.respond(func(rw http.ResponseWriter, _ *http.Request) {
			app.come <- "/"
			for i := range pieces {
				<-written
				_, _ = fmt.Fprintf(rw, "%d,", i)
				_ = http.NewResponseController(rw).Flush()
			}
		})
		out := g.ask(g.client(g.partner, w.h2), app, "/")
		for i := range pieces {
			p := allowing(t, "CN=other", partnerDN)
			p.Rules[0].Name = fmt.Sprint("rule-", i)
			g.configure(func(s *proxy.Settings) { s.Policy = p })
			written <- struct{}{}
		}
		var want strings.Builder
		for i := range pieces {
			fmt.Fprintf(&want, "%d,", i)
		}
		if o := <-out; o.body != want.String() || o.err != nil {
			t.Errorf("the stream is %q, %v", o.body, o.err)
		}
	})
}

// While an ingress drains it is as strict as before.
func TestADrainDoesNotKeepThoseWhoAreOut(t *testing.T) {
	g := openGate(t, withEcho, func(g *gate) { g.set.WithdrawalGrace = 200 * time.Millisecond })
	c := g.webSocket()
	d := g.drain(20*time.Second, 0)
	g.waitRefused()
	g.exclude()
	c.mustHearClose()
	d.mustEnd(5*time.Second, true)
	g.logs.wait(t, map[string]any{"reason": "subject-not-allowed", "status": 101})
}

// A WebSocket is not opened for a client that has been withdrawn while the
// application thought about it.
func TestAWebSocketIsNotOpenedForAClientThatIsOut(t *testing.T) {
	come, agree := make(chan struct{}), make(chan struct{})
	g := openGate(t, func(g *gate) { g.set.WebSocket, g.set.WithdrawalGrace = true, time.Minute }, rawApp(func(c net.Conn, in *bufio.Reader, _ string) {
		close(come)
		<-agree
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
		_, _ = in.ReadByte()
	}))
	c := g.caller()
	_, _ = io.WriteString(c.conn, "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	<-come
	g.exclude()
	g.waitTold(1)
	close(agree)
	res, err := http.ReadResponse(c.in, nil)
	if err != nil || res.StatusCode != 403 || !res.Close {
		t.Errorf("%v, %v; want 403 and a close", res, err)
	}
}
