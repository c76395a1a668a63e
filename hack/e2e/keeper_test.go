//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

// keeperEnv, if set, makes the test binary a keeper: see keep.
const keeperEnv = "SIDEGATE_E2E_KEEPER"

// lockFD is where the keeper finds the lock: the first of exec.Cmd.ExtraFiles.
const lockFD = 3

// keep is the main function of the keeper, the process that brings the node up
// and outlives the test process in order to take it down. It is a process of
// its own because nothing that the test process could defer runs when that is
// killed. The two are tied by a pipe: orders ends when the test process does,
// whatever its end was. Should the keeper be killed too, the kernel ends the
// node (parent-death signal), and the next keeper finds the rest by our names.
//
// It inherits the lock, reports the node's process 1 in one line, and returns when all is gone.
func keep(run string, orders io.Reader, report io.WriteCloser) (err error) {
	runtime.LockOSThread()      // the parent that matters to the signal is the thread
	syscall.CloseOnExec(lockFD) // or the node would hold the lock as well
	own, err := ownCgroups()
	if err != nil {
		return err
	}
	if err := sweep(run, own.below()); err != nil {
		return fmt.Errorf("take away what an earlier run left: %w", err)
	}
	defer func() { err = errors.Join(err, sweep(run, own.below())) }()
	node, err := birth(run, own)
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- node.Wait() }()
	if err := connect(node.Process.Pid); err != nil {
		return errors.Join(err, node.Process.Kill(), <-ended)
	}
	fmt.Fprintln(report, node.Process.Pid)
	report.Close()

	told := make(chan struct{})
	go func() { _, _ = io.Copy(io.Discard, orders); close(told) }()
	select {
	case err := <-ended:
		return fmt.Errorf("the node ended by itself: %w; see %s", err, filepath.Join(run, "log", "init.log"))
	case <-told:
	}
	err = node.Process.Kill()
	<-ended // "killed", as was asked
	return err
}

// birth starts process 1 of the node in namespaces of its own. It inherits the
// cgroups in which this process is at that moment.
func birth(run string, own cgroups) (*exec.Cmd, error) {
	log, err := os.Create(filepath.Join(run, "log", "init.log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	node := exec.Command("bash", filepath.Join(run, "init.sh"))
	node.Stdout, node.Stderr = log, log
	node.SysProcAttr = &syscall.SysProcAttr{
		Setsid:    true,
		Pdeathsig: syscall.SIGKILL,
		Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNET | syscall.CLONE_NEWNS |
			syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC | syscall.CLONE_NEWCGROUP,
	}
	if err := own.below().create(); err != nil {
		return nil, err
	}
	if err := own.below().enter(); err != nil {
		return nil, err
	}
	err = node.Start()
	if left := own.enter(); left != nil && err == nil {
		err = errors.Join(left, node.Process.Kill(), node.Wait())
	}
	if err != nil {
		return nil, fmt.Errorf("start the node: %w", err)
	}
	return node, nil
}

// connect lays a veth pair into the node, and the routes to its pods and
// Services. All of it vanishes with the node's network namespace; but that may
// live on for minutes, for the sake of a connection that was cut, so sweep does
// not wait for it.
func connect(pid int) error {
	for _, args := range [][]string{
		{"link", "add", hostLink, "type", "veth", "peer", "name", "eth0", "netns", strconv.Itoa(pid)},
		{"addr", "add", hostIP + "/30", "dev", hostLink},
		{"link", "set", hostLink, "up"},
		{"route", "add", podCIDR, "via", nodeIP, "dev", hostLink},
		{"route", "add", serviceCIDR, "via", nodeIP, "dev", hostLink},
	} {
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			return fmt.Errorf("connect the node: ip %q: %w: %s", args, err, out)
		}
	}
	return nil
}

// sweep takes away everything that bears our marks; the lock says that nobody
// uses it. Logs stay.
func sweep(run string, node cgroups) error {
	err := node.remove()
	if _, gone := net.InterfaceByName(hostLink); gone == nil {
		// The kernel may be about to do it: an error here means that it has.
		_ = exec.Command("ip", "link", "del", hostLink).Run()
	}
	return errors.Join(err, os.RemoveAll(filepath.Join(run, "root")))
}

// lockFile waits for the exclusive lock on the file at path. It is free again
// when every process that has the result has closed it or ended.
func lockFile(path string, patience time.Duration) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	tick, deadline := time.NewTicker(100*time.Millisecond), time.After(patience)
	defer tick.Stop()
	for {
		if err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err == nil {
			return file, nil
		}
		select {
		case <-tick.C:
		case <-deadline:
			file.Close()
			return nil, fmt.Errorf("another run has held %q for %v: %w", path, patience, err)
		}
	}
}
