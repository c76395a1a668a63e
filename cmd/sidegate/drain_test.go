package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// A process is a sidegate of its own, as kubelet starts and ends it.
type process struct {
	t       *testing.T
	cmd     *exec.Cmd
	log     *logBuffer
	ingress string
	health  string
	exited  chan error
}

// start starts sidegate with the world's configuration and waits until it
// listens.
func (w *world) start() *process {
	w.t.Helper()
	p := w.spawn()
	p.ingress, p.health = "https://"+p.address("ingress"), "http://"+p.address("health")
	return p
}

func (w *world) spawn() *process { return w.spawnFile("sidegate") }

func (w *world) spawnFile(binary string) *process {
	w.t.Helper()
	p := &process{t: w.t, log: &logBuffer{}, exited: make(chan error, 1)}
	p.cmd = exec.Command(binary, "run", "--config", w.configFile())
	p.cmd.Stderr = p.log
	if err := p.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	go func() { p.exited <- p.cmd.Wait() }()
	w.t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	return p
}

// address returns where the process says that it listens.
func (p *process) address(what string) (addr string) {
	p.t.Helper()
	eventually(p.t, "the address of "+what, func() bool {
		p.log.mu.Lock()
		defer p.log.mu.Unlock()
		for line := range strings.Lines(p.log.buf.String()) {
			var l struct{ Msg, What, Address string }
			if json.Unmarshal([]byte(line), &l) == nil && l.Msg == "listening" && l.What == what {
				addr = l.Address
			}
		}
		return addr != ""
	})
	return addr
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// exit waits for the end of the process and returns its exit code.
func (p *process) exit() int {
	p.t.Helper()
	select {
	case <-p.exited:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(20 * time.Second):
		p.t.Fatal("the process does not end")
		return -1
	}
}

// slow is an application whose requests begin, and end when they are told to.
type slow struct {
	begun, end chan struct{}
}

func newSlow() *slow { return &slow{make(chan struct{}), make(chan struct{})} }

func (s *slow) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/slow" {
		s.begun <- struct{}{}
		<-s.end
	}
	_, _ = w.Write(bytes.Repeat([]byte("x"), 10_000))
}

// await waits until a slow request is with the application.
func (s *slow) await(t *testing.T) {
	t.Helper()
	select {
	case <-s.begun:
	case <-time.After(10 * time.Second):
		t.Fatal("the slow request never reached the application")
	}
}

func TestADrainLosesNoRequest(t *testing.T) {
	t.Parallel()
	w, app := newWorld(t), newSlow()
	w.app.Config.Handler = app
	w.configure(strings.Replace(one(partnerDN), "drainDelay: 0s", "drainDelay: 1s", 1) + "log: {requests: false}\n")
	p := w.start()

	var served atomic.Int64
	var load sync.WaitGroup
	for range 8 {
		client := w.client(w.certs["partner"])
		defer client.CloseIdleConnections()
		load.Go(func() {
			if err := untilAskedToLeave(client, p.ingress, &served); err != nil {
				t.Error(err)
			}
		})
	}
	underway := make(chan error, 1)
	client := w.client(w.certs["partner"])
	defer client.CloseIdleConnections()
	go func() {
		status, body, err := fetch(client, p.ingress+"/slow")
		if err == nil && (status != 200 || len(body) != 10_000) {
			err = fmt.Errorf("status %d, %d bytes", status, len(body))
		}
		underway <- err
	}()
	app.await(t)
	eventually(t, "some load", func() bool { return served.Load() > 100 })

	p.signal(syscall.SIGTERM)
	p.log.wait(t, `"msg":"draining"`)
	if status, _, err := fetch(http.DefaultClient, p.health+"/readyz"); status != 503 {
		t.Errorf("readyz while draining: %d %v", status, err)
	}
	load.Wait()
	eventually(t, "no more connections accepted", func() bool {
		c, err := net.Dial("tcp", strings.TrimPrefix(p.ingress, "https://"))
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	if status, _, err := fetch(http.DefaultClient, p.health+"/livez"); status != 200 {
		t.Errorf("livez at the end of a drain: %d %v", status, err)
	}
	close(app.end)
	if err := <-underway; err != nil {
		t.Errorf("the request under way: %v", err)
	}
	if code := p.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// untilAskedToLeave sends requests over one connection until a response asks to
// close it, as a load balancer does that heard that the pod is going.
func untilAskedToLeave(client *http.Client, url string, served *atomic.Int64) error {
	for {
		res, err := client.Get(url + "/")
		if err != nil {
			return err
		}
		n, err := new(bytes.Buffer).ReadFrom(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != 200 || n != 10_000 {
			return fmt.Errorf("status %d, %d bytes, %v", res.StatusCode, n, err)
		}
		served.Add(1)
		if res.Close {
			return nil
		}
	}
}

func TestEachSignalThatEndsItDrains(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			if signal.Ignored(sig) {
				t.Skip("the signal is ignored here, and so by the processes that are started here")
			}
			w := newWorld(t)
			w.configure(one(partnerDN))
			p := w.start()
			p.signal(sig)
			if code := p.exit(); code != 0 || p.log.count(`"msg":"drained"`) != 1 {
				t.Errorf("exit code %d; the log:\n%s", code, p.log.buf.String())
			}
		})
	}
}

func TestADrainDoesNotWaitForEver(t *testing.T) {
	for name, tt := range map[string]struct {
		timeout string
		signals int
		says    string
	}{
		"drainTimeout cuts requests off":  {"300ms", 1, "requests were cut off after drainTimeout"},
		"a second signal ends it at once": {"1m", 2, "a second signal (terminated)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, app := newWorld(t), newSlow()
			w.app.Config.Handler = app
			defer close(app.end)
			w.configure(one(partnerDN) + "drainTimeout: " + tt.timeout + "\n")
			p := w.start()
			client := w.client(w.certs["partner"])
			go func() { _, _, _ = fetch(client, p.ingress+"/slow") }()
			app.await(t)
			p.signal(syscall.SIGTERM)
			p.log.wait(t, `"msg":"draining"`)
			for range tt.signals - 1 {
				p.signal(syscall.SIGTERM)
			}
			if code := p.exit(); code != 1 || p.log.count("sidegate: ", tt.says) != 1 {
				t.Errorf("exit code %d; the log:\n%s", code, p.log.buf.String())
			}
		})
	}
}

func TestASignalEndsTheWaitForCertificates(t *testing.T) {
	w := newWorld(t)
	if err := os.Remove(filepath.Join(w.dir, "tls/tls.key")); err != nil {
		t.Fatal(err)
	}
	w.configure(one(partnerDN) + "startupWait: 10m\n")
	p := w.spawn()
	p.log.wait(t, "waiting for certificates")
	p.signal(syscall.SIGTERM)
	if code := p.exit(); code != 1 || p.log.count("sidegate: ", "waiting for certificates: context canceled") != 1 {
		t.Errorf("exit code %d; the log:\n%s", code, p.log.buf.String())
	}
}
