package proxy_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"net/url"
	"runtime"
	"strings"
	"testing"
)

// frugalApp is an application that costs nothing itself: it answers whatever ends
// like a request.
func frugalApp(request string) option {
	end := []byte(request[strings.Index(request, "\r\n\r\n"):])
	answer := []byte("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok")
	return func(g *gate) {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			g.t.Fatal(err)
		}
		g.t.Cleanup(func() { _ = ln.Close() })
		g.set.Upstream = &url.URL{Scheme: "http", Host: ln.Addr().String()}
		go func() {
			for {
				c, err := ln.Accept()
				if err != nil {
					return
				}
				go answerAll(c, end, answer)
			}
		}()
	}
}

func answerAll(c net.Conn, end, answer []byte) {
	defer c.Close()
	buf := make([]byte, 64<<10)
	for at := 0; ; {
		n, err := c.Read(buf[at:])
		if err != nil {
			return
		}
		if at += n; !bytes.HasSuffix(buf[:at], end) {
			continue
		}
		at = 0
		if _, err := c.Write(answer); err != nil {
			return
		}
	}
}

// A frugalClient makes the same request over and over.
type frugalClient struct {
	conn    *tls.Conn
	request []byte
	buf     []byte
}

func (c *frugalClient) call(t *testing.T) {
	if _, err := c.conn.Write(c.request); err != nil {
		t.Fatal(err)
	}
	for at := 0; !bytes.HasSuffix(c.buf[:at], []byte("\r\n\r\nok")); {
		n, err := c.conn.Read(c.buf[at:])
		if err != nil && err != io.EOF {
			t.Fatal(err)
		}
		at += n
	}
}

const plainGet = "GET /api/v1/items?id=1 HTTP/1.1\r\nHost: api.example.com:8443\r\nUser-Agent: x/1.0\r\nAccept: */*\r\n\r\n"

// costOfTLS is how many objects crypto/tls makes in an exchange: one each time that
// it turns to the socket (atLeastReader, in readFromUntil). The client does so once
// and the gate twice, because it asks for what is at hand before it waits.
const costOfTLS = 3

// What is counted is all of the process: the client and the application too.
func TestAnExchangeDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates, and empties pools")
	}
	for what, request := range map[string]string{
		"a GET":           plainGet,
		"a POST of 1 KiB": "POST /api HTTP/1.1\r\nHost: a\r\nContent-Length: 1024\r\n\r\n" + strings.Repeat("x", 1024),
	} {
		t.Run(what, func(t *testing.T) {
			g := openGate(t, frugalApp(request), func(g *gate) { g.set.LogRequests = false })
			c := &frugalClient{g.dial(g.partner, nil), []byte(request), make([]byte, 4<<10)}
			defer c.conn.Close()
			for range 100 { // fills the pools
				c.call(t)
			}
			if n := c.allocations(t, 1000); n >= costOfTLS+0.05 {
				t.Errorf("%.2f allocations a request, want none but the %d of crypto/tls", n, costOfTLS)
			}
		})
	}
}

// allocations returns how many objects are made for each of count calls.
func (c *frugalClient) allocations(t *testing.T, count int) float64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range count {
		c.call(t)
	}
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / float64(count)
}
