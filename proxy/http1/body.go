package http1

import (
	"bytes"
	"errors"
	"io"
)

// Errors of content. A [*Violation] is the third way for it to end early.
var (
	// ErrTooLarge says that content is larger than it may be.
	ErrTooLarge = errors.New("the content is larger than the limit")

	// ErrInterrupted says that reading was stopped by who wanted the content.
	ErrInterrupted = errors.New("the reading of the content was stopped")
)

// untilClose is the length of content that ends with the connection (RFC 9112 §6.3).
const untilClose = -2

// A body reads the content of one message from a source (RFC 9112 §6, §7.1).
type body struct {
	src      *source
	length   int64 // as announced: ≥ 0, -1 for chunked, or untilClose
	left     int64 // of the content, or of the chunk
	limit    int64 // of chunked content; 0: none
	read     int64
	state    state
	done     bool
	broken   *Violation // nothing is read behind it
	trailers fields
	fields   int // how many trailer fields there may be
}

// begin starts on the content of a message whose head was consumed.
func (b *body) begin(s *source, length, limit int64, fieldLimit int) {
	b.src, b.length, b.limit, b.fields = s, length, limit, fieldLimit
	b.left, b.read, b.state = length, 0, inContent
	if length == -1 {
		b.left, b.state = 0, inChunkSize
	}
	b.done, b.broken = length == 0, nil
	b.trailers.reset()
}

// next returns the next bytes of the content, at least one, from the buffer of
// the source; they are good until the next call. At the end it returns io.EOF.
// Content that breaks off is io.ErrUnexpectedEOF.
func (b *body) next() ([]byte, error) {
	for !b.done {
		switch {
		case b.broken != nil:
			return nil, b.broken
		case b.isFraming():
			if err := b.framing(); err != nil {
				return nil, unexpected(err)
			}
			continue
		case b.src.r == b.src.w:
			err := b.src.fill(bufferSize)
			if errors.Is(err, io.EOF) && b.length == untilClose {
				b.done = true
				continue
			}
			if err != nil {
				return nil, unexpected(err)
			}
		}
		return b.take()
	}
	return nil, io.EOF
}

// isFraming reports whether a line is next, and not content.
func (b *body) isFraming() bool { return b.state != inContent && b.state != inChunkData }

// take consumes what is buffered of the content.
func (b *body) take() ([]byte, error) {
	n := b.src.w - b.src.r
	if b.length != untilClose {
		n = int(min(int64(n), b.left))
		b.left -= int64(n)
	}
	p := b.src.buf[b.src.r : b.src.r+n]
	b.src.r += n
	b.read += int64(n)
	switch {
	case b.limit > 0 && b.read > b.limit:
		return nil, ErrTooLarge
	case b.left > 0 || b.length == untilClose:
	case b.state == inChunkData:
		b.state = inChunkEnd
	default:
		b.done = true
	}
	return p, nil
}

// framing reads a line between chunks, or the trailer section. When it fails for
// want of bytes it can be called again.
func (b *body) framing() error {
	v, err := b.line()
	if v != nil {
		b.broken = v
		return v
	}
	return err
}

func (b *body) line() (*Violation, error) {
	if b.state == inTrailer {
		return b.readTrailers()
	}
	limit, size := chunkLineLimit, 0
	if b.state == inChunkEnd {
		limit = len("\r\n")
	}
	line, err := b.src.line(&size, limit)
	switch {
	case err != nil:
		return nil, err
	case line == nil && b.state == inChunkEnd:
		return violation(BadChunk, "the data of a chunk is not followed by CRLF"), nil
	case line == nil:
		return violation(BadChunk, "a chunk size with its extensions has more than %d bytes", limit), nil
	}
	b.src.r += size
	text, v := textOf(line, b.state)
	switch {
	case v != nil:
	case b.state == inChunkEnd: // its limit leaves it empty
		b.state = inChunkSize
	default:
		b.state = inChunkData
		if b.left, v = parseChunkSize(text); b.left == 0 {
			b.state = inTrailer
		}
	}
	return v, nil
}

// readTrailers reads the trailer section as a whole: its fields point into the
// buffer, and are good until more is read.
func (b *body) readTrailers() (*Violation, error) {
	b.trailers.reset()
	b.src.moved = false
	for size := 0; ; {
		line, err := b.src.line(&size, trailerLimit)
		switch {
		case err != nil:
			return nil, err
		case b.src.moved: // what was parsed points into the old buffer
			return b.readTrailers()
		case line == nil:
			return violation(BadTrailer, "the trailer section has more than %d bytes", trailerLimit), nil
		}
		text, v := textOf(line, inTrailer)
		if v == nil && len(text) == 0 {
			b.src.r += size
			b.done = true
			return nil, nil
		}
		if v == nil {
			v = b.trailer(text)
		}
		if v != nil {
			return v, nil
		}
	}
}

func (b *body) trailer(text []byte) *Violation {
	if len(b.trailers.list) == b.fields {
		return tooManyFields(b.fields)
	}
	name, value, v := cutTrailer(text)
	if v != nil {
		return v
	}
	return b.trailers.add(name, value)
}

// ready reports whether next returns without waiting for the peer. It reads the
// lines that come before content, so that many small chunks at hand are seen to
// be at hand.
func (b *body) ready() bool {
	for !b.done && b.broken == nil && b.isFraming() {
		if !b.lineReady() {
			return false
		}
		_ = b.framing() // next returns the error again
	}
	return b.done || b.broken != nil || b.src.r < b.src.w
}

// lineReady reports whether framing returns without waiting.
func (b *body) lineReady() bool {
	here := b.src.buf[b.src.r:b.src.w]
	if b.state == inTrailer {
		return bytes.HasPrefix(here, []byte("\r\n")) || bytes.Contains(here, []byte("\r\n\r\n"))
	}
	return bytes.IndexByte(here, '\n') >= 0
}

// unexpected turns the end of the connection into an error: content remains.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
