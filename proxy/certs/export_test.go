package certs

import (
	"context"
	"time"

	"github.com/fsnotify/fsnotify"
)

// UseWatcher makes s ask open for the kernel's notices.
func (s *Store) UseWatcher(open func() (*fsnotify.Watcher, error)) { s.open = open }

// Look reads the files once, as Run does at each tick.
func (s *Store) Look() { s.reload() }

// WatchWith is Watch with another source of the kernel's notices.
func WatchWith(ctx context.Context, open func() (*fsnotify.Watcher, error), paths []string, interval time.Duration, polling func(bool), changed func()) error {
	w := &watch{paths: paths, interval: interval, polling: polling, changed: changed, open: open}
	return w.run(ctx)
}

// PassedSteps is the arithmetic of the announcements of expiry.
var PassedSteps = passedSteps

// Denied words a missing permission.
var Denied = denied

// Remembered returns how many intermediates b remembers.
func (b *Bundle) Remembered() int {
	b.remembered.mu.RLock()
	defer b.remembered.mu.RUnlock()
	return len(b.remembered.sums)
}

// Proven returns how many clients b remembers.
func (b *Bundle) Proven() int {
	b.proven.mu.Lock()
	defer b.proven.mu.Unlock()
	return len(b.proven.clients)
}

// ForgetProven makes b verify every client anew, each time.
func (b *Bundle) ForgetProven() { b.proven = nil }

// MaxProven is how many clients a Bundle remembers.
const MaxProven = maxProven
