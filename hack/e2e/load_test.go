//go:build e2e

package e2e

import (
	"context"
	"crypto/tls"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// A load is partners that call without a pause worth the name, and count. Half
// of them keep their connections for as long as the server does, the other half
// come back on a new one after every tenth request.
type load struct {
	stop context.CancelFunc
	done sync.WaitGroup

	mu       sync.Mutex
	requests int
	failures map[string]int // by what went wrong
}

const (
	loadCallers = 8
	loadPause   = 20 * time.Millisecond // between two requests of one caller
	loadTurn    = 10                    // requests on a connection, of those who come back
)

// startLoad calls an address until the result is ended.
func startLoad(t *testing.T, address string, config *tls.Config) *load {
	t.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	l := &load{stop: stop, failures: map[string]int{}}
	t.Cleanup(func() { l.stop(); l.done.Wait() })
	for i := range loadCallers {
		l.done.Go(func() {
			l.call(ctx, &caller{address: address, config: config}, i%2 == 0)
		})
	}
	return l
}

func (l *load) call(ctx context.Context, c *caller, loyal bool) {
	tick := time.NewTicker(loadPause)
	defer tick.Stop()
	defer c.hangUp()
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		a, err := c.get(context.WithoutCancel(ctx), "/") // the last one ends, too
		l.count(a, err)
		if !loyal && n%loadTurn == 0 {
			c.hangUp()
		}
	}
}

// count takes anything but a 200 for a failure.
func (l *load) count(a *answer, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.requests++
	switch {
	case err != nil:
		l.failures[err.Error()]++
	case a.status != 200:
		l.failures[fmt.Sprintf("status %d: %s", a.status, strings.TrimSpace(a.body))]++
	}
}

// end stops the load, fails the test unless every request was answered, and
// says in the table how many there were.
func (l *load) end(t *testing.T, what string) {
	t.Helper()
	l.stop()
	l.done.Wait()
	failed := 0
	for _, reason := range slices.Sorted(maps.Keys(l.failures)) {
		failed += l.failures[reason]
		t.Errorf("%d × %s", l.failures[reason], reason)
	}
	if l.requests < 100 {
		t.Errorf("only %d requests were made: that was no load", l.requests)
	}
	measured.say(what, "%d of %d requests failed", failed, l.requests)
}
