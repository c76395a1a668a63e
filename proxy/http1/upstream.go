package http1

import (
	"context"
	"net"
	"slices"
	"sync"
	"syscall"
	"time"
)

// An Upstream is the way to one application: a pool of connections that are
// kept open between requests. Its methods may be called concurrently. The
// fields are set before its first use and not changed afterwards.
type Upstream struct {
	// Dial makes a connection, within a time of its own and until the context is
	// done. What it returns is a socket or has one below it by NetConn, or else
	// nothing notices before a write that the application has closed it or speaks
	// unasked.
	Dial func(context.Context) (net.Conn, error)

	// HeaderTimeout bounds the wait for the head of a response once the
	// request was written, and for the application to take in a piece of it.
	// 0 means no bound.
	HeaderTimeout time.Duration

	// IdleTimeout is how long a connection is kept without a request. It must be
	// shorter than what the application keeps it for.
	IdleTimeout time.Duration

	// MaxIdle is how many connections are kept without a request.
	MaxIdle int

	mu     sync.Mutex
	idle   []*upstreamConn // the last one used at the end
	sweep  *time.Timer
	closed bool
}

// An upstreamConn is a connection to the application.
type upstreamConn struct {
	net.Conn
	watch Watch
	since time.Time // when it became idle
	timed bool      // a read deadline was left on it,
	until time.Time // this one
}

// take returns an idle connection, or nil.
func (u *Upstream) take() *upstreamConn {
	for {
		c := u.pop()
		if c == nil {
			return nil
		}
		// Nothing is to be read from a connection on which nothing was asked:
		// it is the end of the connection, or what would be taken for the
		// response to the next request.
		if time.Since(c.since) < u.IdleTimeout && !c.watch.Readable() {
			return c
		}
		_ = c.Close()
	}
}

func (u *Upstream) pop() *upstreamConn {
	u.mu.Lock()
	defer u.mu.Unlock()
	last := len(u.idle) - 1
	if last < 0 {
		return nil
	}
	c := u.idle[last]
	u.idle[last] = nil
	u.idle = u.idle[:last]
	return c
}

// dial makes a new connection.
func (u *Upstream) dial(ctx context.Context) (*upstreamConn, error) {
	c, err := u.Dial(ctx)
	if err != nil {
		return nil, err
	}
	out := &upstreamConn{Conn: c}
	if below, ok := c.(interface{ NetConn() net.Conn }); ok { // of TLS
		c = below.NetConn()
	}
	if sc, ok := c.(syscall.Conn); ok {
		out.watch.Of(sc)
	}
	return out, nil
}

// put keeps a connection for the next request.
func (u *Upstream) put(c *upstreamConn) {
	c.since = time.Now()
	if !u.keep(c) {
		_ = c.Close()
	}
}

func (u *Upstream) keep(c *upstreamConn) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.closed || len(u.idle) >= u.MaxIdle {
		return false
	}
	u.idle = append(u.idle, c)
	if len(u.idle) == 1 {
		u.arm()
	}
	return true
}

// arm has closeOld called when the first connection is idle for too long; u.mu is
// held.
func (u *Upstream) arm() {
	due := u.IdleTimeout - time.Since(u.idle[0].since)
	if u.sweep == nil {
		u.sweep = time.AfterFunc(due, u.closeOld)
		return
	}
	u.sweep.Reset(due)
}

// closeOld closes the connections that were idle for too long.
func (u *Upstream) closeOld() {
	for _, c := range u.old() {
		_ = c.Close()
	}
}

// old takes out the connections that were idle for too long: the first ones.
func (u *Upstream) old() []*upstreamConn {
	u.mu.Lock()
	defer u.mu.Unlock()
	n := 0
	for n < len(u.idle) && time.Since(u.idle[n].since) >= u.IdleTimeout {
		n++
	}
	old := slices.Clone(u.idle[:n])
	u.idle = slices.Delete(u.idle, 0, n)
	if len(u.idle) > 0 {
		u.arm()
	}
	return old
}

// Close closes the idle connections, and those in use when they are done with.
func (u *Upstream) Close() {
	u.mu.Lock()
	idle := u.idle
	u.idle, u.closed = nil, true
	if u.sweep != nil {
		u.sweep.Stop()
	}
	u.mu.Unlock()
	for _, c := range idle {
		_ = c.Close()
	}
}
