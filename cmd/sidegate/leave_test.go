//go:build linux

package main

import (
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// connect opens a connection to the gate as the partner, and asks nothing yet.
func (w *world) connect(p *process) *tls.Conn {
	w.t.Helper()
	settings := w.client(w.certs["partner"]).Transport.(*http.Transport).TLSClientConfig
	c, err := tls.Dial("tcp", strings.TrimPrefix(p.ingress, "https://"), settings)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { c.Close() })
	return c
}

func TestASidecarThatLeavesServesOnAndSendsClientsElsewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.configure(strings.Replace(one(partnerDN), "drainDelay: 0s", "drainDelay: 5s", 1))
	p := w.start()
	client := w.client(w.certs["partner"])
	ask := func() (asked bool) {
		res, err := client.Get(p.ingress)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode != 200 {
			t.Fatalf("status %d, %v", res.StatusCode, err)
		}
		return res.Close
	}
	if ask() {
		t.Fatal("a client is asked to leave although nobody said so")
	}

	p.signal(syscall.SIGUSR1)
	p.log.wait(t, `"msg":"leaving`)
	if status, _, err := fetch(http.DefaultClient, p.health+"/readyz"); status != 503 {
		t.Errorf("readyz while leaving: %d %v", status, err)
	}
	for range 3 { // the open connection, then new ones
		if !ask() {
			t.Error("a response does not ask to close the connection")
		}
	}
	p.signal(syscall.SIGUSR1) // once more changes nothing

	start := time.Now()
	p.signal(syscall.SIGTERM)
	if code := p.exit(); code != 0 || p.log.count(`"msg":"leaving`) != 1 || p.log.count(`"msg":"drained"`) != 1 {
		t.Errorf("exit code %d; the log:\n%s", code, p.log.buf.String())
	}
	// What has passed of drainDelay counts; how much that is depends on the machine.
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("the end took %v", took)
	}
}

func TestASidecarThatLeavesClosesWhatNobodyUses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.configure(strings.Replace(one(partnerDN), "drainDelay: 0s", "drainDelay: 1s", 1))
	p := w.start()
	idle := w.connect(p)
	if _, err := io.WriteString(idle, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	read := make(chan error, 1)
	go func() {
		all, err := io.ReadAll(idle) // one response, and then nothing for as long as it is open
		if err == nil && !strings.HasPrefix(string(all), "HTTP/1.1 200 ") {
			err = errors.New(string(all))
		}
		read <- err
	}()
	eventually(t, "the response", func() bool { return p.log.count(`"status":200`) > 0 })
	select {
	case err := <-read:
		t.Fatalf("the idle connection was closed before anybody left: %v", err)
	default:
	}
	p.signal(syscall.SIGUSR1)
	select {
	case err := <-read:
		if err != nil {
			t.Errorf("the idle connection ended with %v, want a clean close", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the idle connection is still open")
	}
	if status, _, err := fetch(w.client(w.certs["partner"]), p.ingress); status != 200 {
		t.Errorf("a new connection: %d %v", status, err)
	}
}

// The command looks for the processes of its own file, so the test has a copy
// that nobody else runs.
func TestDrainTellsTheRunningSidecar(t *testing.T) {
	w := newWorld(t)
	w.configure(one(partnerDN))
	binary := filepath.Join(w.dir, "sidegate")
	self := must(os.ReadFile(must(exec.LookPath("sidegate"))))
	if err := os.WriteFile(binary, self, 0o700); err != nil {
		t.Fatal(err)
	}
	drain := func() (string, error) {
		out, err := exec.Command(binary, "drain").CombinedOutput()
		return string(out), err
	}
	if out, err := drain(); err == nil || !strings.Contains(out, `no other process here is "sidegate run"`) {
		t.Errorf("with nothing to drain: %v, %q", err, out)
	}
	p := w.spawnFile(binary)
	p.address("ingress")
	if out, err := drain(); err != nil || out != "" {
		t.Errorf("drain: %v, %q", err, out)
	}
	p.log.wait(t, `"msg":"leaving`)
}

func TestASidecarThatLeavesSendsClientsOfHTTP2Elsewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	doc := strings.Replace(one(partnerDN), "drainDelay: 0s", "drainDelay: 5s", 1)
	w.configure(strings.Replace(doc, "allow: [", "http2: true, allow: [", 1))
	p := w.start()
	client := w.client(w.certs["partner"])
	client.Transport.(*http.Transport).ForceAttemptHTTP2 = true
	ask := func() (reused bool) {
		trace := &httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) { reused = c.Reused }}
		req, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), http.MethodGet, p.ingress, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode != 200 || res.ProtoMajor != 2 {
			t.Fatalf("%s %d, %v", res.Proto, res.StatusCode, err)
		}
		return reused
	}
	ask()
	if !ask() {
		t.Fatal("the connection is not used again although nobody leaves")
	}
	p.signal(syscall.SIGUSR1)
	p.log.wait(t, `"msg":"leaving`)
	ask()
	eventually(t, "a request on another connection", func() bool { return !ask() }) // GOAWAY is read beside
}
