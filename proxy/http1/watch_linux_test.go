package http1_test

import (
	"net"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sidegate/sidegate/proxy/http1"
)

// TestASignalIsNoSignOfLeaving looks at an open socket while the thread is signalled,
// as the runtime does to preempt a goroutine.
func TestASignalIsNoSignOfLeaving(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	client, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	server, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()

	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	stop, thread := make(chan struct{}), syscall.Gettid()
	begun, signalled := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(signalled)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				_ = unix.Tgkill(syscall.Getpid(), thread, syscall.SIGURG)
			}
			if i == 100 {
				close(begun)
			}
		}
	}()
	<-begun
	var w http1.Watch
	w.Of(server.(syscall.Conn))
	gone := 0
	for range 20_000 {
		if w.Gone() {
			gone++
		}
	}
	close(stop)
	<-signalled
	if gone > 0 {
		t.Errorf("a client that is there was taken for gone %d times", gone)
	}
}
