package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
)

func TestColoursAreForTerminals(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "story"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	device, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0) // a character device, as a terminal is
	if err != nil {
		t.Fatal(err)
	}
	defer device.Close()

	t.Setenv("NO_COLOR", "")
	t.Setenv("TERM", "xterm")
	if newTeller(file).colour {
		t.Error("a file gets colours")
	}
	if newTeller(&strings.Builder{}).colour {
		t.Error("a writer that is no file gets colours")
	}
	if !newTeller(device).colour {
		t.Error("a terminal gets no colours")
	}
	t.Setenv("NO_COLOR", "1")
	if newTeller(device).colour {
		t.Error("NO_COLOR=1 gets colours")
	}
}

func TestTeller(t *testing.T) {
	var out strings.Builder
	tell := newTeller(&out)
	tell.title("The scene")
	tell.fact("Secret", "mounted at %s", "/tls")
	tell.done("acme", "200 %s", "OK\n")
	tell.detail("%s", strings.Repeat("word ", 20))
	tell.block("a: 1\nb: 2\n")
	tell.title("The end")
	want := `
1. The scene
   Secret      mounted at /tls
 ✓ acme     200 OK
            word word word word word word word word word word word word word word word word word
            word word word
            a: 1
            b: 2

2. The end
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("story (-want +got):\n%s", diff)
	}
}

func TestPaint(t *testing.T) {
	if got, want := (&teller{colour: true}).paint(green, "✓"), "\x1b[32m✓\x1b[0m"; got != want {
		t.Errorf("painted %q, want %q", got, want)
	}
}

func TestTimes(t *testing.T) {
	const s = time.Second
	tests := []struct {
		times         []time.Duration
		median, worst time.Duration
	}{
		{nil, 0, 0},
		{[]time.Duration{s}, s, s},
		{[]time.Duration{3 * s, 1 * s, 2 * s}, 2 * s, 3 * s},
		{[]time.Duration{4 * s, 1 * s, 2 * s, 3 * s}, 3 * s, 4 * s},
	}
	for _, test := range tests {
		if got := median(test.times); got != test.median {
			t.Errorf("median of %v is %v, want %v", test.times, got, test.median)
		}
		if got := worst(test.times); got != test.worst {
			t.Errorf("worst of %v is %v, want %v", test.times, got, test.worst)
		}
	}
	for d, want := range map[time.Duration]string{0: "0 ms", 1: "1 ms", time.Millisecond: "1 ms", time.Millisecond + 1: "2 ms"} {
		if got := ms(d); got != want {
			t.Errorf("%v is told as %q, want %q", d, got, want)
		}
	}
}

func TestTheLogBookWaitsForALine(t *testing.T) {
	want := logLine{Msg: "request refused", Reason: "subject-not-allowed", Detail: "d", Allow: "subject: 'CN=a'", Faults: []string{"f", "g"}}
	synctest.Test(t, func(t *testing.T) {
		b := newLogBook(io.Discard)
		log := logr.FromSlogHandler(b).WithValues("listener", "a").WithName("x")
		go func() {
			time.Sleep(patience / 2)
			log.Info("request refused", "reason", "other")
			log.Info(want.Msg, "reason", want.Reason, "detail", want.Detail, "allow", want.Allow, "faults", want.Faults, "status", 403)
			log.Info("something else")
		}()
		got, err := b.wait(t.Context(), "request refused", "subject-not-allowed")
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%v, -want +got:\n%s", err, diff)
		}
		if _, err := b.wait(t.Context(), "request refused", "never"); err == nil || !strings.Contains(err.Error(), `"never"`) {
			t.Errorf("waiting for what never comes: %v", err)
		}
	})
}

func TestTheLogBookPassesLinesOn(t *testing.T) {
	var copied strings.Builder
	log := logr.FromSlogHandler(newLogBook(&copied))
	log.WithValues("listener", "a").Info("listening", "address", ":1")
	log.V(1).Info("not at this level")
	if got := copied.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, `"level":"INFO","msg":"listening","listener":"a","address":":1"`) {
		t.Errorf("passed on: %s", got)
	}
}
