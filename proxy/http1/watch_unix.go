//go:build unix

package http1

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// A Watch looks at a socket, or reads from it, without waiting. It is not for
// concurrent use; a Watch of nothing sees nothing.
type Watch struct {
	raw  syscall.RawConn
	poll [1]unix.PollFd
	look func(fd uintptr)

	wait   func(fd uintptr) bool
	waited bool

	try  func(fd uintptr) // reads into into
	into []byte
	n    int
	err  error
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
		_, err := unix.Poll(w.poll[:], 0)
		for errors.Is(err, unix.EINTR) { // the runtime signals its threads: that says nothing of the socket
			_, err = unix.Poll(w.poll[:], 0)
		}
		if err != nil {
			w.poll[0].Revents = unix.POLLERR
		}
	}
	w.wait = func(fd uintptr) bool {
		if w.waited {
			return true
		}
		w.waited = true
		w.look(fd)
		return w.poll[0].Revents != 0
	}
	w.try = func(fd uintptr) { w.n, w.err = unix.Read(int(fd), w.into) }
}

// Await waits until there is something to read, or the deadline for reading has
// passed. It does so without a buffer and on little stack: of a connection that is
// idle, that is most of what it costs.
func (w *Watch) Await() error {
	if w.raw == nil {
		return nil
	}
	w.waited, w.poll[0] = false, unix.PollFd{Events: unix.POLLIN}
	return w.raw.Read(w.wait)
}

// TryRead reads what is there. If that is nothing, and after any failure, the
// error is [ErrNothingYet]: a Read that waits will tell.
func (w *Watch) TryRead(p []byte) (int, error) {
	if w.raw == nil || len(p) == 0 {
		return 0, ErrNothingYet
	}
	w.into = p
	err := w.raw.Control(w.try)
	w.into = nil
	if err != nil || w.err != nil || w.n <= 0 {
		return 0, ErrNothingYet
	}
	return w.n, nil
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
