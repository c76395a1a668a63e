package main

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// A worker makes one request after another until m says stop. It returns the
// first error, and so ends the whole run.
type worker func(ctx context.Context, m *meter) error

// A meter counts what one worker does.
type meter struct {
	*phase
	requests, bytes atomic.Int64
	latencies       []time.Duration
	_               [64]byte // the next meter is on another cache line
}

// A phase is what all workers of a load obey.
type phase struct {
	stop, recording atomic.Bool
	deadline        time.Time // of connections
}

// done notes a request that began at begin and brought n bytes of body.
func (m *meter) done(begin time.Time, n int64) {
	m.requests.Add(1)
	m.bytes.Add(n)
	if m.recording.Load() {
		m.latencies = append(m.latencies, time.Since(begin))
	}
}

// A sample is what one turn has shown. What a row does not measure is zero.
type sample struct {
	requests, bytes int64
	cpu             time.Duration // of the proxy
	p50, p99        time.Duration
	memory          float64 // bytes, as the row counts them
}

// load runs the workers, waits until they are warm, and measures the process pid
// over a window while they go on.
func (b *bench) load(ctx context.Context, pid int, workers []worker) (s sample, err error) {
	p := &phase{deadline: time.Now().Add(b.warm + b.window + requestTimeout)}
	meters := make([]meter, len(workers))
	group, ctx := errgroup.WithContext(ctx)
	for i := range workers {
		meters[i].phase = p
		group.Go(func() error { return workers[i](ctx, &meters[i]) })
	}
	group.Go(func() error {
		defer p.stop.Store(true)
		s, err = b.observe(ctx, pid, p, meters)
		return err
	})
	if err := group.Wait(); err != nil {
		return s, err
	}
	s.p50, s.p99 = percentiles(meters)
	if s.requests == 0 {
		return s, fmt.Errorf("not one request was finished within %v", b.window)
	}
	return s, nil
}

// observe takes the difference of everything over the window.
func (b *bench) observe(ctx context.Context, pid int, p *phase, meters []meter) (s sample, err error) {
	if err := pause(ctx, b.warm); err != nil {
		return s, err
	}
	p.recording.Store(true)
	before, err := cpuTime(pid)
	if err != nil {
		return s, err
	}
	requests, bytes := totals(meters)
	if err := pause(ctx, b.window); err != nil {
		return s, err
	}
	after, err := cpuTime(pid)
	if err != nil {
		return s, err
	}
	s.requests, s.bytes = totals(meters)
	p.recording.Store(false)
	s.requests, s.bytes, s.cpu = s.requests-requests, s.bytes-bytes, after-before
	return s, nil
}

func totals(meters []meter) (requests, bytes int64) {
	for i := range meters {
		requests += meters[i].requests.Load()
		bytes += meters[i].bytes.Load()
	}
	return requests, bytes
}

func percentiles(meters []meter) (p50, p99 time.Duration) {
	var all []time.Duration
	for i := range meters {
		all = append(all, meters[i].latencies...)
	}
	if len(all) == 0 {
		return 0, 0
	}
	slices.Sort(all)
	return all[len(all)/2], all[len(all)*99/100]
}

// pause waits for d, or until ctx is done.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
