package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// A bench is one run. Open it, run it, and close it in any case.
type bench struct {
	options
	log io.Writer

	dir     string // temporary; all files are below it
	pki     *pki
	app     string // address of the application
	stopApp func()

	contenders []*contender
	skipped    []skip
}

// A contender is a peer that is there.
type contender struct {
	*peer
	found
}

// A skip is a peer that is not there.
type skip struct {
	peer   *peer
	reason error
}

// wanted reports whether name was asked for; with no names all are.
func wanted(name string, names []string) bool {
	return len(names) == 0 || slices.Contains(names, name)
}

// open makes everything that all turns share.
func (b *bench) open(ctx context.Context) (err error) {
	if b.dir, err = os.MkdirTemp("", "sidegate-bench-"); err != nil {
		return fmt.Errorf("make a directory for the run: %w", err)
	}
	if b.pki, err = newPKI(b.dir, serverP256, serverRSA); err != nil {
		return err
	}
	if err := b.findContenders(ctx); err != nil {
		return err
	}
	if b.profiles != "" {
		if b.profiles, err = filepath.Abs(b.profiles); err != nil {
			return err
		}
		if err := os.MkdirAll(b.profiles, 0o755); err != nil {
			return fmt.Errorf("make the directory for profiles: %w", err)
		}
	}
	b.app, b.stopApp, err = startApp()
	return err
}

// findContenders looks for every peer that was asked for. Those that are missing
// are skipped, and said so; Sidegate must be there.
func (b *bench) findContenders(ctx context.Context) error {
	for _, p := range peers() {
		if !wanted(p.name, b.peers) {
			continue
		}
		f, err := p.find(ctx, b)
		switch {
		case err == nil:
			b.contenders = append(b.contenders, &contender{p, f})
			fmt.Fprintf(b.log, "%s: %s\n", p.title, f.version)
		case p.name == "sidegate" || ctx.Err() != nil:
			return err
		default:
			b.skipped = append(b.skipped, skip{p, err})
			fmt.Fprintf(b.log, "%s: SKIPPED: %v\n", p.title, err)
		}
	}
	return nil
}

func (b *bench) close() {
	if b.stopApp != nil {
		b.stopApp()
	}
	if b.dir != "" {
		_ = os.RemoveAll(b.dir)
	}
}

// run takes every turn, and returns what they have shown.
func (b *bench) run(ctx context.Context) (*results, error) {
	res := &results{bench: b, begun: time.Now(), cells: map[cell]*readings{}}
	memory := map[string]*row{}
	for _, r := range rows() {
		if !wanted(r.name, b.only) {
			continue
		}
		res.rows = append(res.rows, r)
		if r.measure == nil {
			memory[r.name] = &r
			continue
		}
		for round := range b.rounds {
			for _, c := range b.contenders {
				if err := b.record(ctx, res, &r, c, round+1); err != nil {
					return nil, fmt.Errorf("%s, %s, round %d: %w", r.name, c.name, round+1, err)
				}
			}
		}
	}
	for round := range b.rounds {
		if len(memory) == 0 {
			break
		}
		if err := b.idleTurn(ctx, res, memory[idleProcess], memory[idleConn], round+1); err != nil {
			return nil, fmt.Errorf("idle, round %d: %w", round+1, err)
		}
	}
	res.took = time.Since(res.begun)
	return res, nil
}

// record takes one turn, unless the peer cannot do that work.
func (b *bench) record(ctx context.Context, res *results, r *row, c *contender, round int) error {
	if c.name != "sidegate" && (r.sidegate || r.withNginx && c.name != "nginx") {
		return nil
	}
	got := res.at(r.name, c.name)
	if r.http && c.tcpOnly {
		got.cannot = errors.New("it does not speak HTTP")
	}
	if got.cannot != nil {
		return nil
	}
	s, err := b.turn(ctx, r, c, round)
	switch {
	case errors.Is(err, errNotResumed):
		got.cannot = err
		fmt.Fprintf(b.log, "%-14s round %d  %-11s %v\n", r.name, round, c.name, err)
		return nil
	case err != nil:
		return err
	}
	b.note(res, r, c, round, s)
	return nil
}

// note keeps a sample and says what it is.
func (b *bench) note(res *results, r *row, c *contender, round int, s sample) {
	got := res.at(r.name, c.name)
	got.samples = append(got.samples, s)
	fmt.Fprintf(b.log, "%-14s round %d  %-11s %9s %-15s", r.name, round, c.name, number(r.kind.figure(s)), r.kind.unit())
	if s.requests > 0 {
		fmt.Fprintf(b.log, "  p50 %s ms  p99 %s ms  %d requests, %.0f%% CPU", millis(s.p50), millis(s.p99), s.requests, 100*s.cpu.Seconds()/b.window.Seconds())
	}
	fmt.Fprintln(b.log)
}

// turn starts a proxy, measures it, and ends it.
func (b *bench) turn(ctx context.Context, r *row, c *contender, round int) (s sample, err error) {
	i, err := b.ready(ctx, c, r.name, r.variant, round)
	if err != nil {
		return s, err
	}
	defer i.stop()
	if s, err = r.measure(ctx, b, i); err != nil {
		if !errors.Is(err, errNotResumed) {
			err = fmt.Errorf("%w\nit printed:\n%s", err, i.output())
		}
		return s, err
	}
	return s, b.dumpHeap(c, i, r.name, round)
}

// ready starts a proxy and has it prove that it does the job.
func (b *bench) ready(ctx context.Context, c *contender, name string, v variant, round int) (*instance, error) {
	var env []string
	if base, ok := b.profile(c, name, round); ok {
		env = []string{"SIDEGATE_PROFILE=" + base}
	}
	i, err := b.launch(ctx, c, v, filepath.Join(b.dir, fmt.Sprintf("%s-%s-%d", c.name, name, round)), env...)
	if err != nil {
		return nil, err
	}
	if err := b.check(ctx, i); err != nil {
		i.stop()
		return nil, fmt.Errorf("it does not do its job: %w\nit printed:\n%s", err, i.output())
	}
	return i, nil
}

// profile returns the path that the profiles of a turn begin with.
func (b *bench) profile(c *contender, name string, round int) (base string, ok bool) {
	return filepath.Join(b.profiles, fmt.Sprintf("%s-%d", name, round)), b.profiles != "" && c.name == "sidegate"
}

// dumpHeap has a proxy that is profiled write what is in its memory.
func (b *bench) dumpHeap(c *contender, i *instance, name string, round int) error {
	if base, ok := b.profile(c, name, round); ok {
		return i.dumpHeap(base + ".heap.prof")
	}
	return nil
}
