package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of the times in /proc/PID/stat: USER_HZ, which is 100 on
// every Linux that Go runs on.
const clockTick = time.Second / 100

// cpuTime returns the user and system time of the process and of those below
// it, living or waited for, since each of them began (proc_pid_stat(5)).
func cpuTime(pid int) (time.Duration, error) {
	var sum time.Duration
	err := eachBelow(pid, func(pid int) error {
		fields, err := stat(pid)
		if err != nil {
			return err
		}
		for _, i := range []int{utime, stime, cutime, cstime} {
			ticks, err := strconv.ParseInt(fields[i], 10, 64)
			if err != nil {
				return fmt.Errorf("read the CPU time of process %d: %w", pid, err)
			}
			sum += time.Duration(ticks) * clockTick
		}
		return nil
	})
	return sum, err
}

// pss returns the proportional set size, in bytes, of the process and of those
// below it: what they alone hold in memory, and their share of what is shared.
func pss(pid int) (int64, error) {
	var sum int64
	err := eachBelow(pid, func(pid int) error {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			return fmt.Errorf("read the memory of a process: %w", err)
		}
		kib, err := pssKiB(text)
		if err != nil {
			return fmt.Errorf("read the memory of process %d: %w", pid, err)
		}
		sum += kib << 10
		return nil
	})
	return sum, err
}

// pssKiB finds the line "Pss:     1234 kB".
func pssKiB(smaps []byte) (int64, error) {
	for line := range bytes.Lines(smaps) {
		if fields := strings.Fields(string(line)); len(fields) == 3 && fields[0] == "Pss:" {
			return strconv.ParseInt(fields[1], 10, 64)
		}
	}
	return 0, errors.New("smaps_rollup has no line Pss")
}

// eachBelow calls visit for the process and for all below it.
func eachBelow(pid int, visit func(pid int) error) error {
	if err := visit(pid); err != nil {
		return err
	}
	// One file for each thread, with the children that the thread has started.
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		return err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) {
			continue // a thread that has gone
		}
		if err != nil {
			return fmt.Errorf("read the children of process %d: %w", pid, err)
		}
		for _, field := range strings.Fields(string(text)) {
			child, err := strconv.Atoi(field)
			if err != nil {
				return fmt.Errorf("read the children of process %d: %w", pid, err)
			}
			if err := eachBelow(child, visit); err != nil {
				return err
			}
		}
	}
	return nil
}

// Where the fields are in what stat returns.
const (
	utime  = 14 - 3
	stime  = 15 - 3
	cutime = 16 - 3
	cstime = 17 - 3
)

// stat returns the fields of /proc/PID/stat from the third on: the second, the
// name of the program, may have spaces and parentheses in it.
func stat(pid int) ([]string, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil, fmt.Errorf("read the CPU time of a process: %w", err)
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) <= cstime {
		return nil, fmt.Errorf("read the CPU time of process %d: %q has too few fields", pid, text)
	}
	return fields, nil
}
