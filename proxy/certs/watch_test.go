package certs_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/minica"
)

// A watched counts the calls of changed.
type watched struct {
	calls   atomic.Int64
	polling atomic.Bool
}

func watching(t *testing.T, open func() (*fsnotify.Watcher, error), interval time.Duration, paths ...string) *watched {
	t.Helper()
	w := &watched{}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		certs.WatchWith(ctx, open, paths, interval, w.polling.Store, func() { w.calls.Add(1) })
	}()
	t.Cleanup(func() { stop(); <-ended })
	return w
}

// notices waits until changed is called after do.
func (w *watched) notices(t *testing.T, what string, do func()) {
	t.Helper()
	before := w.calls.Load()
	do()
	if took := eventually(t, "notice of "+what, func() bool { return w.calls.Load() > before }); took > promptly {
		t.Errorf("%s noticed only after %s", what, took)
	}
}

// settled waits for the calls of what was done so far.
func (w *watched) settled(t *testing.T) {
	t.Helper()
	for last := int64(-1); last != w.calls.Load(); {
		last = w.calls.Load()
		select {
		case <-time.After(150 * time.Millisecond):
		case <-t.Context().Done():
		}
	}
}

func TestWatchFollowsDirectoriesThatComeAndGo(t *testing.T) {
	for _, below := range []string{"a/b/tls.crt", "a/b"} {
		t.Run(below, func(t *testing.T) {
			t.Parallel()
			base := t.TempDir()
			dir, file := filepath.Join(base, "a", "b"), filepath.Join(base, "a", "b", "tls.crt")
			do := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			w := watching(t, fsnotify.NewWatcher, time.Hour, filepath.Join(base, below))
			eventually(t, "the first call", func() bool { return w.calls.Load() == 1 })
			for _, step := range []struct {
				what string
				do   func()
			}{
				{"the directory above", func() { do(os.Mkdir(filepath.Join(base, "a"), 0o755)) }},
				{"the directory", func() { do(os.Mkdir(dir, 0o755)) }},
				{"a file", func() { do(os.WriteFile(file, nil, 0o600)) }},
				{"content", func() { do(os.WriteFile(file, []byte("x"), 0o600)) }},
				{"the directory moved away", func() { do(os.Rename(dir, filepath.Join(base, "a", "old"))) }},
				{"a new directory", func() { do(os.Mkdir(dir, 0o755)) }},
				{"a file in it", func() { do(os.WriteFile(file, nil, 0o600)) }},
				{"all of it removed", func() { do(os.RemoveAll(filepath.Join(base, "a"))) }},
			} {
				w.settled(t)
				w.notices(t, step.what, step.do)
			}
		})
	}
}

func TestWatchFollowsALinkToAFileElsewhere(t *testing.T) {
	archive, live := t.TempDir(), t.TempDir()
	real, link := filepath.Join(archive, "cert1.pem"), filepath.Join(live, "cert.pem")
	if err := errors.Join(os.WriteFile(real, nil, 0o600), os.Symlink(real, link)); err != nil {
		t.Fatal(err)
	}
	w := watching(t, fsnotify.NewWatcher, time.Hour, link)
	eventually(t, "the first call", func() bool { return w.calls.Load() == 1 })
	w.notices(t, "content elsewhere", func() {
		if err := os.WriteFile(real, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	})
}

func TestWatchFollowsADirectoryBelowAVolume(t *testing.T) {
	ca := root(t, "Root")
	dir := besideAVolume(t, pair(issue(t, ca, "gate")))
	for name, files := range map[string]certs.Files{
		"a directory": {Certificate: dir},
		"files":       {Certificate: filepath.Join(dir, "tls.crt"), Key: filepath.Join(dir, "tls.key")},
	} {
		store := running(t, files, slowTick)
		next := issue(t, ca, "gate")
		replace(t, dir, "tls.key", pair(next))
		replace(t, dir, "tls.crt", pair(next))
		if took := eventually(t, "the new certificate is served", serves(store, next)); took > promptly {
			t.Errorf("%s: in use only after %s", name, took)
		}
	}
}

// A kubelet links a new key of a Secret only after it has swapped ..data.
func TestWatchFollowsAFileThatIsNotInTheVolumeYet(t *testing.T) {
	ca := root(t, "Root")
	m := mount(t, folder{"other": nil})
	w := watching(t, fsnotify.NewWatcher, time.Hour, filepath.Join(m.Dir, "ca.crt"))
	eventually(t, "the first call", func() bool { return w.calls.Load() == 1 })
	w.notices(t, "the file", func() { remount(t, m, folder{"ca.crt": ca.PEM()}) })
}

func TestNoiseInTheParentIsNotAChange(t *testing.T) {
	base := t.TempDir()
	m := minica.Mount{Dir: filepath.Join(base, "mount")}
	remount(t, m, folder{"ca.crt": []byte("1")})
	w := watching(t, fsnotify.NewWatcher, time.Hour, m.Dir)
	eventually(t, "the first call", func() bool { return w.calls.Load() == 1 })
	for range 20 {
		if err := os.WriteFile(filepath.Join(base, "noise"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.settled(t)
	if n := w.calls.Load(); n != 1 {
		t.Errorf("%d calls for a neighbour of the directory", n-1)
	}
	w.notices(t, "a swap", func() { remount(t, m, folder{"ca.crt": []byte("2")}) })
}

func TestStormOfNoticesDoesNotPutTheReloadOff(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := watching(t, fsnotify.NewWatcher, time.Hour, dir)
	eventually(t, "the first call", func() bool { return w.calls.Load() == 1 })
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond): // less than the quiet that is waited for
				os.WriteFile(filepath.Join(dir, "x"), nil, 0o600)
			}
		}
	}()
	eventually(t, "calls during the storm", func() bool { return w.calls.Load() >= 3 })
	close(stop)
	<-stopped
}

func TestLostNoticesCountAsAChange(t *testing.T) {
	opened := make(chan *fsnotify.Watcher, 2)
	open := func() (*fsnotify.Watcher, error) {
		kernel, err := fsnotify.NewWatcher()
		opened <- kernel
		return kernel, err
	}
	w := watching(t, open, time.Hour, t.TempDir())
	kernel := <-opened
	eventually(t, "the first call", func() bool { return w.calls.Load() == 1 })
	w.notices(t, "an overflow", func() { kernel.Errors <- fsnotify.ErrEventOverflow })
	if w.polling.Load() {
		t.Error("polling after an overflow")
	}
	w.notices(t, "a failure", func() { kernel.Errors <- errors.New("input/output error") })
	eventually(t, "polling after a failure", w.polling.Load)
}

func TestWatchLeavesNothingBehind(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 20 {
		ctx, stop := context.WithCancel(t.Context())
		if err := certs.Watch(ctx, []string{t.TempDir()}, 0, func(bool) {}, stop); err != nil {
			t.Fatal(err)
		}
	}
	// A goroutine that has said its last word may still be on its way out.
	eventually(t, "as few goroutines as before", func() bool { return runtime.NumGoroutine() <= before })
}

func TestPollingWhereTheKernelDoesNotHelp(t *testing.T) {
	t.Parallel()
	ca := root(t, "Root")
	m := mount(t, pair(issue(t, ca, "gate")))
	var log journal
	store, err := certs.Open(certs.Files{Certificate: m.Dir}, certs.Options{Log: log.logger()})
	if err != nil {
		t.Fatal(texts(err))
	}
	store.UseWatcher(noWatcher)
	run(t, store)
	eventually(t, "Status tells of polling", func() bool { return store.Status().Polling })
	next := issue(t, ca, "gate")
	remount(t, m, pair(next))
	eventually(t, "the new certificate is served", serves(store, next))
	if n := len(log.with("no notices of file changes")); n != 1 {
		t.Errorf("polling is logged %d times", n)
	}
}

func TestPollingAsksTheKernelAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		w := watching(t, func() (*fsnotify.Watcher, error) { asked++; return noWatcher() }, 10*time.Second, "/nowhere")
		time.Sleep(95 * time.Second)
		synctest.Wait()
		if n := w.calls.Load(); n < 90 || n > 100 {
			t.Errorf("looked %d times in 95 s", n)
		}
		if asked < 3 || asked > 5 {
			t.Errorf("asked the kernel %d times in 95 s", asked)
		}
		if !w.polling.Load() {
			t.Error("not polling")
		}
	})
}

func TestPollingEndsWhenTheKernelHelpsAgain(t *testing.T) {
	t.Parallel()
	var failed atomic.Bool
	open := func() (*fsnotify.Watcher, error) {
		if failed.CompareAndSwap(false, true) {
			return noWatcher()
		}
		return fsnotify.NewWatcher()
	}
	dir := t.TempDir()
	w := watching(t, open, 10*time.Millisecond, dir) // polls each 10 ms, so 30 polls are soon over
	eventually(t, "notices are back", func() bool { return failed.Load() && w.calls.Load() > 30 && !w.polling.Load() })
}
