package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const drainHelp = `sidegate drain - announce the end of a running sidegate

Usage:
    sidegate drain

For the preStop hook of a container that runs "sidegate run":

    lifecycle: {preStop: {exec: {command: [/sidegate, drain]}}}

When a pod ends, Kubernetes sends the application its SIGTERM first, and the
sidecar one only when the application is gone. With this hook the sidecar knows
from the start: it becomes not ready and serves on, but asks every client to come
again on another connection, which then is to another pod. Let the application
wait for about drainDelay before it ends (preStop: {sleep: {seconds: 5}}).

It sends SIGUSR1 to every process here that runs this very file with "run" and
belongs to the same user, and does not wait. There is no way back but a restart.
The exit code is 1 if there is no such process.
`

// drain is the command drain. It sends a signal, as what is served is only to be
// looked at: nothing can be changed through it.
func drain(_ context.Context, args []string, _ streams) error {
	rest, err := parseFlags(newFlags("drain"), args)
	switch {
	case err != nil:
		return err
	case len(rest) > 0:
		return misuseOf("sidegate help drain", fmt.Errorf("drain takes no argument, and got %q", rest[0]))
	}
	running, err := others()
	if err != nil {
		return fmt.Errorf("find the sidegate to drain: %w", err)
	}
	if len(running) == 0 {
		return errors.New("find the sidegate to drain: no other process here is \"sidegate run\" of the same file and user")
	}
	var errs []error
	for _, p := range running {
		errs = append(errs, askToLeave(p))
	}
	return errors.Join(errs...)
}

// others returns the processes that serve with the file of this one. Processes
// whose file may not be looked at belong to somebody else.
func others() (pids []int, err error) {
	self, err := os.Stat("/proc/self/exe")
	if err != nil {
		return nil, fmt.Errorf("this needs Linux and its /proc; send SIGUSR1 yourself: %w", err)
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		exe, err := os.Stat(filepath.Join("/proc", e.Name(), "exe"))
		if err == nil && os.SameFile(self, exe) && serves(e.Name()) {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// serves reports whether the process was started as "sidegate run": to any other
// command the signal would be the end.
func serves(pid string) bool {
	line, err := os.ReadFile(filepath.Join("/proc", pid, "cmdline"))
	args := strings.Split(string(line), "\x00")
	return err == nil && len(args) > 1 && args[1] == "run"
}
