// Pause is the process that holds the namespaces of a pod while the pod's
// containers come and go. The container runtime starts one in each pod. All it
// does is to wait: for children that lost their parent, which it reaps where a
// pod shares its process namespace, and for the signal to end.
//
// The cluster of the end-to-end tests has no way out to a registry, so it
// brings this one along.
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGCHLD)
	for s := range signals {
		if s != syscall.SIGCHLD {
			return
		}
		reap()
	}
}

// reap waits for every child that has ended. One signal can stand for many.
func reap() {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		if pid <= 0 && err != syscall.EINTR {
			return
		}
	}
}
