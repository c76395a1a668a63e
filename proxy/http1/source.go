package http1

import (
	"bytes"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// The sizes of the buffers that connections borrow.
const (
	headSize   = 8 << 10  // for the head of a request: whoever is slow to send one holds no more
	bufferSize = 64 << 10 // for all else: the content of four TLS records
)

var (
	heads   = sync.Pool{New: func() any { return new([headSize]byte) }}
	buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}
)

func borrowHead() []byte { return heads.Get().(*[headSize]byte)[:] }
func borrow() []byte     { return buffers.Get().(*[bufferSize]byte)[:] }

// giveBack returns a buffer to its pool, unless it was made for a large head.
func giveBack(b []byte) {
	switch cap(b) {
	case headSize:
		heads.Put((*[headSize]byte)(b[:headSize]))
	case bufferSize:
		buffers.Put((*[bufferSize]byte)(b[:bufferSize]))
	}
}

// A source reads a connection through a buffer that it has only while there is
// something to read.
type source struct {
	conn  net.Conn
	buf   []byte // nil while there is nothing to read
	r, w  int    // buf[r:w] was read from conn and not consumed yet
	moved bool   // the buffer was replaced: what pointed into it is void

	// patience bounds each read of the connection; 0 leaves the deadline alone.
	patience time.Duration
	stop     atomic.Bool // reads are to fail: another goroutine has seen to the deadline
	first    [1]byte
}

// await waits for the first byte of a message without a buffer, and takes one
// when it is there. crypto/tls keeps what else the record holds.
func (s *source) await() error {
	if s.w > s.r {
		return nil
	}
	s.release()
	if err := s.wait(); err != nil {
		return err
	}
	s.buf = borrowHead()
	s.buf[0], s.w = s.first[0], 1
	return nil
}

// An awaiter is a connection on which to wait costs less than in Read.
type awaiter interface {
	// AwaitRead waits until Read has something to return, or reads it into p, if
	// it is at hand.
	AwaitRead(p []byte) (n int, err error)

	// ReadAtHand reads what is at hand, without looking at the socket.
	ReadAtHand(p []byte) (n int, err error)
}

// endOfHead is there when a head is complete, or contains a fault.
var endOfHead = []byte("\r\n\r\n")

// atHand reads what is at hand of a head, and reports whether that is all of it.
func (s *source) atHand() bool {
	if a, ok := s.conn.(awaiter); ok && s.w < len(s.buf) {
		n, _ := a.ReadAtHand(s.buf[s.w:]) // an error comes again
		s.w += n
	}
	return bytes.Contains(s.buf[s.r:s.w], endOfHead)
}

// wait reads the first byte.
func (s *source) wait() error {
	w, ok := s.conn.(awaiter)
	if !ok {
		_, err := s.read(s.first[:])
		return err
	}
	if err := s.bound(); err != nil {
		return err
	}
	if n, err := w.AwaitRead(s.first[:]); n > 0 || err != nil {
		return err
	}
	_, err := s.read(s.first[:])
	return err
}

// release gives the buffer back. There must be nothing in it that is wanted.
func (s *source) release() {
	giveBack(s.buf)
	s.buf, s.r, s.w = nil, 0, 0
}

// read reads at least one byte from the connection.
func (s *source) read(p []byte) (n int, err error) {
	if err := s.bound(); err != nil {
		return 0, err
	}
	for n == 0 && err == nil {
		n, err = s.conn.Read(p)
	}
	if n > 0 {
		return n, nil // the error comes again
	}
	if s.stop.Load() {
		return 0, ErrInterrupted
	}
	return 0, err
}

// bound sets the deadline of the next read, unless reads are to fail.
func (s *source) bound() error {
	if s.patience > 0 {
		if err := s.conn.SetReadDeadline(time.Now().Add(s.patience)); err != nil {
			return err
		}
	}
	if s.stop.Load() {
		return ErrInterrupted
	}
	return nil
}

// interrupt makes a read that waits fail, and those that follow. Another
// goroutine calls it: whichever of the two sets the deadline last, the reader
// looks at stop after it did.
func (s *source) interrupt() {
	s.stop.Store(true)
	_ = s.conn.SetReadDeadline(longAgo)
}

// begin moves what is buffered to the front, where a head has the most room.
func (s *source) begin() {
	if s.r > 0 {
		s.w = copy(s.buf, s.buf[s.r:s.w])
		s.r = 0
	}
}

// fill reads more. What is not consumed stays where it is, unless the buffer
// is full: then it goes to the front, or to a buffer that is larger, up to limit.
func (s *source) fill(limit int) error {
	if s.buf == nil {
		s.buf = borrow()
	}
	if s.r == s.w {
		s.r, s.w = 0, 0
		if limit >= bufferSize && len(s.buf) < bufferSize { // the head is over
			giveBack(s.buf)
			s.buf = borrow()
		}
	}
	if s.w == len(s.buf) {
		if s.r == 0 {
			if !s.grow(limit) {
				return io.ErrShortBuffer
			}
		} else {
			s.begin()
			s.moved = true
		}
	}
	n, err := s.read(s.buf[s.w:])
	s.w += n
	return err
}

func (s *source) grow(limit int) bool {
	if len(s.buf) >= limit {
		return false
	}
	larger := make([]byte, min(2*len(s.buf), limit))
	copy(larger, s.buf)
	giveBack(s.buf)
	s.buf, s.moved = larger, true
	return true
}

// line returns the line that begins at *at, counted from what is not consumed,
// with its line end, and moves *at behind it. No byte of it may lie beyond limit,
// counted alike; it is not an error of the connection if one does, but nil and no
// line. When the buffer moved, the lines before are void, and so is *at.
func (s *source) line(at *int, limit int) (line []byte, err error) {
	for seen := *at; ; {
		if end := bytes.IndexByte(s.buf[s.r+seen:s.w], '\n'); end >= 0 {
			begin, size := s.r+*at, seen+end+1
			if size > limit {
				return nil, nil
			}
			*at = size
			return s.buf[begin : s.r+size], nil
		}
		if seen = s.w - s.r; seen >= limit {
			return nil, nil
		}
		if err = s.fill(limit); err != nil {
			return nil, err
		}
	}
}
