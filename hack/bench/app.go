package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
)

// appCommand is the argument that makes this binary the application.
const appCommand = "app"

// What the application answers with.
const (
	smallBody    = 100
	downloadBody = 10 << 20
)

const (
	downloadPath = "/10m"
	subjectPath  = "/subject" // answers with every X-Client-Subject there is
)

// serveApp is the application: the cheapest that speaks HTTP/1.1 with keep-alive,
// so that it is neither the limit nor in the way. It prints its address and
// serves until in ends, which it does with the process that started it.
func serveApp(in io.Reader, out io.Writer) error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for the application: %w", err)
	}
	if _, err := fmt.Fprintln(out, ln.Addr()); err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(io.Discard, in)
		_ = ln.Close()
	}()
	a := newApp()
	for {
		nc, err := ln.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil
		case err != nil:
			return fmt.Errorf("accept for the application: %w", err)
		}
		go func() {
			defer nc.Close()
			if err := a.serve(nc); err != nil && !errors.Is(err, io.EOF) {
				fmt.Fprintln(os.Stderr, "bench app:", err)
			}
		}()
	}
}

// An app holds its answers ready.
type app struct{ small, download []byte }

func newApp() *app {
	answer := func(n int) []byte {
		return append(fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n", n), bytes.Repeat([]byte{'x'}, n)...)
	}
	return &app{small: answer(smallBody), download: answer(downloadBody)}
}

// serve answers one connection until it ends. A peer that hangs up is no error,
// because proxies do it at any time.
func (a *app) serve(nc net.Conn) error {
	m := messages{r: nc, buf: make([]byte, 64<<10)}
	for {
		head, err := m.head()
		if err != nil {
			return io.EOF
		}
		if header(head, "Transfer-Encoding") != nil {
			return errors.New("a proxy sent chunks, which this application does not read")
		}
		answer, last := a.answer(head), bytes.EqualFold(header(head, "Connection"), []byte("close"))
		if err := m.discard(contentLength(head)); err != nil {
			return io.EOF
		}
		if _, err := nc.Write(answer); err != nil || last {
			return io.EOF
		}
	}
}

func (a *app) answer(head []byte) []byte {
	_, target, _ := bytes.Cut(head, []byte(" "))
	target, _, _ = bytes.Cut(target, []byte(" "))
	switch string(target) {
	case downloadPath:
		return a.download
	case subjectPath:
		subjects := bytes.Join(headers(head, "X-Client-Subject"), []byte("|"))
		return append([]byte("HTTP/1.1 200 OK\r\nContent-Length: "+strconv.Itoa(len(subjects))+"\r\n\r\n"), subjects...)
	}
	return a.small
}
