package proxy

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/sidegate/sidegate/proxy/http1"
)

// Bounds on the side of the application. It is in the same pod and trusted; they
// keep its mistakes from becoming ours.
const (
	maxAppConns     = 1024
	maxOutgoing     = 4096 // requests at the partner at once, WebSockets among them
	appHeaderBytes  = 32 << 10
	appHeaderTime   = 10 * time.Second
	appIdleTime     = 2 * time.Minute
	appWriteTimeout = 30 * time.Second // for each write: the application reads on, or is given up
)

// newAppServer returns the server for the application: HTTP/1.1, and HTTP/2 with
// prior knowledge (RFC 9113 §3.3).
func newAppServer(e *Egress) *http.Server {
	s := &http.Server{
		Handler:                      http.HandlerFunc(e.serveHTTP),
		ReadHeaderTimeout:            appHeaderTime,
		IdleTimeout:                  appIdleTime,
		MaxHeaderBytes:               appHeaderBytes - headerSlack,
		DisableGeneralOptionsHandler: true,
		Protocols:                    new(http.Protocols),
		HTTP2:                        &http.HTTP2Config{MaxConcurrentStreams: 250, SendPingTimeout: 30 * time.Second},
		ErrorLog:                     newErrorLog(e.name, e.log),
	}
	s.Protocols.SetHTTP1(true)
	s.Protocols.SetUnencryptedHTTP2(true)
	return s
}

// Serve accepts connections of the application from ln until ln is closed, which
// [Egress.Drain] does, and returns nil then. It may be called for several listeners.
func (e *Egress) Serve(ln net.Listener) error {
	err := e.server.Serve(&appListener{ln, e})
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// Drain stops accepting, asks the application to leave with Connection: close or
// GOAWAY, and waits for the requests under way, WebSockets among them, until ctx is
// done. What is still open then is cut, and Drain returns ctx's error.
func (e *Egress) Drain(ctx context.Context) error {
	e.draining.Store(true)
	err := e.server.Shutdown(ctx)
	if err == nil {
		err = e.settled(ctx)
	}
	_ = e.server.Close()
	e.cutConns()
	e.cur.Load().cut()
	return err
}

// settled waits until no request is under way or ctx is done. net/http itself does
// not wait for connections that were taken over by a WebSocket.
func (e *Egress) settled(ctx context.Context) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for e.forwarding.Load() > 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (e *Egress) cutConns() {
	e.mu.Lock()
	open := e.conns
	e.conns = nil
	e.mu.Unlock()
	for c := range open {
		_ = c.Close()
	}
}

// An appListener gives each connection of the application a place, or closes it
// when there are too many.
type appListener struct {
	net.Listener
	e *Egress
}

// Accept implements net.Listener.
func (l *appListener) Accept() (net.Conn, error) {
	for {
		raw, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if c := l.e.admit(raw); c != nil {
			return c, nil
		}
		_ = raw.Close()
	}
}

func (e *Egress) admit(raw net.Conn) *appConn {
	if e.open.Add(1) > maxAppConns {
		e.open.Add(-1)
		e.metrics.handshakeFailed(reasonTooMany)
		if ok, missed := e.overflow.line(e.now()); ok {
			e.log.Info("connections refused: too many are open", "listener", e.name, "limit", maxAppConns, "linesSuppressed", missed)
		}
		return nil
	}
	e.metrics.connections.Add(1)
	c := &appConn{Conn: raw, e: e}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.conns != nil {
		e.conns[c] = struct{}{}
	}
	return c
}

// An appConn is a connection of the application. HTTP/1.1 is read through a Guard;
// HTTP/2 is told by its preface (RFC 9113 §3.4), the whole of it: PRI is a method like
// any other.
type appConn struct {
	net.Conn
	e      *Egress
	head   []byte    // what was read to tell them apart
	stream io.Reader // the connection, once that is known
	once   sync.Once
}

const (
	prefaceBegins = "PRI "
	preface       = prefaceBegins + "* HTTP/2.0\r\n\r\nSM\r\n\r\n"
)

// Read implements net.Conn.
func (c *appConn) Read(p []byte) (int, error) {
	if c.stream == nil {
		if err := c.sniff(); err != nil {
			return 0, err
		}
	}
	n, err := c.stream.Read(p)
	if _, ok := errors.AsType[*http1.Violation](err); ok && n == 0 && len(p) == 1 {
		return 0, c.hold()
	}
	return n, err
}

// hold keeps a violation for later. net/http reads one byte in the background when it
// has all of a request and serves it, and cancels it on an error: what comes behind
// the request is no fault of it. It breaks the read off when the request is over,
// and the next one has the violation.
func (c *appConn) hold() error {
	var unread [512]byte
	for {
		if _, err := c.Conn.Read(unread[:]); err != nil {
			return err
		}
	}
}

// sniff reads until it is clear what is spoken, and of what is not HTTP/2 no more than
// its first bytes: net/http reads the rest at once, so that nothing lies unread, which
// would reset the connection, when it has refused a request-line and hangs up.
func (c *appConn) sniff() error {
	for strings.HasPrefix(preface, string(c.head)) && len(c.head) < len(preface) {
		var room [len(preface)]byte
		end := len(prefaceBegins)
		if len(c.head) >= end {
			end = len(preface)
		}
		n, err := c.Conn.Read(room[:end-len(c.head)])
		c.head = append(c.head, room[:n]...)
		if err != nil {
			return err
		}
	}
	again := &readAgain{c.Conn, c.head}
	c.stream = again
	if string(c.head) != preface {
		c.stream = http1.Guard(again, http1.Options{HeadBytes: appHeaderBytes, Report: c.violated})
	}
	return nil
}

func (c *appConn) violated(v *http1.Violation) { c.e.recordViolation(c, v) }

// Write bounds each write: an application that stops reading does not hold the
// connection to the partner for ever.
func (c *appConn) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(appWriteTimeout)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// Close closes the connection once and gives its place to another.
func (c *appConn) Close() error {
	c.once.Do(func() {
		c.e.open.Add(-1)
		c.e.metrics.connections.Add(-1)
		c.e.mu.Lock()
		delete(c.e.conns, c)
		c.e.mu.Unlock()
	})
	return c.Conn.Close()
}

// CloseWrite passes on that the partner has said its last word.
func (c *appConn) CloseWrite() error {
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok {
		return errors.ErrUnsupported
	}
	return half.CloseWrite()
}

// A readAgain is a connection some of which was read already.
type readAgain struct {
	net.Conn
	head []byte
}

// Read implements net.Conn.
func (c *readAgain) Read(p []byte) (int, error) {
	if len(c.head) > 0 {
		n := copy(p, c.head)
		c.head = c.head[n:]
		return n, nil
	}
	return c.Conn.Read(p)
}
