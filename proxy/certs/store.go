package certs

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/go-logr/logr"
)

// Options are what a Store needs beyond the place of its files. The zero
// Options are good: clientAuth, a look every 10 s, no log.
type Options struct {
	Usage Usage
	// CRLPolicy says what becomes of the clients of a CA without a fresh revocation
	// list. It counts only where Files.CRL names any.
	CRLPolicy CRLPolicy
	// CRLGrace is how long a list still counts after its nextUpdate, under
	// [CRLWhenAvailable] only.
	CRLGrace time.Duration
	// Before is the Bundle whose place the Store takes, if there is one: a revocation
	// list older than one of its is refused.
	Before *Bundle
	// Interval is the time between two looks at the files when nothing was
	// reported by the kernel. 0 means 10 s.
	Interval time.Duration
	// Changed is called after each swap, never concurrently, and before the
	// swap is logged as done. It may be nil.
	Changed func(*Bundle)
	Log     logr.Logger
}

// A Store holds the Bundle in use and replaces it when the files change.
type Store struct {
	files   Files
	options Options
	open    func() (*fsnotify.Watcher, error)
	current atomic.Pointer[Bundle]

	// Of the one goroutine that reads files: Open's, then Run's.
	serving [sha256.Size]byte // digest of the files the Bundle is made of
	refused [sha256.Size]byte // digest of the files refused last
	lists   shelf             // the revocation lists of the last reading
	expiry  expiry

	mu     sync.Mutex // guards what follows
	status Status     // but for Bundle
}

// Status is a snapshot of a Store's counters for metrics and the status page.
type Status struct {
	Bundle     *Bundle
	Reloads    uint64    // swaps since Open
	Failures   uint64    // contents refused since Open, each counted once
	Fault      error     // why what is mounted is not served, a join of [*Fault]s; nil when it is
	FaultSince time.Time // when that began
	Polling    bool      // the kernel's notices are not to be had; looking every second instead
}

// Open reads the files once and returns a Store serving what it found. The
// Store does not notice changes until [Store.Run] is called, and logs nothing:
// whoever only tries files may drop it again. What cannot be used is an error
// that joins every [*Fault].
func Open(files Files, o Options) (*Store, error) {
	s := &Store{files: files, options: o, open: fsnotify.NewWatcher}
	m := files.read(&s.lists, o.Before)
	b, err := parse(m, o, time.Now(), nil)
	if err != nil {
		return nil, err
	}
	s.options.Before = nil // it may be large
	s.serving = m.sum
	s.current.Store(b)
	return s, nil
}

// OpenWait is Open for files that may appear after the process: while they are
// missing or unusable it logs that, once, and watches them until wait is over.
// Then the error is that of the last reading. If ctx ends first, the error
// joins that of ctx.
func OpenWait(ctx context.Context, files Files, o Options, wait time.Duration) (*Store, error) {
	s, err := Open(files, o)
	if err == nil || wait <= 0 {
		return s, err
	}
	o.Log.Info("waiting for certificates", "seconds", wait.Seconds(), "faults", lines(err))
	limit, stop := context.WithTimeout(ctx, wait)
	defer stop()
	again := func() {
		if s, err = Open(files, o); err == nil {
			stop()
		}
	}
	// Somebody waits for the answer: look each second at least.
	_ = Watch(limit, files.paths(), poll, func(bool) {}, again)
	if err != nil && ctx.Err() != nil {
		return nil, fmt.Errorf("waiting for certificates: %w: %w", ctx.Err(), err)
	}
	return s, err
}

// Current returns the Bundle in use. It never returns nil, never blocks and
// does not allocate.
func (s *Store) Current() *Bundle { return s.current.Load() }

// Run follows the files until ctx is done and then returns nil. It logs the
// Warnings of the Bundle in use, and those of each that replaces it. What cannot
// be used is logged once and counted, and the Bundle in use stays in use. Run
// must be called at most once.
func (s *Store) Run(ctx context.Context) error {
	s.oddities(s.Current())
	w := &watch{paths: s.files.paths(), interval: s.options.Interval, polling: s.polling, changed: s.reload, open: s.open}
	return w.run(ctx)
}

// Status tells how the Store stands.
func (s *Store) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	status := s.status
	status.Bundle = s.Current()
	return status
}

func (s *Store) polling(on bool) {
	s.mu.Lock()
	s.status.Polling = on
	s.mu.Unlock()
	if on {
		s.options.Log.Info("no notices of file changes, looking every second instead: the node may be out of inotify instances or watches")
		return
	}
	s.options.Log.Info("notices of file changes are back")
}

// reload reads the files and does what they ask for. A fault that stands is
// looked at again each time, even when no file changed: a certificate that was
// not valid yet becomes valid.
func (s *Store) reload() {
	now := time.Now()
	m := s.files.read(&s.lists, s.Current())
	if m.sum == s.serving {
		s.mend()
		s.expiry.look(s.options.Log, s.Current(), now)
		return
	}
	b, err := parse(m, s.options, now, s.Current())
	if err != nil {
		s.refuse(m.sum, err, now)
	} else {
		s.swap(m.sum, b)
	}
	s.expiry.look(s.options.Log, s.Current(), now)
}

// swap puts b in use.
func (s *Store) swap(sum [sha256.Size]byte, b *Bundle) {
	old := s.current.Swap(b)
	s.serving = sum
	s.mu.Lock()
	s.status.Reloads++
	s.status.Fault, s.status.FaultSince = nil, time.Time{}
	s.mu.Unlock()
	s.refused = [sha256.Size]byte{}
	if s.options.Changed != nil {
		s.options.Changed(b)
	}
	s.options.Log.Info("certificates replaced", append(fields("new", b), fields("old", old)...)...)
	s.oddities(b)
}

func (s *Store) oddities(b *Bundle) {
	for _, w := range b.Warnings {
		s.options.Log.Info("certificate warning", "generation", b.Generation, "warning", w)
	}
}

// refuse keeps the Bundle in use. The same content is counted once, the same
// fault of the same content logged once.
func (s *Store) refuse(sum [sha256.Size]byte, err error, now time.Time) {
	s.mu.Lock()
	known := sum == s.refused && s.status.Fault != nil
	same := known && s.status.Fault.Error() == err.Error()
	if !known {
		s.status.Failures++
	}
	if s.status.Fault == nil {
		s.status.FaultSince = now
	}
	s.status.Fault = err
	s.mu.Unlock()
	s.refused = sum
	if !same {
		s.options.Log.Error(nil, "certificates cannot be used, keeping the ones in use", append(
			[]any{"faults", lines(err)}, fields("used", s.Current())...)...)
	}
}

// mend ends a fault: what is mounted is what is in use again.
func (s *Store) mend() {
	s.mu.Lock()
	faulty := s.status.Fault != nil
	s.status.Fault, s.status.FaultSince = nil, time.Time{}
	s.mu.Unlock()
	s.refused = [sha256.Size]byte{}
	if faulty {
		s.options.Log.Info("the certificates in use are mounted again", "generation", s.Current().Generation)
	}
}
