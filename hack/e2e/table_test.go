//go:build e2e

package e2e

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"text/tabwriter"
	"time"
)

// A table collects what stories measure and how long they take. They run side
// by side.
type table struct {
	mu      sync.Mutex
	rows    []row
	stories []row
}

// A row is one thing measured: durations of several trials, or a sentence.
type row struct {
	what   string
	trials []time.Duration
	text   string
}

// durations adds a row of trials.
func (t *table) durations(what string, trials []time.Duration) {
	t.add(row{what: what, trials: slices.Clone(trials)})
}

// say adds a row that is not about time.
func (t *table) say(what, format string, args ...any) {
	t.add(row{what: what, text: fmt.Sprintf(format, args...)})
}

func (t *table) add(r row) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rows = append(t.rows, r)
}

// story begins a test, and adds a row when it ends. A parallel one calls it
// after t.Parallel, so that the time it was held back does not count.
func (t *table) story(test *testing.T) {
	began := time.Now()
	test.Cleanup(func() {
		verdict := "passed"
		if test.Failed() {
			verdict = "FAILED"
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		t.stories = append(t.stories, row{what: test.Name(), text: verdict + "\t" + seconds(time.Since(began))})
	})
}

// print writes the stories in the order in which they ended, and then what they
// measured, times first.
func (t *table) print(w io.Writer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	slices.SortFunc(t.rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(len(b.trials), len(a.trials)), cmp.Compare(a.what, b.what))
	})
	fmt.Fprintln(w, "\n== the stories")
	printRows(w, t.stories)
	fmt.Fprintln(w, "\n== what they measured")
	printRows(w, t.rows)
	fmt.Fprintln(w)
}

func printRows(w io.Writer, rows []row) {
	columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, r := range rows {
		text := r.text
		if len(r.trials) > 0 {
			text = fmt.Sprintf("median %s\tworst %s\tof %d", seconds(median(r.trials)), seconds(slices.Max(r.trials)), len(r.trials))
		}
		fmt.Fprintf(columns, "%s\t%s\n", r.what, text)
	}
	_ = columns.Flush()
}

// median returns the middle one, or the mean of the two in the middle.
func median(trials []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(trials))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }
