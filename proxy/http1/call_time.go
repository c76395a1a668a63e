package http1

import (
	"errors"
	"os"
	"time"
)

var longAgo = time.Unix(1, 0)

func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }

// Abort ends the exchange from another goroutine.
func (c *Call) Abort() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.aborted = true
	if c.cancel != nil {
		c.cancel()
	}
	if c.conn != nil {
		_ = c.conn.SetDeadline(longAgo)
	}
}

func (c *Call) isAborted() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.aborted
}

// deadline sets that of the next reads of the head; 0 takes it back.
func (c *Call) deadline(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.aborted || c.headed || c.conn == nil:
	case d > 0:
		c.timed, c.conn.until = true, time.Now().Add(d)
		_ = c.conn.SetReadDeadline(c.conn.until)
	case c.timed:
		c.timed = false
		_ = c.conn.SetReadDeadline(time.Time{})
	}
}

// boundHead bounds the wait for the head now that all is sent. To set a deadline
// costs a system call's time: one that the call before has left is good enough if
// it is not too early, and so each is a little late.
func (c *Call) boundHead() {
	wait := c.up.HeaderTimeout
	if wait <= 0 {
		c.deadline(0)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.aborted || c.headed || c.conn == nil {
		return
	}
	now := time.Now()
	if left := c.conn.until.Sub(now); !c.timed || left < wait || left > wait+wait/4 {
		c.timed, c.conn.until = true, now.Add(wait+wait/8)
		_ = c.conn.SetReadDeadline(c.conn.until)
	}
}

// endHead says that the deadline is over: the upload may end only now.
func (c *Call) endHead() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.headed = true
}

// unbound takes back the deadline of the head before content is waited for. Most
// content has come with the head, and then the next call on the connection sets
// one of its own.
func (c *Call) unbound() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timed && !c.aborted && c.conn != nil {
		c.timed = false
		_ = c.conn.SetReadDeadline(time.Time{})
	}
}

// boundWrite bounds the next write: an application that takes nothing in is as
// slow as one that does not answer.
func (c *Call) boundWrite() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.up.HeaderTimeout > 0 && !c.aborted && !c.ending {
		c.bound = true
		_ = c.conn.SetWriteDeadline(time.Now().Add(c.up.HeaderTimeout))
	}
}
