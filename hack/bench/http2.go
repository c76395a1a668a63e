package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// window is what we let a server send ahead (RFC 9113 §5.2). It is renewed when
// half of it is used.
const window = 1 << 30

// h2conn is one HTTP/2 connection that keeps a number of GETs under way. One
// goroutine reads and writes it all.
type h2conn struct {
	tls    *tls.Conn
	in     *bufio.Reader
	out    *bufio.Writer
	framer *http2.Framer

	enc   *hpack.Encoder
	block []byte // what enc wrote last
	dec   *hpack.Decoder

	status, length string // of the head that dec reads
	next           uint32 // stream to open
	open           map[uint32]*h2stream
	used           int // of window
}

type h2stream struct {
	begin  time.Time
	headed bool
	got    int
}

func dialHTTP2(ctx context.Context, addr string, config *tls.Config, deadline time.Time) (*h2conn, error) {
	nc, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	tc := tls.Client(nc, config)
	_ = tc.SetDeadline(deadline)
	if err := tc.HandshakeContext(ctx); err != nil {
		_ = nc.Close()
		return nil, fmt.Errorf("shake hands: %w", err)
	}
	c := &h2conn{tls: tc, in: bufio.NewReaderSize(tc, 64<<10), out: bufio.NewWriterSize(tc, 16<<10), next: 1, open: map[uint32]*h2stream{}}
	if p := tc.ConnectionState().NegotiatedProtocol; p != http2.NextProtoTLS {
		c.close()
		return nil, fmt.Errorf("the server chose protocol %q, want %q", p, http2.NextProtoTLS)
	}
	c.framer = http2.NewFramer(c.out, c.in)
	c.framer.SetReuseFrames()
	c.enc = hpack.NewEncoder((*blockWriter)(c))
	c.dec = hpack.NewDecoder(4096, func(f hpack.HeaderField) {
		switch f.Name {
		case ":status":
			c.status = f.Value
		case "content-length":
			c.length = f.Value
		}
	})
	_, _ = c.out.WriteString(http2.ClientPreface)
	return c, errors.Join(
		c.framer.WriteSettings(http2.Setting{ID: http2.SettingEnablePush, Val: 0}, http2.Setting{ID: http2.SettingInitialWindowSize, Val: window}),
		c.framer.WriteWindowUpdate(0, window), c.out.Flush())
}

func (c *h2conn) close() { _ = c.tls.Close() }

// blockWriter lets the encoder append to h2conn.block.
type blockWriter h2conn

func (w *blockWriter) Write(p []byte) (int, error) {
	w.block = append(w.block, p...)
	return len(p), nil
}

// get opens one more stream. It is sent with the next flush.
func (c *h2conn) get(now time.Time) error {
	c.block = c.block[:0]
	for _, f := range []hpack.HeaderField{
		{Name: ":method", Value: "GET"}, {Name: ":scheme", Value: "https"}, {Name: ":authority", Value: "localhost"},
		{Name: ":path", Value: "/"}, {Name: "user-agent", Value: "bench"},
	} {
		if err := c.enc.WriteField(f); err != nil {
			return err
		}
	}
	c.open[c.next] = &h2stream{begin: now}
	err := c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: c.next, BlockFragment: c.block, EndStream: true, EndHeaders: true})
	c.next += 2
	return err
}

// finish reads until one stream has ended well, and returns that stream.
func (c *h2conn) finish() (*h2stream, error) {
	for {
		if c.in.Buffered() == 0 && c.out.Buffered() > 0 {
			if err := c.out.Flush(); err != nil {
				return nil, fmt.Errorf("send requests: %w", err)
			}
		}
		frame, err := c.framer.ReadFrame()
		if err != nil {
			return nil, fmt.Errorf("read a frame: %w", err)
		}
		ended, err := c.handle(frame)
		if err != nil {
			return nil, err
		}
		if !ended {
			continue
		}
		id := frame.Header().StreamID
		s := c.open[id]
		delete(c.open, id)
		if s == nil || !s.headed || s.got != smallBody {
			return nil, fmt.Errorf("stream %d ended with %+v, want a head and %d bytes", id, s, smallBody)
		}
		return s, nil
	}
}

// handle does what a frame wants, and reports whether it ends its stream.
func (c *h2conn) handle(frame http2.Frame) (ended bool, err error) {
	switch f := frame.(type) {
	case *http2.HeadersFrame:
		return f.StreamEnded(), c.readHead(f)
	case *http2.DataFrame:
		return f.StreamEnded(), c.readData(f)
	case *http2.SettingsFrame:
		return false, c.readSettings(f)
	case *http2.PingFrame:
		if !f.IsAck() {
			err = c.framer.WritePing(true, f.Data)
		}
		return false, err
	case *http2.RSTStreamFrame:
		return false, fmt.Errorf("the server reset a stream: %v", f.ErrCode)
	case *http2.GoAwayFrame:
		return false, fmt.Errorf("the server says GOAWAY: %v %q", f.ErrCode, f.DebugData())
	case *http2.ContinuationFrame:
		return false, errors.New("the server sent a CONTINUATION for a small head")
	}
	return false, nil // WINDOW_UPDATE: a GET needs none
}

func (c *h2conn) readHead(f *http2.HeadersFrame) error {
	c.status, c.length = "", ""
	if _, err := c.dec.Write(f.HeaderBlockFragment()); err != nil {
		return fmt.Errorf("read the head of the response: %w", err)
	}
	if err := c.dec.Close(); err != nil {
		return fmt.Errorf("read the head of the response: %w", err)
	}
	if c.status != "200" || c.length != "100" {
		return fmt.Errorf("the response is %s with %s bytes, want 200 with %d", c.status, c.length, smallBody)
	}
	if s := c.open[f.StreamID]; s != nil {
		s.headed = true
	}
	return nil
}

func (c *h2conn) readData(f *http2.DataFrame) error {
	if s := c.open[f.StreamID]; s != nil {
		s.got += len(f.Data())
	}
	c.used += int(f.Length)
	if c.used < window/2 {
		return nil
	}
	used := c.used
	c.used = 0
	return c.framer.WriteWindowUpdate(0, uint32(used))
}

func (c *h2conn) readSettings(f *http2.SettingsFrame) error {
	if f.IsAck() {
		return nil
	}
	if size, ok := f.Value(http2.SettingHeaderTableSize); ok {
		c.enc.SetMaxDynamicTableSize(min(size, 4096))
	}
	return c.framer.WriteSettingsAck()
}
