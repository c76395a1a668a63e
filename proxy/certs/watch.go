package certs

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// The rhythm of watching.
const (
	defaultInterval = 10 * time.Second
	// quiet is how long nothing must happen before files are read, longest how
	// long a storm of notices may put that off: a kubelet makes a dozen notices
	// of one change, all within a few milliseconds.
	quiet   = 50 * time.Millisecond
	longest = 500 * time.Millisecond
	// poll is the time between two looks without the kernel's help, and
	// retryAfter how many of them pass before that help is asked for again.
	poll       = time.Second
	retryAfter = 30
)

// Watch calls changed whenever something in the directories of paths might have
// changed, and returns nil when ctx is done. It calls changed once at the
// start; calling it too often is harmless, so what is only possibly a change
// counts as one.
//
// A path is a file or a directory, and need not exist yet. Watch watches
// directories, never files: a mounted Secret is replaced through a link, and a
// watch on the file dies with the old one. It waits for a moment without
// notices, but not for long, and looks every interval as well (0 means 10 s),
// because notices get lost and network file systems send none.
//
// All containers of one user id share 128 inotify instances on a node. If none
// is to be had, that is no error: Watch calls polling(true), looks every
// second, and now and then tries again; polling(false) follows when it has
// one. Neither function is ever called concurrently, and nothing that Watch
// started is left when it returns.
func Watch(ctx context.Context, paths []string, interval time.Duration, polling func(bool), changed func()) error {
	w := &watch{paths: paths, interval: interval, polling: polling, changed: changed, open: fsnotify.NewWatcher}
	return w.run(ctx)
}

type watch struct {
	paths    []string
	interval time.Duration
	polling  func(bool)
	changed  func()
	open     func() (*fsnotify.Watcher, error) // fsnotify.NewWatcher, but in tests

	kernel  *fsnotify.Watcher // nil while polling
	polls   int               // left before the kernel is asked again
	blind   bool              // what polling was last told
	watched []string          // directories in which everything counts
}

func (w *watch) run(ctx context.Context) error {
	if w.interval <= 0 {
		w.interval = defaultInterval
	}
	w.paths = slices.Clone(w.paths)
	for i, p := range w.paths {
		if absolute, err := filepath.Abs(p); err == nil {
			w.paths[i] = absolute
		}
	}
	defer w.drop()
	for ctx.Err() == nil {
		// In this order: what changes after the look is noticed.
		w.attach()
		w.tell()
		w.changed()
		w.wait(ctx)
	}
	return nil
}

// tell reports a change between notices and polling.
func (w *watch) tell() {
	if blind := w.kernel == nil; blind != w.blind {
		w.blind = blind
		w.polling(blind)
	}
}

func (w *watch) drop() {
	if w.kernel != nil {
		w.kernel.Close()
		w.kernel = nil
	}
}

// attach brings the watches in line with the directories that exist now.
func (w *watch) attach() {
	if w.kernel == nil {
		if w.polls > 0 {
			w.polls--
			return
		}
		kernel, err := w.open()
		if err != nil {
			w.polls = retryAfter
			return
		}
		w.kernel = kernel
	}
	// A directory that appears while its parent is being added would be
	// missed; so look again until nothing is new. The tick has the last word.
	const looks = 5
	var before []string
	for range looks {
		all := w.add()
		if w.kernel == nil || slices.Equal(all, before) {
			return
		}
		before = all
	}
}

// add watches every directory of interest, and only these. Adding one that is
// watched already costs nothing, and follows a directory that was replaced.
func (w *watch) add() (all []string) {
	var parents []string
	w.watched = nil
	for _, p := range w.paths {
		inside, above := directories(p)
		w.watched = append(w.watched, inside...)
		parents = append(parents, above...)
	}
	for _, dir := range w.watched {
		if err := w.kernel.Add(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			w.drop()
			w.polls = retryAfter
			return nil
		}
	}
	for _, dir := range parents {
		// A parent matters only if the directory itself is replaced, and may
		// be closed to us: the tick must do.
		_ = w.kernel.Add(dir)
	}
	all = append(slices.Clone(w.watched), parents...)
	for _, dir := range w.kernel.WatchList() {
		if !slices.Contains(all, dir) {
			_ = w.kernel.Remove(dir) // gone by itself, otherwise
		}
	}
	return all
}

// directories returns the directories in which any change matters to path, and
// those in which only the appearance of something on the way to path does.
func directories(path string) (inside, above []string) {
	if volume, link := volumeOf(path); link != "" {
		return []string{volume}, []string{filepath.Dir(volume)}
	}
	if isDir(path) {
		return []string{path}, []string{filepath.Dir(path)}
	}
	dir := filepath.Dir(path)
	if !isDir(dir) {
		for !isDir(dir) && dir != filepath.Dir(dir) {
			dir = filepath.Dir(dir)
		}
		return nil, []string{dir}
	}
	inside = []string{dir}
	// A link to a file elsewhere, as certificate tools keep them.
	if real, err := filepath.EvalSymlinks(path); err == nil && filepath.Dir(real) != dir {
		inside = append(inside, filepath.Dir(real))
	}
	return inside, []string{filepath.Dir(dir)}
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// matters reports whether a notice about name is about our paths. The parents
// are often busy places, such as /tmp.
func (w *watch) matters(name string) bool {
	name = filepath.Clean(name)
	if slices.Contains(w.watched, name) || slices.Contains(w.watched, filepath.Dir(name)) {
		return true
	}
	return slices.ContainsFunc(w.paths, func(p string) bool {
		return p == name || strings.HasPrefix(p, name+string(filepath.Separator))
	})
}

// wait returns when it is time to look again.
func (w *watch) wait(ctx context.Context) {
	if w.kernel == nil {
		pause(ctx, min(poll, w.interval))
		return
	}
	tick := time.NewTimer(w.interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			return
		case err, ok := <-w.kernel.Errors:
			w.lost(ctx, err, ok)
			return
		case event, ok := <-w.kernel.Events:
			if !ok {
				w.lost(ctx, nil, false)
				return
			}
			if w.matters(event.Name) {
				w.settle(ctx)
				return
			}
		}
	}
}

// lost deals with an error of the kernel's: notices were lost, so anything may
// have changed. Only an overflow leaves a watcher that is worth keeping.
func (w *watch) lost(ctx context.Context, err error, open bool) {
	if open && errors.Is(err, fsnotify.ErrEventOverflow) {
		w.settle(ctx)
		return
	}
	w.drop()
	w.polls = retryAfter
}

// settle waits until no notice came for a while, but not for ever.
func (w *watch) settle(ctx context.Context) {
	end := time.NewTimer(longest)
	defer end.Stop()
	still := time.NewTimer(quiet)
	defer still.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-end.C:
			return
		case <-still.C:
			return
		case event, ok := <-w.kernel.Events:
			if !ok {
				return
			}
			if w.matters(event.Name) {
				still.Reset(quiet)
			}
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
