package proxy

import (
	"crypto/tls"
	"errors"
	"runtime"
	"sync"

	"github.com/sidegate/sidegate/proxy/http1"
)

// maxBatch is how many bytes are gathered at the most: four TLS records.
const maxBatch = 66 << 10

var batches = sync.Pool{New: func() any { b := make([]byte, 0, maxBatch+18<<10); return &b }}

// A batch gathers TLS records so that several of them cost one system call.
// Over HTTP/1.1 the relay holds back those of one long write; over HTTP/2, where
// many responses end at about the same time, each waits until whoever else is
// ready to run has had a chance to add its own. Its methods may be called
// concurrently; write is one at a time, as crypto/tls sees to.
type batch struct {
	raw func(p []byte) (int, error) // writes to the connection

	mu        sync.Mutex
	room      *sync.Cond // signalled when a write is over
	pending   *[]byte    // nil while there is nothing
	held      bool
	async     bool
	writing   bool  // raw is being called
	scheduled bool  // flushSoon is on its way
	err       error // of a flush; the connection is of no more use
}

func newBatch(raw func(p []byte) (int, error)) *batch {
	b := &batch{raw: raw}
	b.room = sync.NewCond(&b.mu)
	return b
}

// write takes p to be written, or writes it.
func (b *batch) write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.held && !b.async && b.pending == nil {
		return b.call(p)
	}
	for b.pending != nil && len(*b.pending)+len(p) > maxBatch && b.err == nil {
		if b.scheduled {
			b.room.Wait()
		} else {
			b.flush()
		}
	}
	if b.err != nil {
		return 0, b.err
	}
	if b.pending == nil {
		b.pending = batches.Get().(*[]byte)
	}
	*b.pending = append(*b.pending, p...)
	if b.async && !b.scheduled {
		b.scheduled = true
		go b.flushSoon()
	}
	return len(p), nil
}

// call calls raw, one call at a time: what was sealed first is written first. b.mu
// is held, but not while it writes, because Close looks on.
func (b *batch) call(p []byte) (int, error) {
	b.await()
	b.writing = true
	b.mu.Unlock()
	n, err := b.raw(p)
	b.mu.Lock()
	b.writing = false
	b.room.Broadcast()
	return n, err
}

// await waits until raw is not being called; b.mu is held, but not while it waits.
func (b *batch) await() {
	for b.writing {
		b.room.Wait()
	}
}

// flush writes what is pending; b.mu is held.
func (b *batch) flush() {
	b.await()
	out := b.pending
	if out == nil || b.err != nil {
		return
	}
	b.pending = nil
	if _, err := b.call(*out); err != nil {
		b.err = err
	}
	*out = (*out)[:0]
	batches.Put(out)
}

// flushSoon writes what is pending once whoever is ready to write has done so.
func (b *batch) flushSoon() {
	runtime.Gosched()
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.pending != nil && b.err == nil {
		b.flush()
	}
	b.scheduled = false
	b.room.Broadcast()
}

// gather lets writes wait for others from now on.
func (b *batch) gather() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.async = true
}

// gathers reports whether writes wait for others.
func (b *batch) gathers() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.async
}

// hold begins a long write: what is written is gathered until release.
func (b *batch) hold() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held = true
}

// release ends a long write.
func (b *batch) release() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held = false
	b.flush()
	return b.err
}

// drain waits until all is written, or cannot be.
func (b *batch) drain() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for (b.writing || b.scheduled) && b.err == nil {
		b.room.Wait()
	}
}

// empty reports whether all is written.
func (b *batch) empty() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.writing && !b.scheduled && b.pending == nil
}

// maxRecord is the largest content of one TLS record (RFC 8446 §5.1).
const maxRecord = 16 << 10

// A relayTLS is the TLS connection of a relay. Its long writes are one system
// call, and it can be read from without waiting.
type relayTLS struct {
	*tls.Conn
	raw *conn
}

// Write writes p.
func (c relayTLS) Write(p []byte) (int, error) {
	if len(p) <= maxRecord {
		return c.Conn.Write(p)
	}
	c.raw.batch.hold()
	n, err := c.Conn.Write(p)
	if late := c.raw.batch.release(); err == nil {
		err = late
	}
	return n, err
}

// TryRead reads what there is, decrypted, or nothing.
func (c relayTLS) TryRead(p []byte) (int, error) { return c.try(p, readsSocket) }

// AwaitRead waits for something to read, or reads what crypto/tls has at hand.
func (c relayTLS) AwaitRead(p []byte) (int, error) {
	if n, err := c.try(p, readsNothing); n > 0 || !errors.Is(err, http1.ErrNothingYet) {
		return n, err
	}
	return 0, c.raw.socket.Await()
}

// ReadAtHand reads what crypto/tls has at hand.
func (c relayTLS) ReadAtHand(p []byte) (int, error) { return c.try(p, readsNothing) }

// try reads without waiting.
func (c relayTLS) try(p []byte, from reads) (int, error) {
	c.raw.reads = from
	defer func() { c.raw.reads = readsAndWaits }()
	return c.Read(p)
}
