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

// PutOff lets the revocation lists have been read this much later than they were.
func (s *Store) PutOff(d time.Duration) {
	for path, kept := range s.lists {
		kept.read = kept.read.Add(d)
		s.lists[path] = kept
	}
}

// Settled says whether a file that was modified and changed at these times, and read
// then, may be taken for unchanged while they stay.
func Settled(modified, changed, read time.Time) bool {
	return identity{inode: 1, modified: modified.UnixNano(), changed: changed.UnixNano()}.settled(read)
}

// MaxListFile is the bound of one file of revocation lists.
const MaxListFile = maxListFile
