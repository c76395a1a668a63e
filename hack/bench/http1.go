package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// messages reads HTTP/1.1 messages (RFC 9112), as much of them as a benchmark
// needs: a head at a time, and bodies with a Content-Length.
type messages struct {
	r          io.Reader
	buf        []byte // limits a head
	begin, end int    // of what was read and not yet used
}

// head returns the next head, up to and with its empty line. It is valid until
// the next call.
func (m *messages) head() ([]byte, error) {
	for {
		if i := bytes.Index(m.buf[m.begin:m.end], []byte("\r\n\r\n")); i >= 0 {
			head := m.buf[m.begin : m.begin+i+4]
			m.begin += i + 4
			return head, nil
		}
		if m.begin > 0 {
			m.end = copy(m.buf, m.buf[m.begin:m.end])
			m.begin = 0
		}
		if m.end == len(m.buf) {
			return nil, errors.New("a head without an end")
		}
		n, err := m.r.Read(m.buf[m.end:])
		m.end += n
		if n == 0 && err != nil {
			return nil, err
		}
	}
}

// discard reads n bytes of body.
func (m *messages) discard(n int64) error { return m.body(n, nil) }

// body reads n bytes of body into w, unless that is nil.
func (m *messages) body(n int64, w *bytes.Buffer) error {
	for n > 0 {
		if m.begin == m.end {
			read, err := m.r.Read(m.buf)
			if m.begin, m.end = 0, read; read == 0 && err != nil {
				return err
			}
		}
		part := int(min(n, int64(m.end-m.begin)))
		if w != nil {
			w.Write(m.buf[m.begin : m.begin+part])
		}
		m.begin += part
		n -= int64(part)
	}
	return nil
}

// headers returns the values of every field called name.
func headers(head []byte, name string) (values [][]byte) {
	for len(head) > 0 {
		line, rest, _ := bytes.Cut(head, []byte("\r\n"))
		head = rest
		if len(line) > len(name) && line[len(name)] == ':' && bytes.EqualFold(line[:len(name)], []byte(name)) {
			values = append(values, bytes.TrimSpace(line[len(name)+1:]))
		}
	}
	return values
}

// header returns the value of the first field called name, or nil.
func header(head []byte, name string) []byte {
	for len(head) > 0 {
		end := bytes.IndexByte(head, '\n')
		line := head[:end+1]
		head = head[end+1:]
		if len(line) > len(name) && line[len(name)] == ':' && bytes.EqualFold(line[:len(name)], []byte(name)) {
			return bytes.TrimSpace(line[len(name)+1:])
		}
	}
	return nil
}

// contentLength returns the length of the body after head; 0 if there is none.
func contentLength(head []byte) int64 {
	n, err := strconv.ParseInt(string(header(head, "Content-Length")), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// A client is one TLS connection that speaks HTTP/1.1.
type client struct {
	tls *tls.Conn
	in  messages
}

// requestTimeout bounds everything that is waited for on a connection after the
// load has ended, or without any.
const requestTimeout = 30 * time.Second

// dial connects and shakes hands. The connection ends by itself at deadline.
func dial(ctx context.Context, addr string, config *tls.Config, deadline time.Time) (*client, error) {
	nc, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	c := &client{tls: tls.Client(nc, config)}
	_ = c.tls.SetDeadline(deadline)
	if err := c.tls.HandshakeContext(ctx); err != nil {
		_ = nc.Close()
		return nil, fmt.Errorf("shake hands: %w", err)
	}
	c.in = messages{r: c.tls, buf: make([]byte, 16<<10)}
	return c, nil
}

func (c *client) close() { _ = c.tls.Close() }

// get sends request and reads the response, which must be 200 with a body of
// want bytes.
func (c *client) get(request []byte, want int64) error {
	status, n, err := c.start(request)
	switch {
	case err != nil:
		return err
	case status != "200" || n != want:
		return fmt.Errorf("the response is %s with %d bytes, want 200 with %d", status, n, want)
	}
	if err := c.in.discard(n); err != nil {
		return fmt.Errorf("read the body of the response: %w", err)
	}
	return nil
}

// fetch sends request and returns the response whole.
func (c *client) fetch(request []byte) (status, body string, err error) {
	status, n, err := c.start(request)
	if err != nil {
		return "", "", err
	}
	var b bytes.Buffer
	if err := c.in.body(n, &b); err != nil {
		return "", "", fmt.Errorf("read the body of the response: %w", err)
	}
	return status, b.String(), nil
}

// start sends request and reads the head of the response.
func (c *client) start(request []byte) (status string, length int64, err error) {
	if _, err := c.tls.Write(request); err != nil {
		return "", 0, fmt.Errorf("send the request: %w", err)
	}
	head, err := c.in.head()
	switch {
	case err != nil:
		return "", 0, fmt.Errorf("read the head of the response: %w", err)
	case len(head) < len("HTTP/1.1 200") || string(head[:9]) != "HTTP/1.1 ":
		return "", 0, fmt.Errorf("the response begins with %.20q", head)
	case string(head[9:12]) == "200":
		return "200", contentLength(head), nil // no copy of what is nearly always the same
	}
	return string(head[9:12]), contentLength(head), nil
}

// request returns a request as it goes over the wire. Fields is complete header lines.
func request(method, target, fields string, body []byte) []byte {
	if body != nil {
		fields += "Content-Length: " + strconv.Itoa(len(body)) + "\r\n"
	}
	return append([]byte(method+" "+target+" HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench\r\n"+fields+"\r\n"), body...)
}
