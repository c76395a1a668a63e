package http1_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sidegate/sidegate/proxy/http1"
)

// A guardedListener guards what it accepts, after the TLS handshake if there is one.
type guardedListener struct {
	net.Listener
	tls     *tls.Config
	options http1.Options
}

func (l guardedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil || l.tls == nil {
		return http1.Guard(c, l.options), err
	}
	secure := tls.Server(c, l.tls)
	if err := secure.Handshake(); err != nil {
		return nil, err
	}
	return http1.Guard(secure, l.options), nil
}

// serve runs an [http.Server] behind a Guard until the test ends.
func serve(t *testing.T, config *tls.Config, o http1.Options, h http.HandlerFunc) (addr string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: h, MaxHeaderBytes: 8 << 10}
	done := make(chan error)
	go func() { done <- server.Serve(guardedListener{listener, config, o}) }()
	t.Cleanup(func() {
		server.Close()
		if err := <-done; err != http.ErrServerClosed {
			t.Errorf("Serve: %v", err)
		}
	})
	return listener.Addr().String()
}

// exchange sends input and returns all that comes back.
func exchange(t *testing.T, addr, input string) string {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, input); err != nil {
		t.Fatal(err)
	}
	output, err := io.ReadAll(c)
	if err != nil {
		t.Fatalf("reading the answer to %.80q after %q: %v", input, output, err)
	}
	return string(output)
}

func TestRefusedRequestsNeverReachTheHandler(t *testing.T) {
	var served atomic.Int64
	addr := serve(t, nil, http1.Options{}, func(w http.ResponseWriter, r *http.Request) { served.Add(1) })
	for _, input := range []string{
		"GET / HTTP/1.1\nHost: a\n\n",
		"GET / HTTP/1.1\r\nHost: a\r\nX: y\n\r\n",
		get("Host: a", "Host: b"),
		get("Host: a", "X: y", " folded"),
		post("0\r\n\r\n", "Transfer-Encoding: chunked", "Content-Length: 5"),
		post("ab", "Content-Length: 2", "Content-Length: 2"),
		post("ab", "Content-Length: +2"),
		"GET /#x HTTP/1.1\r\nHost: a\r\n\r\n",
	} {
		if got := exchange(t, addr, input); !strings.HasPrefix(got, "HTTP/1.1 400 ") || strings.Count(got, "HTTP/1.1") != 1 {
			t.Errorf("%q: answered %q", input, got)
		}
	}
	if n := served.Load(); n != 0 {
		t.Errorf("%d requests reached the handler", n)
	}
}

func TestRequestsBeforeTheViolationAreServed(t *testing.T) {
	var paths []string
	addr := serve(t, nil, http1.Options{}, func(w http.ResponseWriter, r *http.Request) { paths = append(paths, r.URL.Path) })
	good := "GET /one HTTP/1.1\r\nHost: a\r\n\r\n" + "GET /two HTTP/1.1\r\nHost: a\r\n\r\n"
	got := exchange(t, addr, good+"GET /three HTTP/1.1\r\nHost : a\r\n\r\n"+"GET /four HTTP/1.1\r\nHost: a\r\n\r\n")
	if strings.Count(got, "HTTP/1.1 200 ") != 2 || strings.Count(got, "HTTP/1.1 400 ") != 1 {
		t.Errorf("answered %q", got)
	}
	if fmt.Sprint(paths) != "[/one /two]" {
		t.Errorf("served %v", paths)
	}
}

func TestABadChunkEndsTheContentWithAnError(t *testing.T) {
	failed := make(chan error, 1)
	addr := serve(t, nil, http1.Options{}, func(w http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		failed <- err
		w.WriteHeader(http.StatusBadRequest)
	})
	exchange(t, addr, chunked("1\r\nx\r\n1\ny\r\n0\r\n\r\n")+"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
	if err := <-failed; err == nil || !strings.Contains(err.Error(), http1.BadLineEnding) {
		t.Errorf("the handler reads the content with the error %v", err)
	}
}

func TestNetHTTPAnswersAnOversizeHead(t *testing.T) {
	reported := make(chan *http1.Violation, 1)
	o := http1.Options{HeadBytes: 8<<10 + 4096, Report: func(v *http1.Violation) { reported <- v }}
	addr := serve(t, nil, o, func(w http.ResponseWriter, r *http.Request) { t.Error("the request was served") })
	// As many bytes as net/http reads: what it leaves unread makes the kernel
	// reset the connection, and the answer may be lost with it.
	head := "GET / HTTP/1.1\r\nHost: a\r\nX: "
	got := exchange(t, addr, head+strings.Repeat("y", o.HeadBytes-len(head)))
	if !strings.HasPrefix(got, "HTTP/1.1 431 ") {
		t.Errorf("answered %.80q", got)
	}
	select {
	case v := <-reported:
		if v.Reason != http1.HeadTooLarge {
			t.Errorf("reported %v", v)
		}
	default: // the answer comes after the report
		t.Error("nothing was reported")
	}
}

func TestOverTLS(t *testing.T) {
	plain := httptest.NewTLSServer(nil) // for its certificate
	plain.Close()
	config := &tls.Config{Certificates: plain.TLS.Certificates}
	addr := serve(t, config, http1.Options{}, func(w http.ResponseWriter, r *http.Request) {
		content, err := io.ReadAll(r.Body)
		if err != nil || r.TLS == nil || !r.TLS.HandshakeComplete {
			t.Errorf("content %q, %v, TLS state %v", content, err, r.TLS)
		}
		w.Write(content)
	})
	c, err := tls.Dial("tcp", addr, plain.Client().Transport.(*http.Transport).TLSClientConfig)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	answers := bufio.NewReader(c)
	for i := range 20 {
		io.WriteString(c, chunked("5;x\r\nhello\r\n0\r\nT: u\r\n\r\n"))
		answer, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatalf("request %d: %v", i, err)
		}
		if content, err := io.ReadAll(answer.Body); string(content) != "hello" || err != nil {
			t.Errorf("request %d: answered %q, %v", i, content, err)
		}
	}
	io.WriteString(c, "GET / HTTP/1.1\n\n")
	if answer, err := http.ReadResponse(answers, nil); err != nil || answer.StatusCode != http.StatusBadRequest {
		t.Errorf("a bare LF: answered %v, %v", answer, err)
	}
}
