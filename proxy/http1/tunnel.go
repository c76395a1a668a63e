package http1

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// A Tunnel carries the bytes of a client and an application that have switched to
// WebSocket (RFC 6455). It passes them on as they are, and reads along only to know
// where a frame ends, so that it can be ended in the terms of the protocol:
//
//	              ┌── in:  …frame│frame│Close, masked ──►
//	client ───────┤                                        ─────── application
//	              ◄── out: …frame│frame│Close ────────────┘
//
// Make it with [Session.Tunnel] and call Run, once. Withdraw and Cut may be called
// from any goroutine, before, during and after it, and do not wait.
type Tunnel struct {
	s      *Session
	c      *Call    // of Run only: it is used again when the exchange is over
	app    net.Conn // of c
	linger time.Duration
	in     way // from the client to the application
	out    way // from the application to the client

	farewell atomic.Pointer[farewell] // nil until Withdraw
	told     atomic.Bool              // the client gets nothing more
	answered atomic.Bool              // the client has sent a Close frame, or ended

	mu      sync.Mutex // guards what follows, and the deadlines of both connections
	idle    *sync.Cond // of mu: pending has become less
	pending int        // goroutines that Run waits for
	running bool
	over    bool // Run has returned, or is about to
	done    bool // there is nothing to wait for after Withdraw
	cut     bool
}

// farewell is what a Close frame says.
type farewell struct {
	code   uint16
	reason string
}

// Tunnel returns the Tunnel between the client and the application of c, which
// has answered 101. A side has linger to end when the other one has ended.
func (s *Session) Tunnel(c *Call, linger time.Duration) *Tunnel {
	t := &Tunnel{s: s, c: c, app: c.conn.Conn, linger: linger}
	t.idle = sync.NewCond(&t.mu)
	t.in = way{t: t, dst: t.app, frames: frames{masked: true}}
	t.out = way{t: t, dst: s.Conn}
	return t
}

// Run passes on the 101 and carries bytes both ways until both sides have said
// their last word, one of them breaks off, or the tunnel is ended by Withdraw or
// Cut, which is no error. It returns how many bytes it passed on each way. Both
// connections are left to the caller to close.
func (t *Tunnel) Run() (in, out int64, err error) {
	if !t.begin() {
		t.breakOff()
		return 0, 0, nil
	}
	defer t.end()
	if err = t.agree(); err != nil {
		return 0, 0, err
	}
	up := make(chan error, 1)
	go func() {
		var err error
		in, err = t.in.pour(&t.s.in)
		if err != nil {
			_ = t.app.SetDeadline(longAgo)
		} else { // the client has ended: so has the application to, in the same time
			t.bound(t.app.SetReadDeadline, time.Now().Add(t.linger))
		}
		up <- err
	}()
	out, err = t.out.pour(&t.c.in)
	if err == nil {
		end := time.Now().Add(t.linger)
		t.bound(t.s.Conn.SetReadDeadline, end)
		t.bound(t.app.SetWriteDeadline, end)
	} else {
		t.s.in.interrupt()
		_ = t.app.SetDeadline(longAgo)
	}
	err = firstCause(err, <-up)
	if t.wasEnded() {
		err = nil
	}
	return in, out, err
}

// agree writes the 101 to the client. Nothing else may be written before.
func (t *Tunnel) agree() error {
	t.out.mu.Lock()
	defer t.out.mu.Unlock()
	s, c := t.s, t.c
	s.begin(c.Response.Status)
	s.out = append(s.out, "Connection: Upgrade\r\n"...)
	for i := range c.Response.Fields {
		if f := &c.Response.Fields[i]; !f.Hop || is(f.Name, "upgrade") {
			s.out = AppendField(s.out, f.Name, f.Value)
		}
	}
	s.out = append(s.out, "\r\n"...)
	if err := s.flush(); err != nil {
		t.out.parted = true
		return err
	}
	giveBack(s.out) // a tunnel may be idle for long
	s.out = nil
	c.lean()
	s.in.patience = 0
	t.bound(s.Conn.SetReadDeadline, time.Time{})
	t.bound(func(time.Time) error { c.unbound(); return nil }, time.Time{})
	return nil
}

// Withdraw ends the tunnel in protocol: each side gets a Close frame with the code
// and the reason (RFC 6455 §7.4; ASCII, of at most 123 bytes) as soon as no frame
// is under way to it, and nothing after that. If a Close frame went there before,
// or the bytes were no frames, it gets just that: nothing more. Run returns as
// soon as the client has answered, or has ended its side. A client that does
// not is to be ended by [Tunnel.Cut]. Only the first call counts.
func (t *Tunnel) Withdraw(code uint16, reason string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.farewell.CompareAndSwap(nil, &farewell{code, reason}) || !t.running || t.over {
		return
	}
	t.start(t.in.withdraw)
	t.start(t.out.withdraw)
}

// Cut ends the tunnel at once: what waits to read or to write does so no more, and
// the connection of the client is closed without a close_notify.
func (t *Tunnel) Cut() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over || t.cut {
		return
	}
	t.cut = true
	_ = t.s.Conn.SetDeadline(longAgo)
	_ = t.app.SetDeadline(longAgo)
	if t.running {
		t.start(t.breakOff)
	}
}

// breakOff closes the connection of the client below TLS, which would say goodbye.
func (t *Tunnel) breakOff() {
	c := t.s.Conn
	if secure, ok := c.(interface{ NetConn() net.Conn }); ok {
		c = secure.NetConn()
	}
	_ = c.Close()
}

// begin begins Run, and reports false if the tunnel was cut before. What Withdraw has
// asked for before comes behind the 101, for which agree holds the way.
func (t *Tunnel) begin() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cut {
		t.over = true
		return false
	}
	t.running = true
	if t.farewell.Load() != nil {
		t.start(t.in.withdraw)
		t.start(t.out.withdraw)
	}
	return true
}

// start calls f on a goroutine that end waits for: it may have to wait for a side
// that does not read. t.mu is held.
func (t *Tunnel) start(f func()) {
	t.pending++
	go func() {
		f()
		t.mu.Lock()
		defer t.mu.Unlock()
		t.pending--
		t.idle.Broadcast()
	}()
}

// end waits until nothing of the tunnel is running.
func (t *Tunnel) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.pending > 0 {
		t.idle.Wait()
	}
	t.over = true
}

// finish makes both ways end, which have nothing to write any more.
func (t *Tunnel) finish() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.done = true
	_ = t.app.SetDeadline(longAgo)
	t.s.in.interrupt()
}

// wasEnded reports whether what stopped the tunnel is Withdraw or Cut.
func (t *Tunnel) wasEnded() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.done || t.cut
}

// bound sets a deadline, unless there is one that is final.
func (t *Tunnel) bound(set func(time.Time) error, to time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.done && !t.cut {
		_ = set(to)
	}
}

// firstCause returns why a tunnel ended. That one way was made to stop, or took
// longer than it had, is no reason of its own.
func firstCause(out, in error) error {
	for _, err := range []error{out, in} {
		if err != nil && !errors.Is(err, ErrInterrupted) && !isTimeout(err) {
			return err
		}
	}
	return out
}
