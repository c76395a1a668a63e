package probe_test

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sidegate/sidegate/cmd/sidegate/internal/probe"
)

// reset ends a connection with a RST instead of a FIN.
func reset(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) }

// readSome waits for the client's hello.
func readSome(c net.Conn) { _, _ = c.Read(make([]byte, 64<<10)) }

// Each way in which a server is not one has a word and a sentence of its own.
func TestWhatIsNoTLSServerIsNamed(t *testing.T) {
	w := newWorld(t)
	gone := must(net.Listen("tcp", "127.0.0.1:0"))
	gone.Close()
	short := w.withCertificate()
	short.Timeout = 300 * time.Millisecond
	hung := make(chan struct{})
	t.Cleanup(func() { close(hung) })
	plain := must(net.Listen("tcp", "127.0.0.1:0"))
	web := &http.Server{Handler: http.HandlerFunc(hello), ReadTimeout: time.Minute}
	go func() { _ = web.Serve(plain) }()
	t.Cleanup(func() { _ = web.Close() })
	record := func(body string) func(net.Conn) {
		return func(c net.Conn) { readSome(c); _, _ = io.WriteString(c, body) }
	}
	for _, tt := range []struct {
		name, addr string
		options    probe.Options
		word, told string
	}{
		{"a closed port", gone.Addr().String(), w.trusting(), "refused", `("Connection refused")`},
		{"a server that is silent", speak(t, func(net.Conn) { <-hung }), short, "timeout", "within 300ms"},
		{"a plain HTTP server", plain.Addr().String(), w.trusting(), "not-tls", "answers in plain HTTP"},
		{"another protocol", speak(t, record("220 \x1b[31mmail\r\n")), w.trusting(), "not-tls", `begins with "220 \x1b"`},
		{"a reset", speak(t, func(c net.Conn) { readSome(c); reset(c) }), w.trusting(), "reset", "during the handshake"},
		{"an end at once", speak(t, readSome), w.trusting(), "closed", "without an answer"},
		{"half a record", speak(t, record("\x16\x03\x03\x40\x00\x02")), w.trusting(), "closed", "during the handshake"},
		{"garbage in a record", speak(t, record("\x16\x03\x03\x00\x04\x63\x00\x00\x00")), w.trusting(), "tls-failed", "TLS failed"},
		{"an alert", speak(t, record("\x15\x03\x03\x00\x02\x02\x50")), w.trusting(), "alert-internal-error", "internal_error: the server failed"},
		{"an unknown alert", speak(t, record("\x15\x03\x03\x00\x02\x02\xc8")), w.trusting(), "alert-200", "alert_200"},
		{"no version in common, by alert", speak(t, record("\x15\x03\x03\x00\x02\x02\x46")), w.trusting(), "tls-version", "protocol_version"},
		{"a name that nobody has", "nobody.invalid:443", short, "dns", "nobody.invalid"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := run(t, "https://"+tt.addr, tt.options)
			if got := wordsOf(r, true); got != tt.word || !r.Failed() {
				t.Errorf("found %q, want %q\n%s", got, tt.word, textOf(r))
			}
			if text := textOf(r); !strings.Contains(text, tt.told) || strings.Contains(text, "\x1b") {
				t.Errorf("not told: %q, in\n%s", tt.told, text)
			}
		})
	}
}

func TestAServerOfOldTLSIsNamed(t *testing.T) {
	w := newWorld(t)
	cfg := w.config()
	cfg.MinVersion, cfg.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	if r := run(t, serve(t, cfg, hello), w.trusting()); wordsOf(r, true) != "tls-version" {
		t.Error(textOf(r))
	}
	// One that does not look at what the client can do.
	old := "\x16\x03\x01\x00\x2a\x02\x00\x00\x26\x03\x01" + strings.Repeat("r", 32) + "\x00\xc0\x13\x00"
	addr := speak(t, func(c net.Conn) { readSome(c); _, _ = io.WriteString(c, old); readSome(c) })
	if r := run(t, addr, w.trusting()); wordsOf(r, true) != "tls-version" {
		t.Error(textOf(r))
	}
}

// What comes after the handshake, instead of an answer.
func TestWhatIsNoAnswerIsNamed(t *testing.T) {
	w := newWorld(t)
	short := w.trusting()
	short.Timeout = time.Second
	hung := make(chan struct{})
	t.Cleanup(func() { close(hung) })
	for _, tt := range []struct {
		name    string
		handle  func(*tls.Conn)
		options probe.Options
		word    string
	}{
		{"silence", func(*tls.Conn) { <-hung }, short, "timeout"},
		{"an end", func(*tls.Conn) {}, w.trusting(), "closed"},
		{"a reset", func(c *tls.Conn) { readSome(c); reset(c.NetConn()); c.NetConn().Close() }, w.trusting(), "reset"},
		{"another protocol", func(c *tls.Conn) { readSome(c); _, _ = io.WriteString(c, "+OK \x1b[2J\r\n") }, w.trusting(), "not-http"},
		{"endless interim responses", func(c *tls.Conn) {
			readSome(c)
			_, _ = io.WriteString(c, strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 100))
		}, w.trusting(), "not-http"},
		{"an endless head", func(c *tls.Conn) {
			readSome(c)
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n"+strings.Repeat("A: b\r\n", 1<<16))
		}, w.trusting(), "not-http"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			addr := speak(t, func(raw net.Conn) {
				c := tls.Server(raw, w.config())
				if c.Handshake() == nil {
					tt.handle(c)
				}
				_ = c.Close()
			})
			r := run(t, addr, tt.options)
			if got := wordsOf(r, true); got != tt.word {
				t.Errorf("found %q, want %q\n%s", got, tt.word, textOf(r))
			}
			if strings.Contains(textOf(r), "\x1b") {
				t.Errorf("an escape sequence is told:\n%q", textOf(r))
			}
		})
	}
}

// A server that hangs up in TLS 1.3 after it has seen our certificate may have
// refused it; nobody can know.
func TestAnEndAfterOurCertificateMayBeARefusal(t *testing.T) {
	w := newWorld(t)
	cfg := w.config()
	cfg.ClientAuth = tls.RequestClientCert
	addr := speak(t, func(raw net.Conn) {
		c := tls.Server(raw, cfg)
		_ = c.Handshake()
		readSome(c)
		_ = raw.Close()
	})
	r := run(t, addr, w.withCertificate())
	if got := wordsOf(r, true); got != "closed" || !strings.Contains(textOf(r), "may have refused our certificate") || !strings.Contains(textOf(r), clientDN) {
		t.Errorf("found %q:\n%s", got, textOf(r))
	}
}

// The name is not even looked up: one of several servers can be probed, or one
// that DNS does not know yet.
func TestAnotherAddressCanBeConnectedTo(t *testing.T) {
	w := newWorld(t)
	o := w.trusting()
	o.Connect, o.ServerName = serve(t, w.config(), hello), "server.example"
	r := run(t, "https://somewhere.invalid/x", o)
	if r.Failed() || r.HTTP == nil || r.Addresses[0].Address != o.Connect || r.ServerName != "server.example" {
		t.Error(textOf(r))
	}
}
