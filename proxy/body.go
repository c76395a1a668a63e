package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sidegate/sidegate/proxy/http1"
)

var longAgo = time.Unix(1, 0)

// deadlines sets the deadlines of one exchange for as long as it is served. The
// transport may still be reading the request body when the handler has returned
// and net/http has taken its ResponseWriter back; to touch that would crash the
// process.
type deadlines struct {
	w     http.ResponseWriter
	http2 bool

	mu   sync.Mutex // never held during a read or write
	over bool
	cut  bool // the write deadline is the last one
}

func (d *deadlines) read(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.over {
		_ = http.NewResponseController(d.w).SetReadDeadline(t)
	}
}

// write is for HTTP/2 only: over HTTP/1.1 each write to the connection is bound.
func (d *deadlines) write(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.over && !d.cut && d.http2 {
		_ = http.NewResponseController(d.w).SetWriteDeadline(t)
	}
}

// sever makes writes fail from now on, and resets the stream. It is for HTTP/2 only.
func (d *deadlines) sever() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.over && !d.cut && d.http2 {
		_ = http.NewResponseController(d.w).SetWriteDeadline(longAgo)
	}
	d.cut = true
}

func (d *deadlines) severed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.cut
}

// stop makes reads fail from now on.
func (d *deadlines) stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.over {
		_ = http.NewResponseController(d.w).SetReadDeadline(longAgo)
	}
}

// end is the last word: what net/http still has to write itself is due by last.
func (d *deadlines) end(last time.Time) {
	d.write(last)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.over = true
}

// The ways in which a request body ends early, apart from being too large.
var (
	errBodyStalled = errors.New("no byte of the request body arrived within limits.bodyIdleTimeout")
	errBodyBroken  = errors.New("the request body broke off or is malformed")
)

// bodyState is what is known of a request body, by the transport's goroutine.
type bodyState struct {
	bytes   atomic.Int64 // read so far
	reading sync.Mutex   // held during a read
	err     error        // how it ended, if badly; guarded by reading
	eof     atomic.Bool  // it was read to its end
	leaving atomic.Bool  // the exchange is ending: no read waits long any more
	left    bool         // nobody may read any more; guarded by reading
	stopped atomic.Bool  // reading was interrupted
}

// failed returns how the body ended if it ended badly. net/http cancels the
// exchange before it returns an error from a read, so the cancellation is often
// seen first; the read that caused it is about to end, and only then is it
// waited for.
func (b *bodyState) failed(cause error) error {
	if errors.Is(cause, context.Canceled) {
		b.reading.Lock()
	} else if !b.reading.TryLock() {
		return nil
	}
	defer b.reading.Unlock()
	return b.err
}

// A guardedBody counts a request body, bounds it, and bounds the wait for each
// of its bytes.
type guardedBody struct {
	io.ReadCloser
	x *served
}

func (x *served) guardBody(body io.ReadCloser) io.ReadCloser {
	if max := x.gen.limits.BodyBytes; max > 0 {
		body = http.MaxBytesReader(x.w, body, max)
	}
	return &guardedBody{body, x}
}

// Read implements io.Reader. The deadline is taken back at the end of the body,
// because net/http goes on reading to see whether the client hangs up; over
// HTTP/2 after each read, because there it strikes between reads as well, when
// it is the application that is slow.
func (b *guardedBody) Read(p []byte) (int, error) {
	state := &b.x.body
	state.reading.Lock()
	defer state.reading.Unlock()
	if state.left {
		return 0, http.ErrBodyReadAfterClose
	}
	b.x.deadlines.read(b.x.in.now().Add(b.x.gen.limits.BodyIdleTimeout))
	if state.leaving.Load() {
		b.x.deadlines.read(b.x.in.now().Add(lingerTimeout))
	}
	if state.stopped.Load() {
		return 0, http1.ErrInterrupted
	}
	n, err := b.ReadCloser.Read(p)
	state.bytes.Add(int64(n))
	if err == io.EOF || b.x.deadlines.http2 {
		b.x.deadlines.read(time.Time{})
	}
	if err == io.EOF {
		state.eof.Store(true)
		return n, err
	}
	if err != nil && state.stopped.Load() {
		return n, http1.ErrInterrupted
	}
	state.err = bodyError(err)
	return n, state.err
}

// interrupt makes a Read that waits return. A body that was read to its end is
// left alone: the connection goes on.
func (b *guardedBody) interrupt() {
	if b.x.body.eof.Load() {
		return
	}
	b.x.body.stopped.Store(true)
	b.x.deadlines.stop()
}

func bodyError(err error) error {
	_, tooLarge := errors.AsType[*http.MaxBytesError](err)
	switch {
	case err == nil, tooLarge:
		return err
	case errors.Is(err, os.ErrDeadlineExceeded):
		return errBodyStalled
	}
	return fmt.Errorf("%w: %w", errBodyBroken, err)
}

// boundUnread bounds what net/http does with a body that nobody has read: it
// waits for it, so that the connection can be used again or closed without a
// reset that would overtake the answer.
func (x *served) boundUnread() {
	if x.r.Body == nil || x.r.Body == http.NoBody || x.body.stopped.Load() {
		return // there is none, or the read is about to end: leaveBody sees to the rest
	}
	wait := x.gen.limits.BodyIdleTimeout
	if x.closing {
		wait = min(wait, lingerTimeout)
	}
	x.deadlines.read(x.in.now().Add(wait))
}

// leaveBody ends the reading of a body before net/http takes it back. It would
// break off a read in flight with the context of the whole connection, take back
// its deadline, and wait for the rest for ever. The answer is on its way by then.
func (x *served) leaveBody() {
	if x.deadlines.http2 || x.body.eof.Load() {
		return
	}
	if x.status != 0 {
		_ = x.FlushError()
	}
	x.body.leaving.Store(true)
	stopped := x.body.stopped.Load()
	if !stopped {
		x.deadlines.read(x.in.now().Add(lingerTimeout))
	}
	x.body.reading.Lock()
	defer x.body.reading.Unlock()
	x.body.left = true
	switch {
	case x.body.eof.Load():
		x.deadlines.read(time.Time{})
	case stopped: // what was to end a read is not to keep net/http from its own
		x.deadlines.read(x.in.now().Add(lingerTimeout))
	}
}
