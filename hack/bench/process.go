package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// A process is a proxy under test, or the application. Stop it when done.
type process struct {
	name string
	cmd  *exec.Cmd
	out  string        // file with all it printed
	done chan struct{} // closed when it has ended
}

// start runs argv with its output in a file of dir.
func start(name string, argv, env []string, dir string) (*process, error) {
	p := &process{name: name, out: filepath.Join(dir, "output"), done: make(chan struct{})}
	out, err := os.Create(p.out)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	p.cmd = exec.Command(argv[0], argv[1:]...)
	p.cmd.Dir, p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = dir, append(os.Environ(), env...), out, out
	// A group of its own: Ctrl-C is for us, and we end the processes.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait() // how it ended is said by what it printed
	}()
	return p, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// stop ends the process, and what it has started, politely at first.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(5 * time.Second):
		_ = syscall.Kill(-p.pid(), syscall.SIGKILL) // its group: itself and its workers
		<-p.done
	}
}

// output returns the end of what the process has printed.
func (p *process) output() string {
	text, err := os.ReadFile(p.out)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-2000):])
}

// listening waits until somebody answers at addr.
func (p *process) listening(ctx context.Context, addr string) error {
	tick, deadline := time.NewTicker(10*time.Millisecond), time.After(15*time.Second)
	defer tick.Stop()
	for {
		nc, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
		if err == nil {
			return nc.Close()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		case <-p.done:
			return fmt.Errorf("%s ended at once; it printed:\n%s", p.name, p.output())
		case <-deadline:
			return fmt.Errorf("%s does not listen on %s; it printed:\n%s", p.name, addr, p.output())
		}
	}
}

// dumpHeap has a sidegate that was built with the tag profile write its heap
// profile to file.
func (p *process) dumpHeap(file string) error {
	if err := p.cmd.Process.Signal(syscall.SIGUSR1); err != nil {
		return fmt.Errorf("ask %s for its heap profile: %w", p.name, err)
	}
	tick, deadline := time.NewTicker(10*time.Millisecond), time.After(10*time.Second)
	defer tick.Stop()
	for {
		if _, err := os.Stat(file); err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-p.done:
			return fmt.Errorf("%s ended instead of writing its heap profile; it printed:\n%s", p.name, p.output())
		case <-deadline:
			return fmt.Errorf("%s wrote no heap profile %q", p.name, file)
		}
	}
}

// startApp runs this binary as the application and returns its address. It ends
// with stop, or else with this process, whose end closes its standard input.
func startApp() (addr string, stop func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return "", nil, fmt.Errorf("find this binary: %w", err)
	}
	cmd := exec.Command(self, appCommand)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, err := cmd.StdinPipe()
	if err != nil {
		return "", nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, fmt.Errorf("start the application: %w", err)
	}
	stop = func() {
		_ = in.Close()
		_ = cmd.Wait()
	}
	if _, err := fmt.Fscanln(out, &addr); err != nil {
		stop()
		return "", nil, fmt.Errorf("read the address of the application: %w", err)
	}
	return addr, stop, nil
}
