package http1

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"syscall"
	"time"
)

// Content is the content of a request on its way to the application.
type Content interface {
	// Next returns the next bytes, at least one, good until the next call. At
	// the end it returns io.EOF.
	Next() ([]byte, error)

	// Interrupt makes a Next that waits return. Another goroutine calls it.
	Interrupt()
}

// A Call is one request to the application and its response. Make it with
// [Upstream.NewCall], fill in the request, [Call.Do], read the content with
// [Call.Next], and end with [Call.Finish] in any case. Only Abort and Sent
// may be called from another goroutine, and not after Finish.
type Call struct {
	// Head is the head of the request, to be appended to, with the empty line,
	// and the beginning of the content if there is some at hand. It is gone
	// after Do.
	Head []byte

	// Content is what follows; nil if nothing does. It is chunked on its way
	// if Chunked, and read on another goroutine until Finish.
	Content Content
	Chunked bool

	// NoContent says that the response has no content whatever it announces:
	// the request is HEAD.
	NoContent bool

	// Again says that the request may be sent twice: its method is idempotent
	// (RFC 9110 §9.2.2).
	Again bool

	// Upgrade is the protocol, in lower case, that a change to was asked for.
	Upgrade string

	// Interim is called with each interim response but 101 (RFC 9110 §15.2), and
	// a [*WriteError] of it is what Do returns. A 100 comes with one that is made
	// up when the application keeps silent; only then may content that is
	// awaited by Await be read. Other 100s are not passed on.
	Interim func(*Response) error
	Await   bool // the client sends its content after a 100 only

	Response Response

	up    *Upstream
	in    source
	body  body
	buf   []byte // of Head, as borrowed
	heard bool   // the application has said something

	mu      sync.Mutex // guards what follows; the deadlines of the connection too
	conn    *upstreamConn
	cancel  context.CancelFunc // of the dial under way; nil if there is none
	aborted bool
	headed  bool // the head of the response is here: no deadline for it any more
	ending  bool // so must the upload
	timed   bool // there is a deadline for reading
	bound   bool // there is or was one for writing
	sent    bool // all of the request

	uploading bool
	uploaded  chan struct{}
	sendErr   error // why the content was not sent, if not for the application; of the uploader until uploaded
}

// Errors of a [Call]; others are [*DialError], [*ContentError], [*Violation] for a
// response that is none, and those of the network.
var (
	// ErrAborted says that Abort was called.
	ErrAborted = errors.New("the exchange was aborted")

	// ErrNoAnswer says that the application closed the connection without an answer.
	ErrNoAnswer = errors.New("the application closed the connection without an answer")

	// ErrSlow says that no response came within HeaderTimeout.
	ErrSlow = errors.New("no response within the time for it")
)

// ContentError says that the content of the request ended badly.
type ContentError struct{ Err error }

// Error returns the error of the content.
func (e *ContentError) Error() string { return e.Err.Error() }

// Unwrap returns the error of the content.
func (e *ContentError) Unwrap() error { return e.Err }

// DialError says that the application could not be reached.
type DialError struct{ Err error }

// Error returns the error of the dial.
func (e *DialError) Error() string { return e.Err.Error() }

// Unwrap returns the error of the dial.
func (e *DialError) Unwrap() error { return e.Err }

var calls = sync.Pool{New: func() any { return new(Call) }}

// NewCall returns a Call, to be filled in.
func (u *Upstream) NewCall() *Call {
	c := calls.Get().(*Call)
	c.up, c.buf = u, borrow()
	c.Head = c.buf[:0]
	return c
}

// Do sends the request and returns when the head of the final response is here,
// in Response. Content may still be on its way then. A connection that the
// application had closed in the meantime is replaced once, if nothing was sent
// or sending it twice does no harm.
func (c *Call) Do() error {
	err := c.do()
	if err != nil {
		return c.cause(err)
	}
	return nil
}

func (c *Call) do() error {
	if conn := c.up.take(); conn != nil {
		err := c.try(conn)
		if err == nil || !c.mayRetry(err) {
			return err
		}
		c.leave()
	}
	conn, err := c.dial()
	if err != nil {
		return &DialError{err}
	}
	return c.try(conn)
}

// dial makes a new connection, unless the call is aborted before there is one.
func (c *Call) dial() (*upstreamConn, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if !c.dials(cancel) {
		return nil, ErrAborted
	}
	defer c.dials(nil)
	return c.up.dial(ctx)
}

// dials notes how the dial under way is ended, if the call was not aborted before.
func (c *Call) dials(cancel context.CancelFunc) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cancel = cancel
	return !c.aborted
}

// errUnsent says that not a byte of the request left.
var errUnsent = errors.New("nothing was sent")

func (c *Call) mayRetry(err error) bool {
	switch {
	case c.isAborted() || c.heard:
		return false
	case errors.Is(err, errUnsent):
		return true
	}
	broken := errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
	return broken && c.Again && c.Content == nil
}

func (c *Call) try(conn *upstreamConn) error {
	if !c.use(conn) {
		_ = conn.Close()
		return ErrAborted
	}
	if len(c.Head) > bufferSize { // which may be more than fits into the socket
		c.boundWrite()
	}
	if c.Content != nil {
		c.deadline(0) // that of the last call; without content there is a new one at once
	}
	n, err := conn.Write(c.Head)
	switch {
	case err == nil && c.Content == nil:
		c.setSent()
	case err == nil && !c.Await:
		c.startUpload()
	case err != nil && n == 0:
		return fmt.Errorf("%w: %w", errUnsent, err)
	case isTimeout(err):
		return err
	}
	// If it has stopped reading, it may have answered before that.
	// The head has been sent: its buffer is good for the response. Until there are
	// bytes of that, the head is still in it, to be sent again.
	c.in.conn, c.in.buf, c.buf = conn, c.buf, nil
	return c.readHead()
}

// use makes conn the connection of the call, unless it was aborted.
func (c *Call) use(conn *upstreamConn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.aborted {
		return false
	}
	c.conn, c.timed, c.bound, c.sent = conn, conn.timed, false, false
	return true
}

func (c *Call) setSent() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent = true
}

// leave gives up a connection that was of no use. The head is kept.
func (c *Call) leave() {
	c.mu.Lock()
	conn := c.conn
	c.conn = nil
	c.mu.Unlock()
	_ = conn.Close()
	if c.in.buf != nil {
		c.buf, c.in.buf = c.in.buf, nil
	}
}

// cause says why an exchange failed at err: the content of the request may have
// failed before.
func (c *Call) cause(err error) error {
	c.endUpload()
	_, dial := errors.AsType[*DialError](err)
	_, write := errors.AsType[*WriteError](err)
	switch {
	case c.sendErr != nil:
		return &ContentError{c.sendErr}
	case c.isAborted():
		return ErrAborted
	case dial || write:
		return err
	case isTimeout(err):
		return ErrSlow
	case errors.Is(err, io.EOF):
		return ErrNoAnswer
	}
	return err
}

// Next returns the next bytes of the content of the response, good until the
// next call, or io.EOF.
func (c *Call) Next() ([]byte, error) {
	if !c.body.ready() {
		c.unbound()
	}
	p, err := c.body.next()
	if err != nil && !errors.Is(err, io.EOF) {
		err = c.cause(err)
	}
	return p, err
}

// Ready reports whether Next returns at once.
func (c *Call) Ready() bool { return c.body.ready() }

// TrailerFields returns the trailers of the response, once Next has returned io.EOF.
func (c *Call) TrailerFields() []Field { return c.body.trailers.list }

// Sent reports whether the request was sent to its end by now.
func (c *Call) Sent() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sent
}

// Finish ends the call, which must not be used any more. The connection is kept
// if both messages have come to their ends and there is nothing behind the
// response. After HEAD it is not: should the application send content all the
// same, that may come later.
func (c *Call) Finish() {
	c.endUpload()
	conn, keep := c.detach()
	c.in.release()
	c.lean()
	switch {
	case keep:
		c.up.put(conn)
	case conn != nil:
		_ = conn.Close()
	}
	c.recycle()
}

// detach takes the connection from the call and says whether it is to be kept.
func (c *Call) detach() (conn *upstreamConn, keep bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	conn, c.conn = c.conn, nil
	keep = conn != nil && c.headed && c.sent && !c.aborted && !c.NoContent &&
		c.body.done && c.Response.persists() && c.in.r == c.in.w
	if keep {
		conn.timed = c.timed
	}
	if keep && c.bound {
		keep = conn.SetWriteDeadline(time.Time{}) == nil
	}
	return conn, keep
}

// lean gives back the buffer of the head.
func (c *Call) lean() {
	giveBack(c.buf)
	c.buf, c.Head = nil, nil
}

// recycle gives the call back.
func (c *Call) recycle() {
	c.Response.fields.forget()
	c.body.trailers.forget()
	fields, trailers, uploaded := c.Response.fields, c.body.trailers, c.uploaded
	*c = Call{uploaded: uploaded}
	c.Response.fields, c.body.trailers = fields, trailers
	calls.Put(c)
}
