package http1

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"
)

// A WriteError says that the client does not take the response.
type WriteError struct{ Err error }

// Error returns the error of the write.
func (e *WriteError) Error() string { return "writing the response: " + e.Err.Error() }

// Unwrap returns the error of the write.
func (e *WriteError) Unwrap() error { return e.Err }

// Respond passes the response of c on, re-framed for this client, and returns
// how many bytes of content were written. The error is a [*WriteError] or what
// [Call.Next] returned; the connection is then to be broken off, so that nobody
// takes the response for whole. With close the client is told that the connection
// ends, as it must for HTTP/1.0; the caller closes it.
func (s *Session) Respond(c *Call, close bool) (written int64, err error) {
	r := &c.Response
	chunked := !s.req.HTTP10 && !c.NoContent && (r.Length == -1 || r.Length == untilClose)
	s.begin(r.Status)
	s.appendFields(r, chunked)
	switch length, ok := r.Announced(); {
	case chunked:
		s.out = append(s.out, "Transfer-Encoding: chunked\r\n"...)
	case ok && r.Status != http.StatusNoContent && r.Length != -1:
		s.out = append(s.out, "Content-Length: "...)
		s.out = strconv.AppendInt(s.out, length, 10)
		s.out = append(s.out, "\r\n"...)
	}
	if close {
		s.out = append(s.out, "Connection: close\r\n"...)
	}
	s.out = append(s.out, "\r\n"...)
	if chunked {
		return s.copyChunked(c)
	}
	return s.copyPlain(c)
}

// begin begins a response.
func (s *Session) begin(status int) {
	if s.out == nil {
		s.out = borrow()
	}
	s.out = appendStatus(s.out[:0], status)
}

// appendFields appends what is to be forwarded of a head. Trailers may be
// announced if some may follow.
func (s *Session) appendFields(r *Response, chunked bool) {
	for i := range r.Fields {
		f := &r.Fields[i]
		if !f.Hop || s.req.Trailers && chunked && is(f.Name, "trailer") {
			s.out = AppendField(s.out, f.Name, f.Value)
		}
	}
	if !r.Dated && r.Status >= 200 {
		s.out = s.date.append(s.out, time.Now())
	}
}

// copyPlain writes what is in s.out and content that needs no framing.
func (s *Session) copyPlain(c *Call) (written int64, err error) {
	for {
		if !c.Ready() || c.body.done {
			if err = s.flush(); err != nil {
				return written, err
			}
		}
		p, err := c.Next()
		if err != nil {
			return written, atEnd(err)
		}
		written += int64(len(p))
		if len(s.out) > 0 && len(s.out)+len(p) <= cap(s.out) {
			s.out = append(s.out, p...)
			continue
		}
		if err = s.flush(); err == nil {
			err = s.write(p)
		}
		if err != nil {
			return written, err
		}
	}
}

// chunkSlack is room for a chunk size and line ends, and for the last chunk.
const chunkSlack = 32

// copyChunked writes what is in s.out and content in chunks.
func (s *Session) copyChunked(c *Call) (written int64, err error) {
	for {
		if !c.Ready() {
			if err = s.flush(); err != nil {
				return written, err
			}
		}
		p, err := c.Next()
		if errors.Is(err, io.EOF) {
			return written, s.lastChunk(c)
		}
		if err == nil {
			written += int64(len(p))
			err = s.chunk(p)
		}
		if err != nil {
			return written, err
		}
	}
}

// chunk appends p as one chunk, as several if it is larger than s.out.
func (s *Session) chunk(p []byte) error {
	for len(p) > 0 {
		room := cap(s.out) - len(s.out) - chunkSlack
		if len(p) > room && len(s.out) > 0 {
			if err := s.flush(); err != nil {
				return err
			}
			continue
		}
		n := min(len(p), room)
		s.out = AppendChunk(s.out, p[:n])
		p = p[n:]
	}
	return nil
}

// lastChunk ends chunked content, with trailers for a client that takes them.
func (s *Session) lastChunk(c *Call) error {
	s.out = append(s.out, "0\r\n"...)
	if s.req.Trailers {
		for _, f := range c.TrailerFields() {
			if !f.Hop {
				s.out = AppendField(s.out, f.Name, f.Value)
			}
		}
	}
	s.out = append(s.out, "\r\n"...)
	return s.flush()
}

// Interim passes an interim response on. HTTP/1.0 knows none (RFC 9110 §15.2).
func (s *Session) Interim(r *Response) error {
	if s.req.HTTP10 {
		return nil
	}
	s.begin(r.Status)
	s.appendFields(r, false)
	s.out = append(s.out, "\r\n"...)
	return s.flush()
}

// Answer writes a response of our own, also to a head that was refused. fields are
// whole field lines.
func (s *Session) Answer(status int, fields, content string, close bool) error {
	s.begin(status)
	s.out = s.date.append(s.out, time.Now())
	s.out = append(s.out, fields...)
	s.out = append(s.out, "Content-Length: "...)
	s.out = strconv.AppendInt(s.out, int64(len(content)), 10)
	s.out = append(s.out, "\r\n"...)
	if close {
		s.out = append(s.out, "Connection: close\r\n"...)
	}
	s.out = append(s.out, "\r\n"...)
	if !s.req.IsHead {
		s.out = append(s.out, content...)
	}
	return s.flush()
}

func (s *Session) flush() error {
	if len(s.out) == 0 {
		return nil
	}
	err := s.write(s.out)
	s.out = s.out[:0]
	return err
}

func (s *Session) write(p []byte) error {
	if _, err := s.Conn.Write(p); err != nil {
		return &WriteError{err}
	}
	return nil
}

// atEnd is for copies, to which the end is no error.
func atEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// appendStatus appends the status-line with the phrase of RFC 9110 §15.
func appendStatus(dst []byte, status int) []byte {
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendInt(dst, int64(status), 10)
	dst = append(dst, ' ')
	dst = append(dst, http.StatusText(status)...)
	return append(dst, "\r\n"...)
}

// A date is a Date field (RFC 9110 §6.6.1), kept for as long as it is true.
type date struct {
	second int64
	line   [len("Date: " + http.TimeFormat + "\r\n")]byte
}

func (d *date) append(dst []byte, now time.Time) []byte {
	if s := now.Unix(); s != d.second {
		d.second = s
		now.UTC().AppendFormat(append(d.line[:0], "Date: "...), http.TimeFormat)
		copy(d.line[len(d.line)-2:], "\r\n")
	}
	return append(dst, d.line[:]...)
}
