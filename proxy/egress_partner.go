package proxy

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sidegate/sidegate/proxy/http1"
)

// A partnerConn is a connection to the partner, below TLS.
type partnerConn struct {
	net.Conn
	g       *egressGeneration
	parting atomic.Bool // crypto/tls is closing it
	slow    atomic.Bool // a write takes long
	stalled atomic.Bool // the partner took nothing, and was given up
	reset   atomic.Bool // a write found that the server had hung up
	once    sync.Once
	gone    chan struct{} // closed with the connection
}

// alertPatience is how long a write that failed waits for the reader to say why.
const alertPatience = 250 * time.Millisecond

// Write writes p. A server that refuses our certificate in TLS 1.3 sends an alert
// and hangs up, perhaps before the request is written. The transport takes the
// first error that it sees for the cause: so the reader, who is about to find the
// alert and to close the connection, goes first.
func (c *partnerConn) Write(p []byte) (int, error) {
	if c.parting.Load() {
		return c.Conn.Write(p) // by the deadline of crypto/tls
	}
	n, err := c.press(p)
	if isReset(err) && !c.parting.Load() {
		c.reset.Store(true) // told once: the reader finds only the end
		select {
		case <-c.gone:
		case <-time.After(alertPatience):
		}
	}
	return n, err
}

// press writes p for as long as the partner takes something of it, however slowly,
// and gives the connection up when it has taken nothing for partnerPatience.
func (c *partnerConn) press(p []byte) (n int, err error) {
	defer c.slow.Store(false)
	patience := c.g.e.patience
	moved, waiting := time.Now(), -1
	for {
		if err := c.Conn.SetWriteDeadline(time.Now().Add(patience / 4)); err != nil {
			return n, err
		}
		m, err := c.Conn.Write(p[n:])
		n += m
		if !errors.Is(err, os.ErrDeadlineExceeded) || c.parting.Load() {
			return n, err
		}
		c.slow.Store(true)
		// A socket says that it has room again only when a third of what lies in it
		// has gone, which a slow partner may need minutes for.
		before := waiting
		if waiting = http1.Unsent(c.Conn); m > 0 || waiting < before {
			moved = time.Now()
		}
		if time.Since(moved) >= patience {
			return n, c.giveUp(patience)
		}
	}
}

// giveUp resets the connection: nobody takes what lies in its buffers.
func (c *partnerConn) giveUp(patience time.Duration) error {
	c.stalled.Store(true)
	if raw, ok := c.Conn.(*net.TCPConn); ok {
		_ = raw.SetLinger(0)
	}
	_ = c.Close()
	return fmt.Errorf("the server took nothing for %s: %w", patience, os.ErrDeadlineExceeded)
}

// SetWriteDeadline notes that crypto/tls sets one, which it does for its last word:
// nobody reads then.
func (c *partnerConn) SetWriteDeadline(t time.Time) error {
	c.parting.Store(!t.IsZero())
	return c.Conn.SetWriteDeadline(t)
}

// isReset reports whether the peer has closed a connection that is written to.
func isReset(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET)
}

// Close closes the connection.
func (c *partnerConn) Close() error {
	c.once.Do(func() {
		close(c.gone)
		c.g.mu.Lock()
		delete(c.g.conns, c)
		c.g.mu.Unlock()
	})
	return c.Conn.Close()
}

// A partnerTunnel is the connection to the partner once it is a WebSocket.
type partnerTunnel struct {
	io.ReadWriteCloser
	conn     *tls.Conn
	patience time.Duration
}

// CloseWrite passes on that the application has said its last word. The partner may
// still say its own, for as long as patience, and then the place is free.
func (c *partnerTunnel) CloseWrite() error {
	half, ok := c.ReadWriteCloser.(interface{ CloseWrite() error })
	if !ok {
		return errors.ErrUnsupported
	}
	_ = c.conn.SetReadDeadline(time.Now().Add(c.patience))
	return half.CloseWrite()
}
