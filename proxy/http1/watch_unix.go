//go:build unix

package http1

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// A Watch looks at a socket without reading from it. It is not for concurrent
// use; a Watch of nothing sees nothing.
type Watch struct {
	raw  syscall.RawConn
	poll [1]unix.PollFd
	look func(fd uintptr)
}

// Of makes the Watch look at c.
func (w *Watch) Of(c syscall.Conn) {
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	w.raw = raw
	w.look = func(fd uintptr) {
		w.poll[0].Fd = int32(fd)
		if _, err := unix.Poll(w.poll[:], 0); err != nil {
			w.poll[0].Revents = unix.POLLERR
		}
	}
}

// Readable reports whether there is something to read: bytes, the end, or an
// error. A socket that cannot be looked at is as good as closed.
func (w *Watch) Readable() bool { return w.events(unix.POLLIN) }

// Gone reports whether the peer has closed the connection or its sending side,
// even if there are bytes before that end.
func (w *Watch) Gone() bool { return w.events(peerClosed) }

func (w *Watch) events(which int16) bool {
	if w.raw == nil {
		return false
	}
	w.poll[0] = unix.PollFd{Events: which}
	if err := w.raw.Control(w.look); err != nil {
		return true
	}
	return w.poll[0].Revents&(which|unix.POLLHUP|unix.POLLERR|unix.POLLNVAL) != 0
}
