package http1

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// Unsent returns how many bytes written to c the peer has not acknowledged, or -1 if
// that is not known.
func Unsent(c net.Conn) int {
	socket, ok := c.(syscall.Conn)
	if !ok {
		return -1
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return -1
	}
	left := -1
	look := func(fd uintptr) {
		if n, err := unix.IoctlGetInt(int(fd), unix.SIOCOUTQ); err == nil {
			left = n
		}
	}
	if raw.Control(look) != nil {
		return -1
	}
	return left
}
