//go:build !unix

package http1

import "syscall"

// A Watch sees nothing here.
type Watch struct{}

// Of does nothing.
func (*Watch) Of(syscall.Conn) {}

// Await does not wait.
func (*Watch) Await() error { return nil }

// TryRead reads nothing.
func (*Watch) TryRead([]byte) (int, error) { return 0, ErrNothingYet }

// Readable returns false.
func (*Watch) Readable() bool { return false }

// Gone returns false.
func (*Watch) Gone() bool { return false }
