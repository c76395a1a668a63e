package certs_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/minica"
)

// running opens a Store and runs it until the test ends. Nothing may be left
// of it then.
func running(t *testing.T, files certs.Files, o certs.Options) *certs.Store {
	t.Helper()
	store, err := certs.Open(files, o)
	if err != nil {
		t.Fatal(texts(err))
	}
	run(t, store)
	return store
}

func run(t *testing.T, store *certs.Store) {
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- store.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("Run returned %v", err)
			}
		case <-time.After(5 * time.Second):
			t.Error("Run goes on after its context has ended")
		}
	})
}

func serves(store *certs.Store, c *minica.Cert) func() bool {
	return func() bool { return store.Current().Certificate.Leaf.Equal(c.Leaf) }
}

// promptly is the longest that a change of files may take to be in use where
// the kernel reports it. The goal is 1 s; a busy machine gets more.
const promptly = 3 * time.Second

// slowTick leaves it to the kernel's notices to find a change in time.
var slowTick = certs.Options{Interval: time.Hour}

func TestRotationsOfASecret(t *testing.T) {
	ca := root(t, "Root")
	m := mount(t, pair(issue(t, ca, "gate")).with("ca.crt", ca.PEM()))
	o := slowTick
	var log journal
	var seen []uint64
	o.Log = log.logger()
	o.Changed = func(b *certs.Bundle) { seen = append(seen, b.Generation) } // ordered by Run
	store := running(t, certs.Files{Certificate: m.Dir, CA: []string{m.Dir}}, o)
	// The first works everywhere; watches on files die before the second.
	for range 3 {
		next := issue(t, ca, "gate")
		remount(t, m, pair(next).with("ca.crt", ca.PEM()))
		if took := eventually(t, "the new certificate is served", serves(store, next)); took > promptly {
			t.Errorf("in use only after %s", took)
		} else {
			t.Logf("in use after %s", took)
		}
	}
	eventually(t, "three swaps are logged", func() bool { return len(log.with("certificates replaced")) == 3 })
	if len(seen) != 3 || seen[0] != 2 || seen[2] != 4 {
		t.Errorf("Changed was called for generations %d", seen)
	}
	if s := store.Status(); s.Reloads != 3 || s.Failures != 0 || s.Fault != nil || s.Polling || s.Bundle.Generation != 4 {
		t.Errorf("status %+v", s)
	}
	if line := log.with("certificates replaced")[0]; !strings.Contains(line, `"newGeneration"=2`) || !strings.Contains(line, `"oldSerial"`) || !strings.Contains(line, `"newNotAfter"`) {
		t.Errorf("the log line lacks something: %s", line)
	}
	if line := log.with("certificates replaced")[0]; !strings.Contains(line, `"newSubject"="CN=gate`) || !strings.Contains(line, `"oldSubject"="CN=gate`) {
		t.Errorf("the Subjects are not written as they are: %s", line)
	}
	if strings.Contains(log.String(), "PRIVATE") {
		t.Error("a key is in the log")
	}
}

func TestOnlyTheCAChanges(t *testing.T) {
	one, two := root(t, "One"), root(t, "Two")
	leaf := issue(t, one, "gate")
	m := mount(t, pair(leaf).with("ca.crt", one.PEM()))
	store := running(t, certs.Files{Certificate: m.Dir, CA: []string{m.Dir}}, slowTick)
	before := store.Current()
	remount(t, m, pair(leaf).with("ca.crt", two.PEM()))
	eventually(t, "the new CA is trusted", func() bool { return store.Current().Anchors[0].Equal(two.Leaf) })
	if store.Current().Trust == before.Trust {
		t.Error("another CA, but the same trust")
	}
	if !before.Anchors[0].Equal(one.Leaf) {
		t.Error("the Bundle of before has changed")
	}
}

func TestPlainFilesReplacedOneByOne(t *testing.T) {
	ca := root(t, "Root")
	for _, order := range [][]string{{"tls.key", "tls.crt"}, {"tls.crt", "tls.key"}} {
		t.Run(order[0]+" first", func(t *testing.T) {
			dir := plain(t, pair(issue(t, ca, "gate")))
			var log journal
			o := slowTick
			o.Log = log.logger()
			store := running(t, certs.Files{Certificate: dir}, o)
			old := store.Current()
			next := issue(t, ca, "gate")

			replace(t, dir, order[0], pair(next))
			eventually(t, "the half is refused", func() bool { return store.Status().Fault != nil })
			if store.Current() != old {
				t.Error("half a pair replaced the certificate")
			}
			replace(t, dir, order[1], pair(next))
			eventually(t, "the new certificate is served", serves(store, next))
			if s := store.Status(); s.Fault != nil || !s.FaultSince.IsZero() || s.Failures != 1 {
				t.Errorf("status %+v", s)
			}
		})
	}
}

// replace renames a new file into place, as careful writers do.
func replace(t *testing.T, dir, name string, f folder) {
	t.Helper()
	temporary := filepath.Join(dir, name+".new")
	if err := os.WriteFile(temporary, f[name], 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(temporary, filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
}

func TestBrokenSecretChangesNothing(t *testing.T) {
	ca := root(t, "Root")
	good, next := issue(t, ca, "gate"), issue(t, ca, "next")
	intact := pair(good).with("ca.crt", ca.PEM())
	for _, test := range []struct {
		name   string
		secret folder
		says   string
	}{
		{"mismatched", intact.with("tls.key", next.KeyPEM()), certs.CodeKeyMismatch},
		{"only the certificate renewed", intact.with("tls.crt", next.PEM()), "in use at present"},
		{"truncated", intact.with("tls.crt", good.PEM()[:100]), certs.CodeBrokenPEM},
		{"empty", folder{"tls.crt": nil, "tls.key": nil, "ca.crt": nil}, certs.CodeEmpty},
		{"without CA", pair(good), certs.CodeCAEmpty},
		{"without anything", folder{}, certs.CodeMissing},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			m := mount(t, intact)
			var log journal
			store := running(t, certs.Files{Certificate: m.Dir, CA: []string{m.Dir}}, certs.Options{Log: log.logger(), Interval: 10 * time.Millisecond})
			old := store.Current()

			remount(t, m, test.secret)
			eventually(t, "the fault shows", func() bool { return store.Status().Fault != nil })
			since := store.Status().FaultSince
			looks(t)
			s := store.Status()
			if s.Bundle != old || s.Reloads != 0 || s.Failures != 1 || s.FaultSince != since || since.IsZero() {
				t.Errorf("status %+v", s)
			}
			faults := log.with("certificates cannot be used")
			if len(faults) != 1 || !strings.Contains(faults[0], test.says) {
				t.Errorf("want one line that says %q:\n%s", test.says, &log)
			}

			remount(t, m, intact)
			eventually(t, "the fault is over", func() bool { return store.Status().Fault == nil })
			if s := store.Status(); s.Bundle != old || s.Reloads != 0 {
				t.Errorf("mounting the same again: %+v", s)
			}
		})
	}
}

// looks lets a Store with an interval of 10 ms look a few times more. There is
// no event to wait for: nothing is to happen.
func looks(t *testing.T) {
	t.Helper()
	select {
	case <-time.After(100 * time.Millisecond):
	case <-t.Context().Done():
	}
}

// Whoever tries a configuration opens its files, and may have to drop them.
func TestOddThingsAreLoggedWhenABundleIsInUse(t *testing.T) {
	ca := root(t, "Root")
	m := mount(t, folder{"ca.crt": join(ca.PEM(), issue(t, ca, "leaf").PEM())})
	var log journal
	o := slowTick
	o.Log = log.logger()
	store, err := certs.Open(certs.Files{CA: []string{m.Dir}}, o)
	if err != nil {
		t.Fatal(texts(err))
	}
	if log.String() != "" {
		t.Errorf("Open logs:\n%s", &log)
	}
	oddities := func(n int) func() bool {
		return func() bool { return len(log.with("certificate warning")) == n }
	}
	run(t, store)
	eventually(t, "the oddity is logged", oddities(1))
	remount(t, m, folder{"ca.crt": ca.PEM(), "own.crt": ca.PEM(), "own.key": ca.KeyPEM()})
	eventually(t, "that of the new files is logged", oddities(2))
	if line := log.with("own.crt"); len(line) != 1 || !strings.Contains(line[0], `"generation"=2`) {
		t.Errorf("log:\n%s", &log)
	}
}

func TestOpenWaitsForASecret(t *testing.T) {
	leaf := issue(t, root(t, "Root"), "gate")
	m := minica.Mount{Dir: filepath.Join(t.TempDir(), "not", "there", "yet")}
	var log journal
	opened := make(chan error, 1)
	var store *certs.Store
	go func() {
		var err error
		store, err = certs.OpenWait(t.Context(), certs.Files{Certificate: m.Dir}, certs.Options{Log: log.logger()}, time.Minute)
		opened <- err
	}()
	eventually(t, "the waiting is logged", func() bool { return len(log.with("waiting for certificates")) == 1 })
	remount(t, m, folder{"tls.crt": leaf.ChainPEM()})
	remount(t, m, pair(leaf))
	if err := <-opened; err != nil {
		t.Fatal(texts(err))
	}
	if !serves(store, leaf)() || len(log.with("waiting")) != 1 {
		t.Errorf("log:\n%s", &log)
	}
}

func TestOpenWaitGivesUp(t *testing.T) {
	dir := t.TempDir()
	store, err := certs.OpenWait(t.Context(), certs.Files{Certificate: dir}, certs.Options{}, 10*time.Millisecond)
	if store != nil || len(certs.Faults(err)) != 2 {
		t.Errorf("after the wait: store %v, error %v", store, err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	_, err = certs.OpenWait(ctx, certs.Files{Certificate: dir}, certs.Options{}, time.Minute)
	if !errors.Is(err, context.Canceled) || len(certs.Faults(err)) == 0 {
		t.Errorf("of a context that has ended: %v", err)
	}
}

func TestCurrentDoesNotAllocate(t *testing.T) {
	store, err := certs.Open(certs.Files{Certificate: plain(t, pair(issue(t, root(t, "Root"), "gate")))}, certs.Options{})
	if err != nil {
		t.Fatal(texts(err))
	}
	var b *certs.Bundle
	if n := testing.AllocsPerRun(100, func() { b = store.Current() }); n != 0 || b == nil {
		t.Errorf("%v allocations", n)
	}
}
