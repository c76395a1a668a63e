package http1

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// A Session is the connection of a client, from which requests are read one
// after the other and to which responses are written:
//
//	Await → Read → ( Content is read → ) Respond or Answer → Await …
//
// While it waits for a request it holds no buffer. The content may be read on
// another goroutine than the response is written from; Interrupt, ContentRead and
// ContentDone may be called from any.
type Session struct {
	// Conn is the connection below. Writes to it are bounded by itself.
	Conn net.Conn

	in   source
	body body
	req  *Request
	date date
	out  []byte // of the response; borrowed between its first byte and the next Await

	// What body says, for who looks on while another goroutine reads.
	contentRead atomic.Int64
	contentDone atomic.Bool
}

var requests = sync.Pool{New: func() any { return new(Request) }}

// NewSession returns a Session that reads from conn.
func NewSession(conn net.Conn) *Session {
	s := &Session{Conn: conn, in: source{conn: conn}}
	s.contentDone.Store(true)
	return s
}

// ErrNothingYet says that there is nothing to read at the moment. To crypto/tls
// it is like a deadline that has passed: the connection can be read again.
var ErrNothingYet error = nothingYet{}

type nothingYet struct{}

func (nothingYet) Error() string   { return "nothing to read yet" }
func (nothingYet) Timeout() bool   { return true }
func (nothingYet) Temporary() bool { return true }

// errUnread keeps what is left of one request from being read as the next.
var errUnread = errors.New("the request before was not read to its end")

// Await waits for the first byte of the next request, for as long as patience. The
// content of the one before must have been read to its end.
func (s *Session) Await(patience time.Duration) error {
	if !s.contentDone.Load() {
		return errUnread
	}
	s.release()
	s.in.stop.Store(false) // what was interrupted is over
	s.in.patience = patience
	return s.in.await()
}

// release gives back what only a request needs.
func (s *Session) release() {
	if s.req != nil {
		s.req.reset()
		requests.Put(s.req)
		s.req = nil
	}
	giveBack(s.out)
	s.out = nil
}

// Limits bound what one request can take. All of them must be set.
type Limits struct {
	HeadBytes    int           // of a head, from the request-line to the empty line
	HeadTime     time.Duration // from the first byte of a head to its last
	Fields       int           // field lines of a head, and of a trailer section
	ContentBytes int64         // 0 or less: no limit
	ContentIdle  time.Duration // without a byte of the content
}

// Read reads the head of a request within l.HeadTime. The error is a [*Violation]
// or that of the connection. The Request is good until the next Await; its bytes
// until its content is read.
func (s *Session) Read(l *Limits) (*Request, error) {
	if s.req == nil {
		s.req = requests.Get().(*Request)
	}
	s.in.patience = 0
	var err error
	if !s.in.atHand() {
		err = s.Conn.SetReadDeadline(time.Now().Add(l.HeadTime))
	}
	if err == nil {
		err = s.req.read(&s.in, l)
	}
	if err != nil {
		s.contentDone.Store(false) // whatever follows is no request
		return s.req, unexpected(err)
	}
	s.body.begin(&s.in, s.req.Length, l.ContentBytes, l.Fields)
	s.look()
	s.in.patience = l.ContentIdle
	return s.req, nil
}

// Close closes the connection and gives everything back.
func (s *Session) Close() error {
	s.release()
	s.in.release()
	return s.Conn.Close()
}

// Next implements [Content] for the content of the request.
func (s *Session) Next() ([]byte, error) {
	p, err := s.body.next()
	s.look()
	return p, err
}

func (s *Session) look() {
	s.contentRead.Store(s.body.read)
	s.contentDone.Store(s.body.done)
}

// Interrupt implements [Content]. It is forgotten with the next Await, Discard or
// Linger.
func (s *Session) Interrupt() { s.in.interrupt() }

// AppendEarly appends what there is of the content without waiting for more, as
// much as dst has room for, and reports whether that is all of it. Of chunked
// content, whose chunks are for [Call] to make, it appends nothing.
func (s *Session) AppendEarly(dst []byte) (out []byte, all bool, err error) {
	for s.body.length > 0 && !s.body.done {
		room := cap(dst) - len(dst)
		if s.in.r == s.in.w && !s.tryFill(room) {
			break
		}
		if min(int64(s.in.w-s.in.r), s.body.left) > int64(room) {
			break
		}
		p, err := s.Next()
		if err != nil {
			return dst, false, err
		}
		dst = append(dst, p...)
	}
	return dst, s.body.done, nil
}

// tryFill reads up to room bytes if the connection can do so without waiting.
func (s *Session) tryFill(room int) bool {
	conn, ok := s.Conn.(interface{ TryRead(p []byte) (int, error) })
	room = min(room, len(s.in.buf))
	if !ok || room == 0 {
		return false
	}
	n, _ := conn.TryRead(s.in.buf[:room]) // an error comes again
	s.in.r, s.in.w = 0, n
	return n > 0
}

// ContentRead returns how many bytes of the content were read.
func (s *Session) ContentRead() int64 { return s.contentRead.Load() }

// ContentDone reports whether the content was read to its end.
func (s *Session) ContentDone() bool { return s.contentDone.Load() }

// Buffered reports whether bytes of the client are at hand that are not read:
// content that nobody asked for, or the next request.
func (s *Session) Buffered() bool { return s.in.w > s.in.r }

// Discard reads the rest of the content, for as long as patience and up to most
// bytes, and reports whether it came to its end.
func (s *Session) Discard(patience time.Duration, most int64) bool {
	s.in.stop.Store(false)
	s.in.patience = 0
	_ = s.Conn.SetReadDeadline(time.Now().Add(patience))
	for start := s.body.read; s.body.read-start <= most; {
		if _, err := s.Next(); err != nil {
			return errors.Is(err, io.EOF)
		}
	}
	return false
}

// Linger waits until the client closes the connection, for as long as patience,
// so that a response that was just written is not lost to a reset. It reads up to
// most bytes; a client that sends more has to stop, and has time to read.
func (s *Session) Linger(patience time.Duration, most int64) {
	s.in.stop.Store(false)
	s.in.patience = 0
	until := time.Now().Add(patience)
	_ = s.Conn.SetReadDeadline(until)
	for s.in.r = s.in.w; most > 0; {
		if err := s.in.fill(bufferSize); err != nil {
			return
		}
		most -= int64(s.in.w - s.in.r)
		s.in.r = s.in.w
	}
	<-time.After(time.Until(until))
}
