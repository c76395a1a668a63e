package proxy

import (
	"bytes"
	"encoding/binary"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// A wire is what a batch writes to. While it is shut, writes wait.
type wire struct {
	begun atomic.Int64 // calls
	mu    sync.Mutex
	got   bytes.Buffer
	calls int // that are over
	fail  error
	shut  chan struct{} // nil: open
}

func (w *wire) write(p []byte) (int, error) {
	w.begun.Add(1)
	if w.shut != nil {
		<-w.shut
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls++
	if w.fail != nil {
		return 0, w.fail
	}
	return w.got.Write(p)
}

func (w *wire) written() (bytes, calls int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.got.Len(), w.calls
}

// A sealer numbers the records that several goroutines write, under a lock, as
// crypto/tls does: the other end takes them in this order only.
type sealer struct {
	mu   sync.Mutex
	b    *batch
	next uint32
}

func (s *sealer) write(t *testing.T, size int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	record := make([]byte, size)
	binary.BigEndian.PutUint32(record, s.next)
	binary.BigEndian.PutUint32(record[4:], uint32(size))
	s.next++
	if n, err := s.b.write(record); n != size || err != nil {
		t.Errorf("wrote %d of %d bytes, %v", n, size, err)
	}
}

func TestABatchKeepsTheOrder(t *testing.T) {
	for what, set := range map[string]struct{ gathers, holds bool }{
		"of long writes": {holds: true}, "of gathered ones": {gathers: true}, "of both": {true, true}, "of neither": {},
	} {
		t.Run(what, func(t *testing.T) {
			out := &wire{}
			s := &sealer{b: newBatch(func(p []byte) (int, error) {
				runtime.Gosched()
				return out.write(p)
			})}
			if set.gathers {
				s.b.gather()
			}
			var writing sync.WaitGroup
			writing.Go(func() { // the one that writes at length
				for range 100 {
					if set.holds {
						s.b.hold()
					}
					for _, size := range []int{maxRecord, maxRecord, maxRecord, 100} {
						s.write(t, size)
					}
					if err := s.b.release(); err != nil {
						t.Error(err)
					}
				}
			})
			for range 3 { // alerts and answers to KeyUpdates, or other streams
				writing.Go(func() {
					for range 100 {
						s.write(t, 50)
						runtime.Gosched()
					}
				})
			}
			writing.Wait()
			s.b.drain()
			if !s.b.empty() {
				t.Error("something is left after the last write")
			}
			mustBeInOrder(t, out.got.Bytes(), s.next)
		})
	}
}

// mustBeInOrder reads the records that were written.
func mustBeInOrder(t *testing.T, got []byte, count uint32) {
	t.Helper()
	for i := range count {
		if len(got) < 8 {
			t.Fatalf("the end after %d records of %d", i, count)
		}
		n, size := binary.BigEndian.Uint32(got), binary.BigEndian.Uint32(got[4:])
		if n != i || int(size) > len(got) {
			t.Fatalf("record %d of %d bytes where %d was due", n, size, i)
		}
		got = got[size:]
	}
	if len(got) > 0 {
		t.Errorf("%d bytes more than were written", len(got))
	}
}

// Of two calls at a time the order could not be known.
func TestThereIsOneCallAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &wire{shut: make(chan struct{})}
		b := newBatch(out.write)
		b.gather()
		_, _ = b.write([]byte("first"))
		synctest.Wait() // it is being written
		_, _ = b.write([]byte("second"))
		go func() { _ = b.release() }()
		synctest.Wait()
		if n := out.begun.Load(); n != 1 {
			t.Errorf("%d calls are under way", n)
		}
		close(out.shut)
		b.drain()
		if got := out.got.String(); got != "firstsecond" {
			t.Errorf("%q was written", got)
		}
	})
}

func TestAWriteDuringTheEndOfALongOneWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &wire{shut: make(chan struct{})}
		b := newBatch(out.write)
		b.hold()
		_, _ = b.write([]byte("first"))
		go func() { _ = b.release() }()
		synctest.Wait() // it is being written
		go func() { _, _ = b.write([]byte("second")) }()
		synctest.Wait()
		if n := out.begun.Load(); n != 1 {
			t.Errorf("%d calls are under way", n)
		}
		close(out.shut)
		synctest.Wait()
		if got := out.got.String(); got != "firstsecond" {
			t.Errorf("%q was written", got)
		}
	})
}

func TestALongWriteIsOneCall(t *testing.T) {
	out := &wire{}
	b := newBatch(out.write)
	b.hold()
	for range 4 {
		_, _ = b.write(make([]byte, maxRecord+22))
	}
	if n, calls := out.written(); n != 0 || calls != 0 {
		t.Errorf("%d bytes were written before the end, in %d calls", n, calls)
	}
	if err := b.release(); err != nil {
		t.Fatal(err)
	}
	if n, calls := out.written(); n != 4*(maxRecord+22) || calls != 1 {
		t.Errorf("%d bytes in %d calls, want all in one", n, calls)
	}
	_, _ = b.write([]byte("x"))
	if _, calls := out.written(); calls != 2 {
		t.Error("what follows waits as well")
	}
}

func TestWritesDuringAnotherAreOneCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &wire{shut: make(chan struct{})}
		b := newBatch(out.write)
		b.gather()
		_, _ = b.write([]byte("first"))
		synctest.Wait() // it is being written
		for range 20 {
			_, _ = b.write([]byte("more"))
		}
		close(out.shut)
		b.drain()
		if n, calls := out.written(); n != 5+20*4 || calls != 2 {
			t.Errorf("%d bytes in %d calls, want two", n, calls)
		}
	})
}

// Whoever is ready to write gets to do so before a call is made.
func TestWritesOfSeveralAreGathered(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // or they are ready at the same time by chance
	out := &wire{}
	b := newBatch(out.write)
	b.gather()
	var writing sync.WaitGroup
	for range 20 {
		writing.Go(func() { _, _ = b.write([]byte("x")) })
	}
	writing.Wait()
	b.drain()
	if n, calls := out.written(); n != 20 || calls > 5 {
		t.Errorf("%d writes were %d calls, want a few", n, calls)
	}
}

func TestAFailureIsToldToLaterWrites(t *testing.T) {
	broken := errors.New("broken")
	t.Run("of gathered ones", func(t *testing.T) {
		b := newBatch((&wire{fail: broken}).write)
		b.gather()
		_, _ = b.write([]byte("x")) // fails later
		b.drain()
		if _, err := b.write([]byte("y")); !errors.Is(err, broken) {
			t.Errorf("the next write: %v, want the failure", err)
		}
	})
	t.Run("at the end of a long one", func(t *testing.T) {
		out := &wire{fail: broken}
		b := newBatch(out.write)
		b.hold()
		_, _ = b.write([]byte("x"))
		if err := b.release(); !errors.Is(err, broken) {
			t.Errorf("release: %v, want the failure", err)
		}
		b.hold()
		if _, err := b.write([]byte("y")); !errors.Is(err, broken) {
			t.Errorf("the next write: %v, want the failure", err)
		}
		if err := b.release(); !errors.Is(err, broken) || out.calls != 1 {
			t.Errorf("the next release: %v after %d calls, want the failure and no other call", err, out.calls)
		}
	})
	t.Run("to those that wait for room", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			out := &wire{shut: make(chan struct{}), fail: broken}
			b := newBatch(out.write)
			b.gather()
			failed := make(chan error, 1)
			go func() { failed <- writeUntilItFails(b) }()
			synctest.Wait()
			close(out.shut)
			if err := <-failed; !errors.Is(err, broken) {
				t.Errorf("%v, want the failure", err)
			}
		})
	})
}

func writeUntilItFails(b *batch) error {
	for range 1000 {
		if _, err := b.write(make([]byte, 1000)); err != nil {
			return err
		}
	}
	return nil
}

func TestAWriterWaitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &wire{shut: make(chan struct{})}
		b := newBatch(out.write)
		b.gather()
		const all, piece = 1 << 20, 1000
		taken := 0
		go func() {
			for taken < all {
				n, _ := b.write(make([]byte, piece))
				taken += n
			}
		}()
		synctest.Wait()
		// One batch is being written, and perhaps the next one is full.
		if taken <= maxBatch-piece || taken > 2*maxBatch {
			t.Errorf("%d bytes were taken of a writer that nobody reads from, want one or two batches of %d", taken, maxBatch)
		}
		close(out.shut)
		synctest.Wait()
		b.drain()
		if n, _ := out.written(); n != taken || n < all {
			t.Errorf("%d bytes were written of %d", n, taken)
		}
	})
}

func TestDrainWaitsUntilAllIsWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &wire{shut: make(chan struct{})}
		b := newBatch(out.write)
		b.gather()
		_, _ = b.write([]byte("first"))
		synctest.Wait()
		_, _ = b.write([]byte("second"))
		drained := make(chan struct{})
		go func() { b.drain(); close(drained) }()
		synctest.Wait()
		select {
		case <-drained:
			t.Error("it did not wait")
		default:
		}
		if b.empty() {
			t.Error("it says that nothing is left")
		}
		close(out.shut)
		<-drained
		if got := out.got.String(); got != "firstsecond" || !b.empty() {
			t.Errorf("%q was written", got)
		}
	})
}
