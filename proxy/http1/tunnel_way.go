package http1

import (
	"errors"
	"io"
	"net"
	"sync"
)

// A way is one of the two directions of a [Tunnel]. What is written to dst is
// written under mu: the bytes of the other side, and a Close frame between two
// frames of them.
type way struct {
	t   *Tunnel
	dst net.Conn

	mu     sync.Mutex // guards what follows
	frames frames     // of the bytes read from the other side
	ended  bool       // the other side has said its last word
	parted bool       // so has the tunnel: dst gets nothing more
}

// pour copies src to dst, and closes dst for writing at the end of src. When it
// cannot go on, neither can the other way: src is read no more.
func (w *way) pour(src *source) (n int64, err error) {
	for {
		if src.r < src.w {
			passed, err := w.pass(src.buf[src.r:src.w])
			if err != nil {
				return n, err
			}
			n += int64(passed)
			src.r = src.w
		}
		err = src.fill(bufferSize)
		switch {
		case errors.Is(err, io.EOF):
			return n, w.end()
		case err != nil:
			return n, err
		}
	}
}

// pass writes p, and returns how much of it. After [Tunnel.Withdraw] that is the
// rest of a frame that has begun, and nothing after it. What comes then is read
// all the same: a side that is stuck in a write would not come to read its Close
// frame, and of a client it is to be seen that it has answered with its own.
func (w *way) pass(p []byte) (n int, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.settle()
	if w.t.farewell.Load() == nil {
		w.frames.scan(p)
		return w.dst.Write(p)
	}
	if !w.parted {
		if n = w.frames.rest(p); n > 0 {
			if _, err = w.dst.Write(p[:n]); err != nil {
				return 0, err
			}
		}
		w.part()
	}
	w.frames.scan(p[n:])
	return n, nil
}

// withdraw says farewell, unless a frame is under way: then pass does so at its
// end.
func (w *way) withdraw() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.part()
	w.settle()
}

// part writes a Close frame where one may be written: once, between two frames,
// and not if the other side has sent one. That the write fails is not looked at:
// dst is gone then, which is no reason not to tell the other side. w.mu is held.
func (w *way) part() {
	if w.parted || !w.frames.between() && !w.frames.over() {
		return
	}
	if !w.frames.over() {
		f := w.t.farewell.Load()
		_, _ = w.dst.Write(closeFrame(f.code, f.reason, w.frames.masked))
	}
	w.parted = true
}

// end closes dst for writing, since the other side has ended.
func (w *way) end() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.t.farewell.Load() != nil {
		w.part()
	}
	w.ended, w.parted = true, true
	defer w.settle()
	return closeWrite(w.dst)
}

// settle ends a tunnel that was withdrawn and has nothing to wait for: all is said
// to the client, and the client has answered. w.mu is held.
func (w *way) settle() {
	t := w.t
	switch {
	case w == &t.out:
		t.told.Store(w.parted)
	case w.frames.closed || w.ended:
		t.answered.Store(true)
	}
	if t.farewell.Load() != nil && t.told.Load() && t.answered.Load() {
		t.finish()
	}
}

func closeWrite(c net.Conn) error {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return c.Close()
}
