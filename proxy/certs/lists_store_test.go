package certs_test

import (
	"math/big"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/minica"
)

// bulky is a list of about so many octets, valid now.
func bulky(t *testing.T, ca *minica.CA, octets int, n byte) (der []byte, revoked int) {
	t.Helper()
	content, revoked := largeList(octets)
	d := newDraft(ca)
	d.thisUpdate = element(0x17, []byte(time.Now().Add(-time.Hour).UTC().Format("060102150405Z")))
	d.nextUpdate = element(0x17, []byte(time.Now().Add(day).UTC().Format("060102150405Z")))
	d.entries, d.extensions = element(0x30, content), extensions(number(n))
	return d.sign(t, ca), revoked
}

// A list may be large and is looked at every ten seconds.
func TestAnUnchangedListIsNotReadAgain(t *testing.T) {
	ca := root(t, "Root")
	octets := 20 << 20
	if testing.Short() || underRace {
		octets = 2 << 20
	}
	first, _ := bulky(t, ca, octets, 1)
	second, _ := bulky(t, ca, octets, 2)
	dir := plain(t, folder{"ca.pem": ca.PEM(), "root.crl": first})
	path := filepath.Join(dir, "root.crl")
	store, err := certs.Open(certs.Files{CA: []string{filepath.Join(dir, "ca.pem")}, CRL: []string{path}}, certs.Options{})
	if err != nil {
		t.Fatal(texts(err))
	}
	tick := func() uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		store.Look()
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	if n := tick(); n < uint64(len(first)) {
		t.Errorf("a file that has just been written is taken for unchanged: %d octets", n)
	}
	store.PutOff(time.Minute)
	if n := tick(); n > 128<<10 {
		t.Errorf("a look at an unchanged list takes %d octets", n)
	}
	if store.Current().Generation != 1 {
		t.Error("a new generation without a change")
	}
	overwrite(t, path, second)
	store.Look()
	if b := store.Current(); b.Generation != 2 || b.CRLs[0].Number.Int64() != 2 {
		t.Errorf("generation %d with list %s: the change was not seen", b.Generation, b.CRLs[0].Number)
	}
}

// overwrite changes a file in place, and gives it back its time, as cp -p would.
func overwrite(t *testing.T, path string, data []byte) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
}

// A kubelet writes every file anew when one changes.
func TestAListIsSharedBetweenGenerations(t *testing.T) {
	ca := root(t, "Root")
	all := pair(issue(t, ca, "gate")).with("ca.crt", ca.PEM()).with("root.crl", crlPEM(numbered(t, ca, 1)))
	m := mount(t, all)
	store, err := certs.Open(certs.Files{Certificate: m.Dir, CA: []string{m.Dir}, CRL: []string{m.Dir}}, certs.Options{})
	if err != nil {
		t.Fatal(texts(err))
	}
	before := store.Current()
	next := issue(t, ca, "gate")
	remount(t, m, all.with("tls.crt", next.ChainPEM()).with("tls.key", next.KeyPEM()))
	store.Look()
	after := store.Current()
	if after.Generation != 2 || after.CRLs[0] != before.CRLs[0] {
		t.Errorf("generation %d parsed the same list again", after.Generation)
	}
	if after.Trust != before.Trust {
		t.Error("another certificate of our own, and another trust")
	}
}

// What is wrong with a list changes nothing, and a newer list mends it.
func TestABadListChangesNothing(t *testing.T) {
	ca := root(t, "Root")
	client := issue(t, ca, "client")
	dir := plain(t, folder{"ca.pem": ca.PEM()})
	lists := plain(t, folder{"root.crl": numbered(t, ca, 5)})
	var log journal
	o := slowTick
	o.Log = log.logger()
	store := running(t, certs.Files{CA: []string{filepath.Join(dir, "ca.pem")}, CRL: []string{lists}}, o)
	first := store.Current()
	verdict := func() string {
		_, err := store.Current().Verify(presented(client), time.Now())
		return reason(t, err)
	}
	for _, bad := range [][]byte{numbered(t, ca, 4), numbered(t, root(t, "Root"), 6), []byte("<html>")} {
		failures := store.Status().Failures
		replace(t, lists, "root.crl", folder{"root.crl": bad})
		eventually(t, "the list is refused", func() bool { return store.Status().Failures > failures })
		if store.Current() != first || verdict() != "ok" {
			t.Errorf("a bad list was taken into use: %s", verdict())
		}
	}
	replace(t, lists, "root.crl", folder{"root.crl": numbered(t, ca, 6, client.Leaf)})
	eventually(t, "the new list is in use", func() bool { return store.Current() != first })
	if got := verdict(); got != certs.ReasonRevoked || store.Status().Fault != nil {
		t.Errorf("%s, %+v", got, store.Status())
	}
	eventually(t, "the swap is logged", func() bool { return len(log.with("certificates replaced")) == 1 })
	line := log.with("certificates replaced")[0]
	for _, want := range []string{`"newCRLs"`, `"oldCRLs"`, "number 6", "number 5", "entries 1", "nextUpdate 20"} {
		if !strings.Contains(line, want) {
			t.Errorf("the line lacks %s: %s", want, line)
		}
	}
}

// Who forges a list of a CA that is no anchor, with a number that no real one will
// reach, must not keep the real ones out.
func TestOnlyAProvedListHoldsUpAnOlderOne(t *testing.T) {
	w := newRevoking(t)
	dir := plain(t, folder{"ca.pem": w.root.PEM(), "issuing.crl": numbered(t, w.renamed(w.issuing, w.issuing.Leaf.SubjectKeyId), 99)})
	store, err := certs.Open(certs.Files{CA: []string{filepath.Join(dir, "ca.pem")}, CRL: []string{filepath.Join(dir, "issuing.crl")}}, certs.Options{})
	if err != nil {
		t.Fatal(texts(err))
	}
	for _, step := range []struct {
		number int64
		want   string
	}{{5, ""}, {4, "crl-rollback issuing.crl"}, {6, ""}} {
		if _, err := store.Current().Verify(w.shown, time.Now()); err != nil {
			t.Error(err)
		}
		folder{"issuing.crl": numbered(t, w.issuing, step.number)}.write(t, dir)
		store.Look()
		if got := strings.Join(codes(t, store.Status().Fault, dir), " "); got != step.want {
			t.Errorf("list %d: %q, want %q", step.number, got, step.want)
		}
	}
}

func TestAListIsTakenIntoUseWhenItsTimeComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := root(t, "Root")
		dir := plain(t, folder{"ca.pem": ca.PEM(), "root.crl": numbered(t, ca, 1)})
		files := certs.Files{CA: []string{filepath.Join(dir, "ca.pem")}, CRL: []string{filepath.Join(dir, "root.crl")}}
		store, err := certs.Open(files, certs.Options{})
		if err != nil {
			t.Fatal(texts(err))
		}
		early := must[[]byte](t)(ca.CRL(minica.CRLOptions{Number: 2, ThisUpdate: time.Now().Add(time.Minute)}))
		folder{"root.crl": early}.write(t, dir)
		store.Look()
		if s := store.Status(); s.Fault == nil || certs.Faults(s.Fault)[0].Code != certs.CodeCRLNotYetValid {
			t.Errorf("a minute early: %v", s.Fault)
		}
		time.Sleep(time.Minute)
		store.Look()
		if s := store.Status(); s.Fault != nil || s.Bundle.CRLs[0].Number.Int64() != 2 {
			t.Errorf("in time: %v, list %s", s.Fault, s.Bundle.CRLs[0].Number)
		}
	})
}

func TestTheEndOfAListIsAnnouncedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := must[*minica.CA](t)(minica.New(minica.Options{Subject: "CN=Root", NotAfter: time.Now().Add(365 * day)}))
		der := must[[]byte](t)(ca.CRL(minica.CRLOptions{ThisUpdate: time.Now(), NextUpdate: time.Now().Add(100 * time.Hour)}))
		dir := plain(t, folder{"ca.pem": ca.PEM(), "root.crl": der})
		files := certs.Files{CA: []string{filepath.Join(dir, "ca.pem")}, CRL: []string{filepath.Join(dir, "root.crl")}}
		var log journal
		store, err := certs.Open(files, certs.Options{Log: log.logger()})
		if err != nil {
			t.Fatal(texts(err))
		}
		for _, step := range []struct {
			pass          time.Duration
			soon, expired int
		}{{89 * time.Hour, 0, 0}, {2 * time.Hour, 1, 0}, {time.Hour, 1, 0}, {9 * time.Hour, 1, 1}, {time.Hour, 1, 1}} {
			time.Sleep(step.pass)
			store.Look()
			if soon, expired := len(log.with("expires soon")), len(log.with("has expired")); soon != step.soon || expired != step.expired {
				t.Errorf("%s before its end: %d and %d lines, want %d and %d\n%s", time.Until(store.Current().CRLs[0].NextUpdate), soon, expired, step.soon, step.expired, &log)
			}
		}
	})
}

// patience is how long a verdict may take while a list is loaded on a busy machine.
const patience = time.Second

// A list of a public CA is loaded beside the data path, not on it.
func TestALargeListHoldsUpNobody(t *testing.T) {
	octets := 50 << 20
	if testing.Short() || underRace {
		octets = 2 << 20
	}
	ca := root(t, "Root")
	client := presented(issue(t, ca, "client"))
	first, _ := bulky(t, ca, octets, 1)
	second, n := bulky(t, ca, octets, 2)
	dir := plain(t, folder{"ca.pem": ca.PEM(), "root.crl": first})
	store, err := certs.Open(certs.Files{CA: []string{filepath.Join(dir, "ca.pem")}, CRL: []string{filepath.Join(dir, "root.crl")}}, certs.Options{})
	if err != nil {
		t.Fatal(texts(err))
	}
	replace(t, dir, "root.crl", folder{"root.crl": second})

	var done atomic.Bool
	var longest, verdicts atomic.Int64
	var callers sync.WaitGroup
	for range 4 {
		callers.Go(func() {
			for !done.Load() {
				began := time.Now()
				if _, err := store.Current().Verify(client, began); err != nil {
					t.Error(err)
					return
				}
				took := int64(time.Since(began))
				for most := longest.Load(); took > most && !longest.CompareAndSwap(most, took); most = longest.Load() {
				}
				verdicts.Add(1)
				runtime.Gosched()
			}
		})
	}
	began := time.Now()
	store.Look()
	took := time.Since(began)
	done.Store(true)
	callers.Wait()
	if b := store.Current(); b.Generation != 2 || b.CRLs[0].Entries != n {
		t.Fatalf("generation %d, %v", b.Generation, store.Status().Fault)
	}
	t.Logf("%d entries in use after %v, meanwhile %d verdicts, the slowest in %v; heap %d MiB", n, took, verdicts.Load(), time.Duration(longest.Load()), inUse()>>20)
	if verdicts.Load() == 0 || time.Duration(longest.Load()) > patience {
		t.Errorf("%d verdicts, the slowest took %v, want at most %v", verdicts.Load(), time.Duration(longest.Load()), patience)
	}
	if _, found := store.Current().CRLs[0].Find(new(big.Int).SetBytes(largeSerial(n - 1))); !found {
		t.Error("the last entry of the list is not found")
	}
}
