package proxy_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sidegate/sidegate/proxy"
)

// A thinker is an application that answers when it is told to. It says when a
// request has come and when its connection is closed.
type thinker struct {
	arrived, answer, closed chan struct{}
}

func newThinker() *thinker {
	return &thinker{make(chan struct{}), make(chan struct{}), make(chan struct{})}
}

func (a *thinker) serve(c net.Conn, in *bufio.Reader, _ string) {
	close(a.arrived)
	go func() {
		select {
		case <-a.answer:
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nanswer")
		case <-a.closed:
		}
	}()
	_, _ = in.ReadByte()
	close(a.closed)
}

// An application that thinks for a client that has gone does not do so for long.
func TestAClientThatGoesAwayFreesTheApplication(t *testing.T) {
	t.Parallel()
	for _, way := range []struct {
		name string
		h2   bool
		ends func(c net.Conn) // nil: an HTTP/2 stream is reset
	}{
		{"over HTTP/1.1", false, func(c net.Conn) { _ = c.Close() }},
		{"with a reset over HTTP/1.1", false, func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0); _ = c.Close() }},
		{"over HTTP/2", true, nil},
	} {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			app := newThinker()
			g := openGate(t, rawApp(app.serve), func(g *gate) { g.set.HTTP2 = way.h2 })
			var leave func()
			if way.h2 {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				leave = cancel
				go func() { _, _ = g.client(g.partner, true).Do(g.request("GET", "/").WithContext(ctx)) }()
			} else {
				c := g.dial(g.partner, nil)
				fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
				leave = func() { way.ends(c.NetConn()) }
			}
			<-app.arrived
			leave()
			within(t, 3*time.Second, app.closed, "the application still thinks for a client that has gone")
			g.logs.wait(t, map[string]any{"reason": "client-closed"})
		})
	}
}

// An application of HTTP/2 has begun its answer and reads nothing, until nothing more
// can be sent to it: a client that goes away then is noticed all the same.
func TestAClientThatGoesAwayDuringAnUploadThatStands(t *testing.T) {
	t.Parallel()
	for name, h2 := range map[string]bool{"over HTTP/1.1": false, "over HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := openGate(t, withLimits(proxy.Limits{BodyIdleTimeout: time.Minute}), overH2C)
			app := newPatient(g)
			leave := g.upload(app, h2)
			leave()
			must(t, app.gone, "/stream", "the application is not told")
			g.logs.wait(t, map[string]any{"reason": "client-closed"})
		})
	}
}

// upload sends content without an end to an application that has begun its answer and
// does not read, until nothing more can be sent. leave breaks it off: a stream of
// HTTP/2 is reset, and so is a connection of HTTP/1.1, whose end would else come behind
// what nobody reads.
func (g *gate) upload(app *patient, h2 bool) (leave func()) {
	g.t.Helper()
	var sent atomic.Int64
	ctx, cancel := context.WithCancel(g.t.Context())
	g.t.Cleanup(cancel)
	r := g.request("POST", "/stream").WithContext(ctx)
	r.Body = io.NopCloser(endless(func(p []byte) { sent.Add(int64(len(p))) }))
	c := g.client(g.partner, h2)
	c.Transport.(*http.Transport).DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err == nil {
			err = conn.(*net.TCPConn).SetLinger(0)
		}
		return conn, err
	}
	go func() {
		if res, err := c.Do(r); err == nil {
			// Nor does the client's own transport look at the context then.
			defer context.AfterFunc(ctx, func() { _ = res.Body.Close() })()
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
		}
	}()
	must(g.t, app.come, "/stream", "never came")
	last, still := int64(-1), 0
	eventually(g.t, "nothing more can be sent", func() bool {
		if now := sent.Load(); now != last || now == 0 {
			last, still = now, 0
		}
		still++
		return still > 40 // a fifth of a second
	}, func() string { return fmt.Sprint(sent.Load()) })
	return cancel
}

// endless is content without an end, told as it is read.
type endless func(p []byte)

func (e endless) Read(p []byte) (int, error) {
	e(p)
	return len(p), nil
}

// Some clients say that they will send no more, and wait for the answer: that is
// not to go away, if the answer comes soon. The patrol comes by twice a second;
// one of the clients meets it.
func TestAClientThatOnlyStopsSendingGetsItsAnswer(t *testing.T) {
	t.Parallel()
	const soon, apart, count = 300 * time.Millisecond, 100 * time.Millisecond, 8
	g := openGate(t, rawApp(func(c net.Conn, in *bufio.Reader, _ string) {
		<-time.After(soon)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nanswer")
		_, _ = in.ReadByte()
	}))
	var clients sync.WaitGroup
	for i := range count {
		c := g.dial(g.partner, nil)
		clients.Go(func() {
			defer c.Close()
			<-time.After(time.Duration(i) * apart)
			_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			_ = c.NetConn().(*net.TCPConn).CloseWrite()
			if got, _ := io.ReadAll(c); !strings.HasSuffix(string(got), "\r\n\r\nanswer") {
				t.Errorf("client %d got %q", i, got)
			}
		})
	}
	clients.Wait()
}

func TestAWebSocketThatIsClosedOnOneSideGoesOn(t *testing.T) {
	t.Parallel()
	const patrols = 1200 * time.Millisecond // two of them come by
	heard := make(chan string, 1)
	g := openGate(t, func(g *gate) { g.set.WebSocket = true }, rawApp(func(c net.Conn, in *bufio.Reader, _ string) {
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nHELLO")
		said, _ := io.ReadAll(in)
		heard <- string(said)
		<-time.After(patrols)
		_, _ = io.WriteString(c, " GOOD BYE")
	}))
	c := g.dial(g.partner, nil)
	defer c.Close()
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	in := bufio.NewReader(c)
	if head := readHead(in); !strings.HasPrefix(head, "HTTP/1.1 101 ") {
		t.Fatalf("answer %q", head)
	}
	_, _ = io.WriteString(c, "THAT IS ALL")
	_ = c.CloseWrite()
	_ = c.NetConn().(*net.TCPConn).CloseWrite()
	if got := <-heard; got != "THAT IS ALL" {
		t.Errorf("the application heard %q", got)
	}
	if rest, err := io.ReadAll(in); string(rest) != "HELLO GOOD BYE" || err != nil {
		t.Errorf("the client heard %q, %v", rest, err)
	}
}
