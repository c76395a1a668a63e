package proxy_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
)

func TestAHeadThatIsTooLargeIsNotKept(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		o := openOutlet(t, func(o *outlet) {
			if h2 {
				withHTTP2(o)
			}
		})
		fields := 0
		o.partner.respond(func(w http.ResponseWriter, _ *http.Request) {
			for i := range fields {
				w.Header().Set(fmt.Sprint("X-", i), strings.Repeat("a", 1000))
			}
		})
		fields = 50
		if status, body := o.get("/"); status != 200 {
			t.Errorf("h2 %v: a head of 50 KB: %d %q, want 200", h2, status, body)
		}
		fields = 70
		o.fails(502, "server-failed", "a head of at most 64 KiB")
	}
}

// What an application is slow to take must not come to lie in our memory.
func TestTheWindowsForAPartnerAreSmall(t *testing.T) {
	o := openOutlet(t, withHTTP2)
	stream, conn := make(chan uint32, 9), make(chan uint32, 9)
	addr := wire(t, o.partner.tls, func(c *tls.Conn, in *bufio.Reader) {
		if _, err := in.Discard(len(http2.ClientPreface)); err != nil {
			return
		}
		fr := http2.NewFramer(c, in)
		for range 2 {
			switch f, _ := fr.ReadFrame(); f := f.(type) {
			case *http2.SettingsFrame:
				n, _ := f.Value(http2.SettingInitialWindowSize)
				stream <- n
			case *http2.WindowUpdateFrame:
				conn <- f.Increment
			}
		}
	})
	o.configure(func(o *outlet) { o.set.Upstream.Host = addr })
	_, _ = o.get("/")
	if n, m := <-stream, <-conn; n != 256<<10 || m != 4<<20-1 {
		t.Errorf("the windows are %d bytes a stream and %d a connection", n, m)
	}
}

// The preface of HTTP/2 begins like a request, and only the whole of it is one.
func TestWhatOnlyBeginsLikeHTTP2IsHeldToTheLetterOfHTTP1(t *testing.T) {
	o := openOutlet(t)
	for _, request := range []string{
		"PRI /first HTTP/1.1\r\nHost: x\r\n\r\n" +
			"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", // as long as the preface
	} {
		if got := o.raw(request); !strings.Contains(got, "HTTP/1.1 400 ") {
			t.Errorf("%q: answered %q, want 400", request, got)
		}
	}
	o.logs.wait(t, map[string]any{"reason": "framing", "violation": "ambiguous-framing"})
}

func TestAPrefaceThatComesInPiecesIsOne(t *testing.T) {
	o := openOutlet(t)
	c, err := net.Dial("tcp", o.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, b := range []byte(http2.ClientPreface) {
		_, _ = c.Write([]byte{b})
	}
	fr := http2.NewFramer(c, c)
	_ = fr.WriteSettings()
	if f, err := fr.ReadFrame(); err != nil || f.Header().Type != http2.FrameSettings {
		t.Errorf("got %v, %v, want SETTINGS", f, err)
	}
}

// What comes behind a request is no part of it.
func TestGarbageBehindARequestDoesNotUndoIt(t *testing.T) {
	for _, garbage := range []string{"\r\n", "\n", "GARBAGE\x00\r\n\r\n", "GET / HTTP/1.1\nHost: x\n\n"} {
		for _, body := range []string{"", "abc"} {
			o := openOutlet(t)
			told, answer := make(chan struct{}), make(chan struct{})
			o.partner.respond(func(w http.ResponseWriter, r *http.Request) {
				close(told)
				<-answer
				_, _ = io.Copy(w, r.Body)
				_, _ = io.WriteString(w, " was done")
			})
			c, err := net.Dial("tcp", o.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(10 * time.Second))
			_, _ = fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s%s", len(body), body, garbage)
			<-told
			o.logs.wait(t, map[string]any{"reason": "framing"})
			close(answer)
			var got bytes.Buffer
			_, _ = io.Copy(&got, c)
			if !strings.HasPrefix(got.String(), "HTTP/1.1 200 ") || !strings.Contains(got.String(), body+" was done") {
				t.Errorf("%q behind %q: answered %q, want 200", garbage, body, &got)
			}
			o.logs.wait(t, map[string]any{"reason": "ok", "status": 200})
		}
	}
}
