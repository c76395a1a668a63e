package proxy_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/sidegate/sidegate/proxy/minica"
)

// impatient gives a partner that takes nothing up soon.
func impatient(o *outlet) { o.waits = 300 * time.Millisecond }

// deaf reads nothing until the test ends: whatever is sent lies in buffers.
func deaf(t *testing.T, _ *tls.Conn, _ *bufio.Reader) { <-t.Context().Done() }

// shutWindow is a server of HTTP/2 that reads all that comes and lets no byte of a
// body come.
func shutWindow(_ *testing.T, c *tls.Conn, in *bufio.Reader) {
	if _, err := in.Discard(len(http2.ClientPreface)); err != nil {
		return
	}
	fr := http2.NewFramer(c, in)
	_ = fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
	for {
		f, err := fr.ReadFrame()
		if err != nil {
			return
		}
		if s, ok := f.(*http2.SettingsFrame); ok && !s.IsAck() {
			_ = fr.WriteSettingsAck()
		}
	}
}

func TestAPartnerThatTakesNothingOfARequestIsGivenUp(t *testing.T) {
	for _, tt := range []struct {
		name  string
		http2 bool
		size  int
		serve func(*testing.T, *tls.Conn, *bufio.Reader)
	}{
		{"it reads nothing", false, 20 << 20, deaf},
		{"it reads nothing of HTTP/2", true, 20 << 20, deaf},
		{"its window is shut", true, 20 << 20, shutWindow},
		{"its window is shut for the end of the body", true, 66 << 10, shutWindow}, // 64 KiB may come before it says so
	} {
		for _, h2 := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, app HTTP/2 %v", tt.name, h2), func(t *testing.T) {
				o := openOutlet(t, impatient, func(o *outlet) {
					if tt.http2 {
						withHTTP2(o)
						o.partner.tls.NextProtos = []string{"h2"}
					}
				})
				addr := wire(t, o.partner.tls, func(c *tls.Conn, in *bufio.Reader) { tt.serve(t, c, in) })
				o.configure(func(o *outlet) { o.set.Upstream.Host = addr })
				res, err := o.client(h2).Post(o.url("/"), "", bytes.NewReader(make([]byte, tt.size)))
				if err != nil {
					t.Fatal(err)
				}
				status, body := readAll(t, res)
				if status != 504 || !strings.Contains(body, ": server-timeout: "+addr+" took nothing of the request for 300ms") {
					t.Errorf("POST = %d %q, want 504 server-timeout", status, body)
				}
				o.logs.wait(t, map[string]any{"msg": "request failed", "reason": "server-timeout", "status": 504})
			})
		}
	}
}

// afterwards gives up a request some time after an event.
type afterwards struct {
	http.RoundTripper
	event <-chan struct{}
	time  time.Duration
}

// RoundTrip implements http.RoundTripper.
func (a afterwards) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	go func() {
		<-a.event
		time.AfterFunc(a.time, cancel)
	}()
	return a.RoundTripper.RoundTrip(r.WithContext(ctx))
}

// The application is gone, and nobody would hear of a failure.
func TestAPartnerThatTakesNothingDoesNotHoldAnythingOfAnApplicationThatIsGone(t *testing.T) {
	o := openOutlet(t, impatient)
	done := make(chan struct{})
	defer close(done)
	come := make(chan struct{})
	o.partner.respond(func(http.ResponseWriter, *http.Request) {
		close(come)
		<-done
	})
	app := o.client(false)
	app.Transport = afterwards{app.Transport, come, 50 * time.Millisecond} // when all buffers are full
	if _, err := app.Post(o.url("/"), "", bytes.NewReader(make([]byte, 20<<20))); err == nil {
		t.Fatal("the POST was answered")
	}
	if err := o.out.SetBundle(o.bundle(issue(t, o.clientCA, minica.Options{Subject: ourDN}))); err != nil {
		t.Fatal(err)
	}
	eventually(t, "no connection of the application", func() bool { return o.out.Connections() == 0 }, func() string { return fmt.Sprint(o.out.Connections()) })
	o.logs.wait(t, map[string]any{"msg": "request failed", "reason": "server-timeout"})
}

func TestASlowUploadThatMovesIsNotCut(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		t.Run(fmt.Sprintf("partner HTTP/2 %v", h2), func(t *testing.T) {
			o := openOutlet(t, impatient, func(o *outlet) {
				if h2 {
					withHTTP2(o)
				}
			})
			const size = 8 << 20
			o.partner.respond(func(w http.ResponseWriter, r *http.Request) {
				tick := time.NewTicker(50 * time.Millisecond)
				defer tick.Stop()
				var n int64
				for range 40 { // a socket's buffer has room again only when a third of it is
					<-tick.C
					m, _ := io.CopyN(io.Discard, r.Body, 32<<10)
					n += m
				}
				m, _ := io.Copy(io.Discard, r.Body)
				_, _ = fmt.Fprint(w, n+m)
			})
			res, err := o.app.Post(o.url("/"), "", bytes.NewReader(make([]byte, size)))
			if err != nil {
				t.Fatal(err)
			}
			if status, body := readAll(t, res); status != 200 || body != fmt.Sprint(size) {
				t.Errorf("POST = %d %q, want 200 and %d bytes", status, body, size)
			}
		})
	}
}

func TestAnApplicationThatPausesIsNotThePartnersFault(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		t.Run(fmt.Sprintf("partner HTTP/2 %v", h2), func(t *testing.T) {
			o := openOutlet(t, impatient, func(o *outlet) {
				if h2 {
					withHTTP2(o)
				}
			})
			o.partner.respond(func(w http.ResponseWriter, r *http.Request) {
				b, _ := io.ReadAll(r.Body)
				_, _ = w.Write(b)
			})
			in, out := io.Pipe()
			go func() {
				_, _ = io.WriteString(out, "before ")
				<-time.NewTimer(4 * o.waits).C
				_, _ = io.WriteString(out, "and after")
				_ = out.Close()
			}()
			res, err := o.app.Post(o.url("/"), "", in)
			if err != nil {
				t.Fatal(err)
			}
			if status, body := readAll(t, res); status != 200 || body != "before and after" {
				t.Errorf("POST = %d %q", status, body)
			}
		})
	}
}

func TestAnAnswerMayTakeLongWhenTheRequestIsTaken(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		o := openOutlet(t, impatient, func(o *outlet) {
			if h2 {
				withHTTP2(o)
			}
		})
		o.partner.respond(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			<-time.NewTimer(4 * o.waits).C
			_, _ = io.WriteString(w, "at last")
		})
		res, err := o.app.Post(o.url("/"), "", strings.NewReader("body"))
		if err != nil {
			t.Fatal(err)
		}
		if status, body := readAll(t, res); status != 200 || body != "at last" {
			t.Errorf("h2 %v: POST = %d %q", h2, status, body)
		}
	}
}

// A WebSocket without an application is of no use to anybody, whatever the partner
// makes of its end.
func TestAWebSocketEndsSomeTimeAfterItsApplication(t *testing.T) {
	for name, after := range map[string]func(t *testing.T, c *tls.Conn){
		"the partner says nothing": func(t *testing.T, _ *tls.Conn) { <-t.Context().Done() },
		"the partner talks on": func(_ *testing.T, c *tls.Conn) {
			for {
				if _, err := io.WriteString(c, "and another thing"); err != nil {
					return
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := openOutlet(t, impatient, func(o *outlet) { o.set.WebSocket = true })
			addr := wire(t, o.partner.tls, func(c *tls.Conn, in *bufio.Reader) {
				if _, err := http.ReadRequest(in); err != nil {
					return
				}
				_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
				_, _ = io.Copy(io.Discard, in)
				after(t, c)
			})
			o.configure(func(o *outlet) { o.set.Upstream.Host = addr })
			c, err := net.Dial("tcp", o.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
			in := bufio.NewReader(c)
			if res, err := http.ReadResponse(in, nil); err != nil || res.StatusCode != 101 {
				t.Fatal(res, err)
			}
			_ = c.(*net.TCPConn).CloseWrite() // the last word, and it still listens
			go func() { _, _ = io.Copy(io.Discard, in) }()
			eventually(t, "the end of the WebSocket", func() bool { return o.out.Connections() == 0 }, func() string { return "it is open" })
		})
	}
}
