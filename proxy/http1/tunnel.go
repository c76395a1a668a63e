package http1

import (
	"errors"
	"io"
	"net"
	"time"
)

// Switch passes on a 101 and carries bytes both ways until both sides have said
// their last word or one of them breaks off. Each side is closed on its own, and
// has linger to end when the other has ended. It returns how many bytes went each
// way.
func (s *Session) Switch(c *Call, linger time.Duration) (in, out int64, err error) {
	s.begin(c.Response.Status)
	s.out = append(s.out, "Connection: Upgrade\r\n"...)
	for i := range c.Response.Fields {
		if f := &c.Response.Fields[i]; !f.Hop || is(f.Name, "upgrade") {
			s.out = AppendField(s.out, f.Name, f.Value)
		}
	}
	s.out = append(s.out, "\r\n"...)
	if err = s.flush(); err != nil {
		return 0, 0, err
	}
	giveBack(s.out) // a tunnel may be idle for long
	s.out = nil
	c.lean()
	s.in.patience = 0
	_ = s.Conn.SetReadDeadline(time.Time{})
	c.unbound()
	up := make(chan error, 1)
	go func() {
		var err error
		in, err = pour(c.conn.Conn, &s.in)
		if err != nil {
			_ = c.conn.SetDeadline(longAgo)
		} else { // the client has ended: so has the application to, in the same time
			_ = c.conn.SetReadDeadline(time.Now().Add(linger))
		}
		up <- err
	}()
	out, err = pour(s.Conn, &c.in)
	if err == nil {
		end := time.Now().Add(linger)
		_ = s.Conn.SetReadDeadline(end)
		_ = c.conn.SetWriteDeadline(end)
	} else {
		s.in.interrupt()
		_ = c.conn.SetDeadline(longAgo)
	}
	return in, out, firstCause(err, <-up)
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

// pour copies src to dst, and closes dst for writing at the end of src. When it
// cannot go on, neither can the other way: src is read no more.
func pour(dst net.Conn, src *source) (n int64, err error) {
	for {
		if src.r < src.w {
			if _, err = dst.Write(src.buf[src.r:src.w]); err != nil {
				return n, err
			}
			n += int64(src.w - src.r)
			src.r = src.w
		}
		err = src.fill(bufferSize)
		switch {
		case errors.Is(err, io.EOF):
			return n, closeWrite(dst)
		case err != nil:
			return n, err
		}
	}
}

func closeWrite(c net.Conn) error {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return c.Close()
}
