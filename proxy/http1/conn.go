package http1

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
)

// The defaults of [Options].
const (
	DefaultHeadBytes = 64 << 10
	DefaultFields    = 100
)

// Options are the limits of a [Conn] and where it reports to. The zero value
// uses the defaults and reports nowhere.
type Options struct {
	// HeadBytes is the size that the head of a request must stay within, in
	// bytes from the first of the request-line to the end of the empty line.
	// At this size the bytes still pass, so that net/http may refuse the
	// request in its own way (431), but no line end any more.
	// Set it to [http.Server.MaxHeaderBytes] + 4096, which is where net/http
	// stops reading. Zero or less means DefaultHeadBytes.
	HeadBytes int

	// Fields is the largest number of field lines in a head or a trailer
	// section. Zero or less means DefaultFields.
	Fields int

	// Report, if not nil, is called with the first Violation of a connection,
	// from the Read that comes upon it.
	Report func(*Violation)
}

// A Conn is a connection whose incoming bytes are strict HTTP/1.1 requests, as
// far as they have been read. Only Read differs from the connection below.
//
// Read may be called concurrently with any other method but not with itself.
type Conn struct {
	net.Conn
	report func(*Violation)
	stream stream
	broken *Violation  // what every further Read returns
	told   bool        // report has been called
	opaque atomic.Bool // of the stream, for other goroutines
}

// Guard wraps c, from which net/http reads requests.
//
// If c is a [tls.Conn], its handshake must be complete when an [http.Server] gets
// to see the Conn: net/http makes the handshake only of what it knows as a
// tls.Conn, and of others takes the state as it is.
func Guard(c net.Conn, o Options) *Conn {
	if o.HeadBytes <= 0 {
		o.HeadBytes = DefaultHeadBytes
	}
	if o.Fields <= 0 {
		o.Fields = DefaultFields
	}
	return &Conn{Conn: c, report: o.Report, stream: stream{headLimit: o.HeadBytes, fieldLimit: o.Fields}}
}

// Read reads from the connection. When the bytes are not strict requests it
// returns those before the end of the line that is at fault, and from then on a
// [*Violation]: not both at once, because net/http cancels the request under way
// at the first error that it sees, and bytes of that request may be among those.
func (c *Conn) Read(b []byte) (int, error) {
	if c.broken != nil {
		return 0, c.broken
	}
	n, err := c.Conn.Read(b)
	pass, violation := c.stream.scan(b[:n])
	if violation != nil {
		// What follows the violation must not be found lying in the buffer.
		clear(b[pass:n])
		c.broken = violation
		c.tell(violation)
		if pass > 0 {
			return pass, nil
		}
		return 0, violation
	}
	if c.stream.state == inOversizeHead {
		c.tell(c.stream.tooLarge())
	}
	if c.stream.state == inOpaque {
		c.opaque.Store(true)
	}
	return n, err
}

func (c *Conn) tell(v *Violation) {
	if c.told || c.report == nil {
		return
	}
	c.told = true
	c.report(v)
}

// Opaque reports whether a request has been read after which the stream is no
// longer HTTP: one with the method CONNECT or an Upgrade field. What follows it
// passes unexamined, so its handler must hijack the connection or have it
// closed. As requests may be pipelined, that request may come after the one that
// is being served.
func (c *Conn) Opaque() bool { return c.opaque.Load() }

// ConnectionState returns the TLS state of the connection below, from which
// net/http sets [http.Request.TLS]. It is the zero state if that is not TLS.
func (c *Conn) ConnectionState() tls.ConnectionState {
	if secure, ok := c.Conn.(interface{ ConnectionState() tls.ConnectionState }); ok {
		return secure.ConnectionState()
	}
	return tls.ConnectionState{}
}

// CloseWrite shuts down the writing side of the connection below.
func (c *Conn) CloseWrite() error {
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok {
		return fmt.Errorf("closing the writing side of %T: %w", c.Conn, errors.ErrUnsupported)
	}
	return half.CloseWrite()
}

// NetConn returns the connection below. Bytes read from it directly are not
// examined.
func (c *Conn) NetConn() net.Conn { return c.Conn }
