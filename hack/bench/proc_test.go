package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"
)

// TestCPUTimeCountsAProcessAndItsChildren asks about a shell that does nothing
// but start a process which does.
func TestCPUTimeCountsAProcessAndItsChildren(t *testing.T) {
	needsProc(t)
	const want = 300 * time.Millisecond
	cmd := exec.CommandContext(t.Context(), "sh", "-c", `"$0"; true`, os.Args[0])
	cmd.Env = append(os.Environ(), burnEnv+"="+want.String())
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var word string
	if _, err := fmt.Fscanln(out, &word); err != nil || word != "done" {
		t.Fatalf("the child said %q, %v", word, err)
	}
	got, err := cpuTime(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	if got < want-2*clockTick || got > want+want/2 {
		t.Errorf("CPU time is %v, want about %v", got, want)
	}
	if got, err := pss(cmd.Process.Pid); err != nil || got < 1<<20 {
		t.Errorf("PSS of a shell and a Go program is %d bytes, %v", got, err)
	}
	if err := in.Close(); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

func TestPSSGrowsByWhatIsAllocated(t *testing.T) {
	needsProc(t)
	before, err := pss(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	const size = 64 << 20
	held := make([]byte, size)
	for i := range held {
		held[i] = 1 // a page that was never written is not there
	}
	after, err := pss(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if grown := after - before; grown < size*9/10 || grown > size*8 { // the race detector takes up to as much again, a few times
		t.Errorf("PSS has grown by %d bytes, want about %d", grown, size)
	}
	runtime.KeepAlive(held)
}

func TestPSSIsTheTotalLine(t *testing.T) {
	smaps := "5585-7ffd ---p 00000000 00:00 0  [rollup]\nRss:  9000 kB\nPss:      1234 kB\nPss_Dirty:  1000 kB\n"
	if got, err := pssKiB([]byte(smaps)); err != nil || got != 1234 {
		t.Errorf("got %d, %v, want 1234", got, err)
	}
	if got, err := pssKiB([]byte("Rss: 9000 kB\n")); err == nil {
		t.Errorf("without a line Pss: got %d, want an error", got)
	}
}

func TestAProcessThatHasGoneIsAnError(t *testing.T) {
	needsProc(t)
	cmd := exec.CommandContext(t.Context(), "true")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	if got, err := cpuTime(cmd.Process.Pid); err == nil {
		t.Errorf("CPU time is %v, want an error", got)
	}
	if got, err := pss(cmd.Process.Pid); err == nil {
		t.Errorf("PSS is %v, want an error", got)
	}
}

func needsProc(t *testing.T) {
	t.Helper()
	if _, err := os.Stat("/proc/self/smaps_rollup"); err != nil {
		t.Skip("this test needs Linux's /proc")
	}
}
