package proxy

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// An outgoingBody is the body of a request, counted. The transport reads it,
// perhaps still when the response has ended.
type outgoingBody struct {
	io.ReadCloser
	x       *outgoing
	reading sync.Mutex // held during a read
	left    bool       // nobody may read any more; guarded by reading
	bytes   atomic.Int64
	eof     atomic.Bool
	stopped atomic.Bool // reading was broken off by us
	broken  atomic.Pointer[error]

	// Over HTTP/2 a partner may shut the window of a body and keep the connection
	// busy. So patience ends a while after a read, unless the next begins.
	patience *time.Timer // nil: it is not over HTTP/2, or there is no body
}

// watch lets the partner be given up when it takes nothing of the body. To be called
// before the request is sent; the function that it returns, when it is over.
func (x *outgoing) watch() (end func()) {
	if !x.gen.settings.HTTP2 || x.r.Body == http.NoBody {
		return func() {}
	}
	x.body.patience = time.AfterFunc(x.e.patience, x.stall)
	x.body.wait(false)
	return func() { x.body.patience.Stop() }
}

// stall gives the partner up. If a write to the connection takes long, it is the
// connection that is slow, and partnerConn judges that.
func (x *outgoing) stall() {
	if raw := x.partner.snapshot().raw(); raw != nil && raw.slow.Load() {
		x.body.patience.Reset(x.e.patience / 4)
		return
	}
	x.stalled.Store(true)
	x.cancel()
}

// givenUp reports whether the partner was given up because it took nothing.
func (x *outgoing) givenUp(p partnerFacts) bool {
	raw := p.raw()
	return x.stalled.Load() || raw != nil && raw.stalled.Load()
}

// wait notes that the partner has something to take, or nothing.
func (b *outgoingBody) wait(begins bool) {
	switch {
	case b.patience == nil:
	case begins:
		b.patience.Reset(b.x.e.patience)
	default:
		b.patience.Stop()
	}
}

// wholePiece is as much as is read at once of a body that is watched: of a piece
// that is larger, a slow partner might not have taken all when its time is up.
const wholePiece = 16 << 10

// Read implements io.Reader.
func (b *outgoingBody) Read(p []byte) (int, error) {
	b.reading.Lock()
	defer b.reading.Unlock()
	if b.left {
		return 0, http.ErrBodyReadAfterClose
	}
	if b.patience != nil {
		b.wait(false)
		p = p[:min(len(p), wholePiece)]
	}
	n, err := b.ReadCloser.Read(p)
	b.bytes.Add(int64(n))
	if b.patience != nil && b.x.partner.snapshot().http2 {
		b.wait(true)
	}
	switch {
	case errors.Is(err, io.EOF):
		b.eof.Store(true)
	case err != nil && !b.stopped.Load():
		b.broken.Store(&err)
	}
	return n, err
}

// unread reports whether something of the body may still be on the connection,
// which then carries no other request.
func (b *outgoingBody) unread() bool {
	return b.x.r.ProtoMajor == 1 && b.x.r.ContentLength != 0 && !b.eof.Load()
}

// interruptAfter makes reads fail once so much time has passed. It is called while
// the request is served, never later: net/http takes the connection back then.
func (b *outgoingBody) interruptAfter(wait time.Duration) {
	if b.unread() && !b.stopped.Swap(true) {
		_ = http.NewResponseController(b.x.w).SetReadDeadline(time.Now().Add(wait))
	}
}

// leave ends the reading of a body that was not read to its end, before net/http
// takes it back: that would take back the deadline of a read in flight and wait for
// the rest for ever. The answer is on its way by then.
func (b *outgoingBody) leave() {
	if !b.unread() || b.x.switched {
		return
	}
	if b.x.status != 0 {
		_ = b.x.FlushError()
	}
	b.interruptAfter(lingerTimeout)
	b.reading.Lock()
	defer b.reading.Unlock()
	b.left = true
}

// failed returns how reading the body failed, if it did.
func (b *outgoingBody) failed() error {
	if err := b.broken.Load(); err != nil {
		return *err
	}
	return nil
}

// An outgoingEnd is the body of a response whose end is the end of the request's:
// else the end of an early answer waits for an application that sends on.
type outgoingEnd struct {
	io.ReadCloser
	request *outgoingBody
}

// Read implements io.Reader.
func (r *outgoingEnd) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	if err != nil {
		r.request.interruptAfter(0)
	}
	return n, err
}
