package http1

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// A farewellConn is below the TLS of a server, and notes that it says goodbye.
type farewellConn struct {
	net.Conn
	said atomic.Bool
}

// Write sees the records of TLS 1.2, whose type is in clear (RFC 5246 §6.2.1).
func (c *farewellConn) Write(p []byte) (int, error) {
	const alert = 21
	n, err := c.Conn.Write(p)
	if err == nil && p[0] == alert {
		c.said.Store(true)
	}
	return n, err
}

// securePair returns the two ends of a TLS connection.
func securePair(t *testing.T) (client, server net.Conn) {
	t.Helper()
	own := httptest.NewTLSServer(nil) // for its certificate
	defer own.Close()
	rawClient, rawServer := pair(t)
	secureServer := tls.Server(&farewellConn{Conn: rawServer}, &tls.Config{MaxVersion: tls.VersionTLS12, Certificates: own.TLS.Certificates})
	shaken := make(chan error, 1)
	go func() { shaken <- secureServer.Handshake() }()
	trusting := own.Client().Transport.(*http.Transport).TLSClientConfig
	secureClient := tls.Client(rawClient, &tls.Config{RootCAs: trusting.RootCAs, ServerName: "example.com"})
	if err := secureClient.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := <-shaken; err != nil {
		t.Fatal(err)
	}
	return secureClient, secureServer
}

// webSocket is a tunnel to a client with TLS that runs.
func webSocket(t *testing.T) *switched {
	t.Helper()
	w := agreedSecurely(t)
	w.run(t)
	return w
}

func agreedSecurely(t *testing.T) *switched {
	t.Helper()
	client, server := securePair(t)
	return agreed(t, client, server, "", "", patience)
}

// frame reads a frame, and takes the mask off.
func (p *peer) frame() (first byte, content string, masked bool, err error) {
	var head [2]byte
	if _, err = io.ReadFull(p.in, head[:]); err != nil {
		return 0, "", false, err
	}
	masked = head[1]&0x80 != 0
	rest := make([]byte, head[1]&0x7f) // no frame of these tests is longer
	if masked {
		rest = make([]byte, len(rest)+4)
	}
	if _, err = io.ReadFull(p.in, rest); err != nil || !masked {
		return head[0], string(rest), masked, err
	}
	for i := range rest[4:] {
		rest[4+i] ^= rest[i%4]
	}
	return head[0], string(rest[4:]), true, nil
}

// farewellContent is of the Close frame of withdraw.
const farewellContent = "\x03\xf0revoked"

func (w *switched) withdraw() { w.Withdraw(1008, "revoked") }

// isToldToGo reads a Close frame, masked for the application.
func (p *peer) isToldToGo(t *testing.T, masked bool) {
	t.Helper()
	first, content, m, err := p.frame()
	if first != closing || content != farewellContent || m != masked || err != nil {
		t.Errorf("instead of the Close frame it reads %#x %q, masked %v, %v", first, content, m, err)
	}
}

// answers sends the Close frame of a client.
func (p *peer) answers() { p.send(frameOf(closing, "\x03\xf0", true)) }

func (p *peer) send(b []byte) { _, _ = p.Write(b) }

// ends reads to the end of the connection.
func (p *peer) ends(t *testing.T) {
	t.Helper()
	if b, err := io.ReadAll(p.in); len(b) > 0 || err != nil {
		t.Errorf("at the end it reads %q, %v", b, err)
	}
}

// isLeft reads to the end of a connection on which the peer has sent what nobody may
// have read: that can reset it.
func (p *peer) isLeft(t *testing.T) {
	t.Helper()
	if b, err := io.ReadAll(p.in); len(b) > 0 || err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("at the end it reads %q, %v", b, err)
	}
}

// takesLeave checks that the client reads nothing more but a close_notify.
func (w *switched) takesLeave(t *testing.T) {
	t.Helper()
	w.client.ends(t)
	w.ended(t)
	if !w.saidGoodbye() {
		t.Error("to the client the connection ends without a close_notify")
	}
}

// isCutOff checks that the client reads nothing more, and not a close_notify.
func (w *switched) isCutOff(t *testing.T) {
	t.Helper()
	if b, err := io.ReadAll(w.client.in); len(b) > 0 || isTimeout(err) {
		t.Errorf("at the end the client reads %q, %v", b, err)
	}
	if w.ended(t); w.saidGoodbye() {
		t.Error("the client gets a close_notify")
	}
}

func (w *switched) saidGoodbye() bool {
	return w.s.Conn.(*tls.Conn).NetConn().(*farewellConn).said.Load()
}

// endSending ends what the peer sends; it goes on reading.
func (p *peer) endSending() { _ = closeWrite(p.Conn) }

// fill sends b again and again until nobody takes it for a while.
func (p *peer) fill(b []byte) {
	for err := error(nil); err == nil; {
		_ = p.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
		_, err = p.Write(b)
	}
}
