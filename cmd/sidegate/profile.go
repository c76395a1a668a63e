//go:build profile

package main

import (
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/pprof"
	"syscall"
)

// startProfile writes the profiles that make bench PROFILE=1 asks for:
// $SIDEGATE_PROFILE.cpu.prof from now until the returned function is called,
// which ends the profile, and $SIDEGATE_PROFILE.heap.prof at SIGUSR1. It is a
// build of its own because a sidecar in use must not have a way to be asked for
// what is in its memory.
func startProfile() (stop func()) {
	base := os.Getenv("SIDEGATE_PROFILE")
	if base == "" {
		return func() {}
	}
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGUSR1)
	go func() {
		for range asked {
			reportProfile(writeHeap(base + ".heap.prof"))
		}
	}()
	f, err := os.Create(base + ".cpu.prof")
	if err == nil {
		err = pprof.StartCPUProfile(f)
	}
	reportProfile(err)
	return func() {
		pprof.StopCPUProfile()
		reportProfile(f.Close())
	}
}

// writeHeap writes what is in use, and everything that ever was. The file
// appears when it is whole.
func writeHeap(file string) error {
	runtime.GC() // the profile is as of the last collection
	f, err := os.Create(file + ".new")
	if err != nil {
		return err
	}
	defer f.Close()
	if err := pprof.WriteHeapProfile(f); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

func reportProfile(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "sidegate: write a profile:", err)
	}
}
