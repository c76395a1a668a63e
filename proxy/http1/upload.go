package http1

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
)

// startUpload sends the content on a goroutine of its own: the application may
// answer before it has read all of it.
func (c *Call) startUpload() {
	if c.uploaded == nil {
		c.uploaded = make(chan struct{}, 1)
	}
	c.uploading = true
	go c.upload(c.conn)
}

func (c *Call) upload(conn *upstreamConn) {
	err := c.sendSafely(conn)
	switch {
	case err == nil:
		c.setSent()
		c.boundHead()
	case errors.Is(err, errNotTaken):
		// The application closed the connection. If it has answered before, that
		// is the answer; else reading the response fails as well.
		c.boundHead()
	case errors.Is(err, errStuck):
		c.deadline(time.Nanosecond) // it had its time
	case errors.Is(err, ErrInterrupted):
	default:
		c.sendErr = err
		c.Abort() // the request will never be complete
	}
	c.uploaded <- struct{}{}
}

// sendSafely ends the exchange, and not the process, if Content panics.
func (c *Call) sendSafely(conn *upstreamConn) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("reading the content panicked: %v", p)
		}
	}()
	return c.send(conn)
}

// endUpload waits for the upload to end, and for no more of the content.
func (c *Call) endUpload() {
	if !c.uploading {
		return
	}
	if c.hasten() {
		c.Content.Interrupt()
	}
	<-c.uploaded
	c.uploading = false
}

// hasten ends a write that waits for an application that does not read, and
// reports whether there is anything to end.
func (c *Call) hasten() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sent {
		return false
	}
	c.ending, c.bound = true, true
	if c.conn != nil {
		_ = c.conn.SetWriteDeadline(longAgo)
	}
	return true
}

var (
	errNotTaken = errors.New("the application does not take the content")
	errStuck    = errors.New("the application takes too long to take the content")
)

// send copies the content to the application. The error is that of the content,
// errNotTaken or errStuck.
func (c *Call) send(conn *upstreamConn) error {
	var out []byte
	if c.Chunked {
		out = borrow()
		defer giveBack(out)
	}
	for {
		p, err := c.Content.Next()
		switch {
		case errors.Is(err, io.EOF) && c.Chunked:
			return c.push(conn, append(out[:0], "0\r\n\r\n"...))
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case c.Chunked:
			err = c.pushChunks(conn, out, p)
		default:
			err = c.push(conn, p)
		}
		if err != nil {
			return err
		}
	}
}

// pushChunks writes p in chunks that fit into out.
func (c *Call) pushChunks(conn *upstreamConn, out, p []byte) error {
	for len(p) > 0 {
		n := min(len(p), cap(out)-chunkSlack)
		if err := c.push(conn, AppendChunk(out[:0], p[:n])); err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

func (c *Call) push(conn *upstreamConn, p []byte) error {
	c.boundWrite()
	_, err := conn.Write(p)
	switch {
	case err == nil:
		return nil
	case isTimeout(err):
		return errStuck
	}
	return errNotTaken
}

// AppendChunk appends one chunk (RFC 9112 §7.1).
func AppendChunk(dst, data []byte) []byte {
	dst = strconv.AppendInt(dst, int64(len(data)), 16)
	dst = append(dst, "\r\n"...)
	dst = append(dst, data...)
	return append(dst, "\r\n"...)
}
