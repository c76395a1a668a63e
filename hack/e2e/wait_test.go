//go:build e2e

package e2e

import (
	"context"
	"errors"
	"testing"
	"time"
)

// poll calls try until it succeeds, with a pause in between, and returns its
// last error if ctx ends first.
func poll(ctx context.Context, pause time.Duration, try func() error) error {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		}
	}
}

// eventually fails the test if try does not succeed within the time.
func eventually(t *testing.T, within time.Duration, try func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	if err := poll(ctx, 20*time.Millisecond, try); err != nil {
		t.Fatalf("not within %v: %v", within, err)
	}
}
