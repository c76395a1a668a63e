package http1

import (
	"net"
	"strconv"
	"time"
)

// A noConn is a connection without anything in it.
type noConn struct{ net.Conn }

func (noConn) SetReadDeadline(time.Time) error  { return nil }
func (noConn) SetWriteDeadline(time.Time) error { return nil }
func (noConn) SetDeadline(time.Time) error      { return nil }
func (noConn) Close() error                     { return nil }

func itoa(n int) string { return strconv.Itoa(n) }
func hex(n int) string  { return strconv.FormatInt(int64(n), 16) }
