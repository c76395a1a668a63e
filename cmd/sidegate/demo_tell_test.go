package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

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
	const line = `{"level":"INFO","msg":"request refused","reason":"subject-not-allowed","allow":"subject: 'CN=a'"}` + "\n"
	write := func(b *logBook, text string) {
		if _, err := b.Write([]byte(text)); err != nil {
			t.Error(err)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		b := newLogBook()
		go func() {
			time.Sleep(patience / 2)
			write(b, `{"msg":"request refused","reason":"other"}`+"\n")
			write(b, line)
		}()
		got, err := b.wait(t.Context(), "request refused", "subject-not-allowed")
		if err != nil || got.Allow != "subject: 'CN=a'" {
			t.Errorf("read %+v, %v", got, err)
		}
		if _, err := b.wait(t.Context(), "request refused", "never"); err == nil || !strings.Contains(err.Error(), `"never"`) {
			t.Errorf("waiting for what never comes: %v", err)
		}
	})
}

func TestTheLogBookCopies(t *testing.T) {
	var copied strings.Builder
	b := newLogBook()
	b.copyTo = &copied
	const line = `{"msg":"listening"}` + "\n"
	if n, err := b.Write([]byte(line)); n != len(line) || err != nil || copied.String() != line {
		t.Errorf("wrote %d bytes, %v, copied %q", n, err, copied.String())
	}
	if _, err := b.Write([]byte("not JSON\n")); err == nil {
		t.Error("a line that is no JSON was taken")
	}
}
