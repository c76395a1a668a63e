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
		c.timed = true
		_ = c.conn.SetReadDeadline(time.Now().Add(d))
	case c.timed:
		c.timed = false
		_ = c.conn.SetReadDeadline(time.Time{})
	}
}

// boundHead bounds the wait for the head now that all is sent.
func (c *Call) boundHead() { c.deadline(c.up.HeaderTimeout) }

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
