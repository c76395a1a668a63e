//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// cgroupName marks what is ours: below the cgroup that we are in ourselves, in
// every hierarchy, one of this name becomes the root of the node's cgroups.
const cgroupName = "sidegate-e2e"

// cgroups are the directories of one cgroup, one a hierarchy (cgroup v1).
type cgroups []string

// ownCgroups returns those that this process is in.
func ownCgroups() (cgroups, error) {
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil, fmt.Errorf("find our cgroups: %w", err)
	}
	var own cgroups
	for line := range strings.Lines(string(text)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) == 3 && fields[1] != "" { // an empty one is the cgroup v2 hierarchy
			own = append(own, filepath.Join("/sys/fs/cgroup", strings.TrimPrefix(fields[1], "name="), fields[2]))
		}
	}
	return own, nil
}

// below returns the node's cgroups below g.
func (g cgroups) below() cgroups {
	var node cgroups
	for _, dir := range g {
		node = append(node, filepath.Join(dir, cgroupName))
	}
	return node
}

// create makes the directories. A new cpuset is empty and takes no process
// before it is told what it may use.
func (g cgroups) create() error {
	for _, dir := range g {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return fmt.Errorf("make a cgroup: %w", err)
		}
		for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
			value, err := os.ReadFile(filepath.Join(dir, "..", file))
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, file), value, 0o644)
			}
			if err != nil {
				return fmt.Errorf("furnish cgroup %q: %w", dir, err)
			}
		}
	}
	return nil
}

// enter moves this process into g.
func (g cgroups) enter() error {
	for _, dir := range g {
		if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(os.Getpid())), 0o644); err != nil {
			return fmt.Errorf("enter a cgroup: %w", err)
		}
	}
	return nil
}

// remove kills what is still in g and takes it away, with everything below it.
// A process that was killed leaves its cgroup a little later, so it tries for
// ten seconds.
func (g cgroups) remove() error {
	tick, deadline := time.NewTicker(50*time.Millisecond), time.After(10*time.Second)
	defer tick.Stop()
	for {
		var errs []error
		for _, dir := range g {
			errs = append(errs, removeCgroup(dir))
		}
		err := errors.Join(errs...)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-deadline:
			return fmt.Errorf("remove the node's cgroups: %w", err)
		}
	}
}

func removeCgroup(dir string) error {
	var dirs []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() {
			dirs = append(dirs, path)
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) { // gone, or going while we look
		if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
			return nil
		}
	}
	for _, d := range slices.Backward(dirs) {
		killAll(filepath.Join(d, "cgroup.procs"))
		if removed := os.Remove(d); removed != nil {
			err = errors.Join(err, removed)
		}
	}
	return err
}

// killAll kills the processes that the file names, if it is there.
func killAll(procs string) {
	text, err := os.ReadFile(procs)
	if err != nil {
		return
	}
	for field := range strings.FieldsSeq(string(text)) {
		if pid, err := strconv.Atoi(field); err == nil && pid > 1 && pid != os.Getpid() {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}
