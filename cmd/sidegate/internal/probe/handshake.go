package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// handshake returns the TLS connection, or nil if none came about. What was seen
// on the way is in the Report either way.
func (r *run) handshake(ctx context.Context, conn net.Conn) *tls.Conn {
	raw := &recorder{Conn: conn}
	protocols := []string{"http/1.1"}
	if r.o.HTTP2 {
		protocols = []string{"h2", "http/1.1"}
	}
	c := tls.Client(raw, &tls.Config{
		ServerName: r.serverName(),
		MinVersion: tls.VersionTLS12,
		NextProtos: protocols,
		// Verified afterwards, by judge, so that a chain that is not good does not
		// hide the rest. Until then nothing is sent but the handshake.
		InsecureSkipVerify: true, //nolint:gosec // see above
		VerifyConnection: func(cs tls.ConnectionState) error {
			r.sent = cs.PeerCertificates // also if the handshake fails later
			return nil
		},
		GetClientCertificate: r.present,
	})
	begin := time.Now()
	err := c.HandshakeContext(ctx)
	if r.sent != nil {
		r.ClientAuth = r.ours.report()
	}
	if err != nil {
		r.broken(err, raw, "during the handshake")
		return nil
	}
	cs := c.ConnectionState()
	r.TLS = &TLS{
		Version:         tls.VersionName(cs.Version),
		CipherSuite:     tls.CipherSuiteName(cs.CipherSuite),
		ALPN:            shown(cs.NegotiatedProtocol, maxShown),
		HandshakeMillis: millis(time.Since(begin)),
	}
	if cs.CurveID != 0 {
		r.TLS.KeyExchange = cs.CurveID.String()
		r.TLS.PostQuantum = strings.Contains(r.TLS.KeyExchange, "MLKEM") // FIPS 203
	}
	// With TLS 1.2 the server's Finished comes after its verdict on our certificate.
	if cs.Version == tls.VersionTLS12 {
		r.accept()
	}
	return c
}

// broken says why the server ended the connection, or did not answer; phase is
// when that was.
func (r *run) broken(err error, raw *recorder, phase string) {
	notTLS, isNotTLS := errors.AsType[tls.RecordHeaderError](err)
	a, isAlert := alertOf(err)
	switch {
	case isAlert:
		r.alerted(a, phase)
	case r.ours.unfit != nil:
		r.find(Error, "signature-scheme", "our certificate cannot be presented: the server takes no signature scheme that its key can do",
			"ask the partner which keys they take, and have the certificate issued for such a key")
	case isNotTLS:
		r.notTLS(notTLS.RecordHeader[:])
	case raw != nil && raw.oldVersion():
		r.find(Error, "tls-version", "the server answers with a TLS version below 1.2, which is refused here (RFC 8996)", "have TLS 1.2 or 1.3 enabled on the server")
	case isTimeout(err):
		r.find(Error, "timeout", fmt.Sprintf("the server did not answer %s within %s", phase, r.timeout),
			"it accepted the connection and then was silent: it may be overloaded, wait for another protocol on this port, or be a load balancer without a server behind it")
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		r.find(Error, "reset", "the server reset the connection "+phase+r.perhaps(), r.perhapsFix())
	// Over HTTP/2 a GOAWAY (RFC 9113 §6.8) has the transport close the connection.
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		r.find(Error, "closed", "the server closed the connection "+phase+" without an answer"+r.perhaps(), r.perhapsFix())
	default:
		r.find(Error, "tls-failed", "TLS failed "+phase+": "+shown(err.Error(), maxShown), "look at the log of the server; it may not speak TLS as the standard wants it")
	}
}

// perhaps adds what an end without an alert may be about.
func (r *run) perhaps() string {
	switch {
	case r.ours.presented():
		return "; it may have refused our certificate without saying so"
	case r.ours.asked:
		return "; it asked for a client certificate and got none"
	}
	return ""
}

func (r *run) perhapsFix() string {
	switch {
	case r.ours.presented():
		return r.sendToPartner()
	case r.ours.asked:
		return presentOne
	}
	return "look at the log of the server, and at what lies between: a load balancer or firewall may end connections that it does not know"
}

// notTLS tells of a server that answered, but not in TLS.
func (r *run) notTLS(head []byte) {
	if string(head) == "HTTP/" {
		r.find(Error, "not-tls", "the server answers in plain HTTP: there is no TLS on this port", "use the port that has TLS (often 443 or 8443), or switch TLS on there")
		return
	}
	r.find(Error, "not-tls", fmt.Sprintf("what the server sent is not TLS: it begins with %q", head), "check the port: something else listens there")
}

// A recorder keeps the first bytes that came from the server, and lets a server
// that hangs up have its last word: an alert may wait to be read when a write
// already fails, and who writes would close the connection before it is.
type recorder struct {
	net.Conn
	head  [11]byte
	n     int
	reset atomic.Pointer[error] // of a write
}

// Read implements net.Conn.
func (c *recorder) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.n += copy(c.head[c.n:], p[:n])
	}
	if reset := c.reset.Load(); reset != nil && errors.Is(err, io.EOF) {
		return n, *reset
	}
	return n, err
}

// Write implements net.Conn. What a server that hung up did not take is lost without
// a word: Read tells why.
func (c *recorder) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
		c.reset.Store(&err)
		return len(p), nil
	}
	return n, err
}

// oldVersion reports whether the server's hello is of a version below 1.2. A
// record has a head of 5 bytes and a message one of 4; the version of the hello
// follows (RFC 5246 §7.4.1.3).
func (c *recorder) oldVersion() bool {
	const recordHandshake, serverHello = 22, 2
	return c.n == len(c.head) && c.head[0] == recordHandshake && c.head[5] == serverHello &&
		int(c.head[9])<<8|int(c.head[10]) < tls.VersionTLS12
}
