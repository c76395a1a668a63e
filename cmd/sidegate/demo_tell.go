package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/sidegate/sidegate/proxy/config"
)

// tellerWidth is the number of columns that a line takes at most, but for what
// must be copied as it is.
const tellerWidth = 100

// A teller writes the story. Once a line cannot be written it writes no more,
// and err says why.
type teller struct {
	w      io.Writer
	colour bool
	titles int
	err    error
}

// newTeller uses colours if w is a terminal and the user has not said no to
// them (https://no-color.org).
func newTeller(w io.Writer) *teller {
	t := &teller{w: w}
	if f, ok := w.(*os.File); ok && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" {
		info, err := f.Stat()
		t.colour = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return t
}

// The colours: SGR parameters of ECMA-48.
const (
	bold  = "1"
	faint = "2"
	green = "32"
)

func (t *teller) paint(colour, text string) string {
	if !t.colour {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// say writes text as it is.
func (t *teller) say(format string, args ...any) {
	if t.err == nil {
		_, t.err = fmt.Fprintf(t.w, format, args...)
	}
}

// title begins a scene.
func (t *teller) title(text string) {
	t.titles++
	t.say("\n%s\n", t.paint(bold, fmt.Sprintf("%d. %s", t.titles, text)))
}

// fact states something about the thing that who names.
func (t *teller) fact(who, format string, args ...any) {
	t.say("   %-11s %s\n", who, fmt.Sprintf(format, args...))
}

// done states what has happened to the one who calls, or to the gate.
func (t *teller) done(who, format string, args ...any) {
	text := strings.TrimSpace(fmt.Sprintf(format, args...))
	t.say(" %s %-8s %s\n", t.paint(green, "✓"), who, text)
}

// detail explains what was done, in as many lines as it takes.
func (t *teller) detail(format string, args ...any) {
	const margin = "            "
	for _, line := range wrapWords(fmt.Sprintf(format, args...), tellerWidth-len(margin)) {
		t.say("%s%s\n", margin, t.paint(faint, line))
	}
}

// block shows text that is to be read, or copied, line by line.
func (t *teller) block(text string) {
	for line := range strings.Lines(text) {
		t.say("            %s\n", t.paint(faint, strings.TrimSuffix(line, "\n")))
	}
}

// wrapWords breaks text between words into lines of width characters. A word that
// is longer has a line of its own.
func wrapWords(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			lines = append(lines, line)
			line = ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	return append(lines, line)
}

// ms rounds up: a time that is told is never shorter than it was.
func ms(d time.Duration) string {
	return fmt.Sprintf("%d ms", (d+time.Millisecond-1)/time.Millisecond)
}

// median returns the greater of two in the middle, and 0 of none.
func median(ds []time.Duration) time.Duration {
	if len(ds) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(ds))
	return sorted[len(sorted)/2]
}

func worst(ds []time.Duration) time.Duration {
	if len(ds) == 0 {
		return 0
	}
	return slices.Max(ds)
}

// surviveClosedPipes makes a write to a closed pipe an error, until the
// function that it returns is called. Otherwise the end of the reader, as in
// "sidegate demo | head", would end the process before it clears up.
func surviveClosedPipes() (undo func()) {
	pipes := make(chan os.Signal, 1)
	signal.Notify(pipes, syscall.SIGPIPE)
	return func() { signal.Stop(pipes) }
}

// A logLine is what the story quotes of a line of the log.
type logLine struct {
	Msg    string
	Reason string
	Detail string
	Allow  string   // the condition that would let a refused client in
	Faults []string // of certificates that cannot be used
}

// A logBook is a [slog.Handler] that remembers the lines it passes on. It takes
// them as values, because whatever decodes JSON would be in every sidecar.
type logBook struct {
	slog.Handler
	*pages
}

// pages are what a logBook and those made of it by WithAttrs share.
type pages struct {
	mu    sync.Mutex
	lines []logLine
	more  chan struct{} // closed when there are more lines
}

// newLogBook returns a logBook of the default log, which goes on to w.
func newLogBook(w io.Writer) *logBook {
	return &logBook{newJournal(w, config.Default().Log).handler(), &pages{more: make(chan struct{})}}
}

// Handle implements slog.Handler.
func (b *logBook) Handle(ctx context.Context, r slog.Record) error {
	line := logLine{Msg: r.Message}
	r.Attrs(func(a slog.Attr) bool {
		switch a.Key {
		case "reason":
			line.Reason = a.Value.String()
		case "detail":
			line.Detail = a.Value.String()
		case "allow":
			line.Allow = a.Value.String()
		case "faults":
			line.Faults, _ = a.Value.Any().([]string)
		}
		return true
	})
	b.add(line)
	_ = b.Handler.Handle(ctx, r) // nobody reads it: the story goes on
	return nil
}

// WithAttrs implements slog.Handler.
func (b *logBook) WithAttrs(as []slog.Attr) slog.Handler {
	return &logBook{b.Handler.WithAttrs(as), b.pages}
}

// WithGroup implements slog.Handler.
func (b *logBook) WithGroup(name string) slog.Handler {
	return &logBook{b.Handler.WithGroup(name), b.pages}
}

func (b *pages) add(line logLine) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = append(b.lines, line)
	close(b.more)
	b.more = make(chan struct{})
}

// wait returns the last line with this message and reason, waiting for one.
func (b *pages) wait(ctx context.Context, msg, reason string) (logLine, error) {
	late := time.After(patience)
	for {
		b.mu.Lock()
		for _, line := range slices.Backward(b.lines) {
			if line.Msg == msg && line.Reason == reason {
				b.mu.Unlock()
				return line, nil
			}
		}
		more := b.more
		b.mu.Unlock()
		select {
		case <-more:
		case <-ctx.Done():
			return logLine{}, context.Cause(ctx)
		case <-late:
			return logLine{}, fmt.Errorf("the log did not say %q with reason %q within %v", msg, reason, patience)
		}
	}
}
