package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// leaveSignals returns where it is told that this process is about to be ended,
// and a function that stops it.
func leaveSignals() (<-chan os.Signal, func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1)
	return signals, func() { signal.Stop(signals) }
}

// askToLeave tells another process.
func askToLeave(pid int) error {
	if err := syscall.Kill(pid, syscall.SIGUSR1); err != nil {
		return fmt.Errorf("signal process %d: %w", pid, err)
	}
	return nil
}
