package http1

import "bytes"

// A state says what the next byte of a stream belongs to.
type state uint8

const (
	inRequestLine  state = iota // each of these is a line ...
	inFields                    //
	inChunkSize                 //
	inChunkEnd                  // the CRLF after the data of a chunk
	inTrailer                   //
	inContent                   // ... and these are spans
	inChunkData                 //
	inOversizeHead              // until net/http gives up or a line ends
	inOpaque                    // until the end of the connection
)

// String names the line of the state.
func (s state) String() string {
	switch s {
	case inRequestLine:
		return "the request-line"
	case inFields:
		return "a field line"
	case inChunkSize:
		return "a chunk size"
	case inChunkEnd:
		return "the end of a chunk"
	case inTrailer:
		return "a trailer field line"
	}
	return "the content"
}

const (
	// chunkLineLimit leaves room for extensions (RFC 9112 §7.1.1), which
	// nobody uses except to make receivers read without end.
	chunkLineLimit = 256

	// trailerLimit is what net/http looks ahead for the end of the trailer.
	trailerLimit = 4096

	// keptLine is the capacity that a Conn keeps for lines that come in
	// pieces. Every request does after the first one: net/http reads one byte
	// in the background while a handler runs.
	keptLine = 1024
)

// A stream is what has to be remembered of the bytes of a connection to know
// what the next byte is.
type stream struct {
	headLimit  int
	fieldLimit int

	state   state
	partial []byte // of the current line, what earlier calls of scan brought
	size    int    // bytes of all lines before it in this head or trailer section
	fields  int    // field lines among them
	head    head   // what they say
	left    int64  // bytes to come of the span
}

// scan reads on in the stream and returns how many bytes of b may pass: all of
// them or, with a violation, those before the LF of the line that it is in. They
// complete nothing, but without them net/http, which waits for 4 bytes between
// requests, would close the connection without an answer.
func (s *stream) scan(b []byte) (pass int, v *Violation) {
	for pass < len(b) && v == nil {
		var n int
		n, v = s.step(b[pass:])
		pass += n
	}
	return pass, v
}

// step takes one line or span, or as much of it as there is, from b.
func (s *stream) step(b []byte) (n int, v *Violation) {
	switch s.state {
	case inOpaque:
		return len(b), nil
	case inContent, inChunkData:
		return s.skip(b), nil
	case inOversizeHead:
		if end := bytes.IndexByte(b, '\n'); end >= 0 {
			return end, s.tooLarge()
		}
		return len(b), nil
	}
	end := bytes.IndexByte(b, '\n')
	if end < 0 {
		return len(b), s.keep(b)
	}
	line := b[:end+1]
	if len(s.partial) > 0 {
		s.partial = append(s.partial, line...)
		line = s.partial
	}
	if v = s.take(line); v != nil {
		return end, v
	}
	s.forget()
	return end + 1, nil
}

// skip takes the bytes of a span.
func (s *stream) skip(b []byte) int {
	n := min(int64(len(b)), s.left)
	if s.left -= n; s.left == 0 {
		if s.state == inChunkData {
			s.state = inChunkEnd
		} else {
			s.begin(inRequestLine)
		}
	}
	return int(n)
}

// keep puts the beginning of a line aside, within the limit of what it is.
func (s *stream) keep(b []byte) *Violation {
	if s.size+len(s.partial)+len(b) < s.limit() {
		s.partial = append(s.partial, b...)
		return nil
	}
	return s.exceed()
}

// forget ends the line that was put aside.
func (s *stream) forget() {
	s.partial = s.partial[:0]
	if cap(s.partial) > keptLine {
		s.partial = nil
	}
}

// limit returns the size of the line or section that s is in.
func (s *stream) limit() int {
	switch s.state {
	case inChunkSize:
		return chunkLineLimit
	case inChunkEnd:
		return len("\r\n")
	case inTrailer:
		return trailerLimit
	}
	return s.headLimit
}

// exceed says what happens when the limit is reached.
func (s *stream) exceed() *Violation {
	switch s.state {
	case inChunkSize:
		return violation(BadChunk, "a chunk size with its extensions has %d bytes or more", chunkLineLimit)
	case inChunkEnd:
		return violation(BadChunk, "the data of a chunk is not followed by CRLF")
	case inTrailer:
		return violation(BadTrailer, "the trailer section has %d bytes or more", trailerLimit)
	}
	s.state = inOversizeHead
	s.partial = nil
	return nil
}

func (s *stream) tooLarge() *Violation {
	return violation(HeadTooLarge, "the head of the request has %d bytes or more", s.headLimit)
}

// begin enters a state that starts counting lines anew.
func (s *stream) begin(next state) {
	s.state = next
	s.size, s.fields = 0, 0
}

// take checks a line with its line end and moves on to what follows it.
func (s *stream) take(line []byte) *Violation {
	s.size += len(line)
	if s.size > s.limit() {
		if v := s.exceed(); v != nil {
			return v
		}
		return s.tooLarge()
	}
	text, v := textOf(line, s.state)
	if v == nil {
		v = s.line(text)
	}
	if v != nil {
		return v
	}
	if s.size >= s.limit() {
		return s.exceed()
	}
	return nil
}

// textOf returns the line without the CRLF that it must end in.
func textOf(line []byte, where state) ([]byte, *Violation) {
	text, ok := bytes.CutSuffix(line, []byte("\r\n"))
	if !ok || bytes.IndexByte(text, '\r') >= 0 {
		return nil, violation(BadLineEnding, "%s has a CR or LF that is not part of a CRLF", where)
	}
	return text, nil
}

// line checks a line without its line end.
func (s *stream) line(text []byte) *Violation {
	switch s.state {
	case inRequestLine:
		return s.requestLine(text)
	case inFields:
		if len(text) == 0 {
			return s.endHead()
		}
		return s.field(text)
	case inChunkSize:
		return s.chunkSize(text)
	case inChunkEnd:
		s.begin(inChunkSize) // the limit of this line leaves it empty
		return nil
	}
	if len(text) == 0 {
		s.begin(inRequestLine)
		return nil
	}
	if s.fields++; s.fields > s.fieldLimit {
		return tooManyFields(s.fieldLimit)
	}
	_, _, v := cutTrailer(text)
	return v
}

func (s *stream) requestLine(text []byte) *Violation {
	l, v := parseRequestLine(text)
	if v == nil {
		s.head.begin(l)
		s.state = inFields
	}
	return v
}

func (s *stream) field(text []byte) *Violation {
	if s.fields++; s.fields > s.fieldLimit {
		return tooManyFields(s.fieldLimit)
	}
	name, value, v := cutField(text)
	if v != nil {
		return v
	}
	return s.head.field(name, value)
}

// endHead moves on to what follows the head.
func (s *stream) endHead() *Violation {
	h := &s.head
	if v := h.end(); v != nil {
		return v
	}
	switch {
	case h.connect || h.upgrade:
		s.begin(inOpaque)
	case h.chunked:
		s.begin(inChunkSize)
	case h.length > 0:
		s.begin(inContent)
		s.left = h.length
	default:
		s.begin(inRequestLine)
	}
	return nil
}

func (s *stream) chunkSize(text []byte) (v *Violation) {
	if s.left, v = parseChunkSize(text); v != nil {
		return v
	}
	if s.left == 0 {
		s.begin(inTrailer)
	} else {
		s.begin(inChunkData)
	}
	return nil
}
