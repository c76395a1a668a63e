//go:build e2e

package e2e

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// A caller is a partner's HTTP/1.1 client with one connection, which it keeps
// until the server says that it ends or its owner hangs up. It never tries
// anything twice: net/http repeats what fails on a connection that it has used
// before, and a failure that is repeated is one that is not counted.
type caller struct {
	address string // host and port
	config  *tls.Config
	conn    *tls.Conn // nil: the next request dials
	reader  *bufio.Reader
}

// An answer is what came back for one request.
type answer struct {
	status int
	body   string
	serial string // of the server's certificate
}

const callTimeout = 15 * time.Second

// get is send with GET.
func (c *caller) get(ctx context.Context, path string) (*answer, error) {
	return c.send(ctx, "GET", path)
}

// send makes a request without a body. An error leaves no connection.
func (c *caller) send(ctx context.Context, method, path string) (*answer, error) {
	if c.conn == nil {
		if err := c.dial(ctx); err != nil {
			return nil, fmt.Errorf("connect: %w", err)
		}
	}
	a, last, err := c.exchange(method, path)
	if err != nil || last {
		c.hangUp()
	}
	return a, err
}

func (c *caller) dial(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	d := &tls.Dialer{NetDialer: &net.Dialer{}, Config: c.config}
	conn, err := d.DialContext(ctx, "tcp", c.address)
	if err != nil {
		return err
	}
	c.conn = conn.(*tls.Conn)
	c.reader = bufio.NewReader(c.conn)
	return nil
}

// exchange sends a request and reads the whole response. last means that the
// server will take no other on this connection.
func (c *caller) exchange(method, path string) (a *answer, last bool, err error) {
	_ = c.conn.SetDeadline(time.Now().Add(callTimeout))
	if _, err := fmt.Fprintf(c.conn, "%s %s HTTP/1.1\r\nHost: %s\r\nContent-Length: 0\r\n\r\n", method, path, serverName); err != nil {
		return nil, true, fmt.Errorf("send the request: %w", err)
	}
	response, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return nil, true, fmt.Errorf("read the response: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, true, fmt.Errorf("read the body: %w", err)
	}
	serial := c.conn.ConnectionState().PeerCertificates[0].SerialNumber
	return &answer{status: response.StatusCode, body: string(body), serial: serial.String()}, response.Close, nil
}

func (c *caller) hangUp() {
	if c.conn != nil {
		_ = c.conn.Close()
	}
	c.conn = nil
}

// call asks once on a connection of its own.
func call(ctx context.Context, address string, config *tls.Config, path string) (*answer, error) {
	c := &caller{address: address, config: config}
	defer c.hangUp()
	return c.get(ctx, path)
}

// plainGet fetches a page without TLS; anything but a 200 is an error.
func plainGet(url string) (string, error) {
	response, err := (&http.Client{Timeout: 10 * time.Second}).Get(url)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = errors.New(response.Status)
	}
	return string(body), err
}
