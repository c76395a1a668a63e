package certs_test

import (
	"encoding/binary"
	"math/big"
	"runtime"
	"testing"
	"time"

	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/minica"
)

// largeSerial is the serial number of entry i of a large list: 16 octets, in no order.
func largeSerial(i int) []byte {
	serial := make([]byte, 16)
	binary.BigEndian.PutUint64(serial, uint64(i+1)*0x9e3779b97f4a7c15>>1|1<<62) // positive, and of 16 octets
	binary.BigEndian.PutUint64(serial[8:], uint64(i))
	return serial
}

// largeList is what of a list lies in its revokedCertificates, of about so many octets,
// as a public CA would write them: every second one with a reason.
func largeList(octets int) (content []byte, n int) {
	kinds := [][]byte{entry(largeSerial(0), reasonIs(4)), entry(largeSerial(0))}
	content = make([]byte, 0, octets+100)
	for ; len(content) < octets; n++ {
		at := len(content) + 4 // after two headers
		content = append(content, kinds[n%2]...)
		copy(content[at:], largeSerial(n))
	}
	return content, n
}

// signedLargeList is such a list as a whole.
func signedLargeList(t *testing.T, ca *minica.CA, octets int) (der []byte, n int) {
	t.Helper()
	content, n := largeList(octets)
	d := newDraft(ca)
	d.entries = element(0x30, content)
	return d.sign(t, ca), n
}

// inUse is the heap after everything that can go has gone.
func inUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// A public CA may revoke a million certificates. Its list must cost a pod what the
// serial numbers cost, and hardly more while it is read.
func TestLargeListIsSmallInMemory(t *testing.T) {
	octets := 50 << 20
	if testing.Short() || underRace {
		octets = 2 << 20
	}
	ca := root(t, "Large")
	der, n := signedLargeList(t, ca, octets)

	before := inUse()
	var start runtime.MemStats
	runtime.ReadMemStats(&start)
	began := time.Now()
	list, err := certs.ParseCRL(der)
	took := time.Since(began)
	if err != nil {
		t.Fatal(err)
	}
	var end runtime.MemStats
	runtime.ReadMemStats(&end)
	kept, allocated := inUse()-before, end.TotalAlloc-start.TotalAlloc
	t.Logf("%d entries in %d octets: %v, %.1f octets each kept, %.1f allocated", n, len(der), took,
		float64(kept)/float64(n), float64(allocated)/float64(n))
	runtime.KeepAlive(der)

	if list.Entries != n {
		t.Errorf("the list has %d entries, want %d", list.Entries, n)
	}
	if kept > uint64(24*n) {
		t.Errorf("%d octets are kept for %d entries, want at most 24 each", kept, n)
	}
	if allocated > uint64(24*n+256<<10) {
		t.Errorf("%d octets were allocated for %d entries, want what is kept and little more", allocated, n)
	}
	if err := list.CheckSignatureFrom(ca.Leaf); err != nil {
		t.Error(err)
	}
	for _, i := range []int{0, n / 2, n - 1} {
		r, found := list.Find(new(big.Int).SetBytes(largeSerial(i)))
		want := map[int]string{0: "superseded", 1: ""}[i%2]
		if !found || r.Reason != want || !r.Date.Equal(time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)) {
			t.Errorf("entry %d: found %t, %+v, want reason %q", i, found, r, want)
		}
	}
	for _, i := range []int{-1, n, n + 1} {
		if _, found := list.Find(new(big.Int).SetBytes(largeSerial(i))); found {
			t.Errorf("found entry %d, which is not there", i)
		}
	}
}
