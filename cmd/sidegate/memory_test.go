package main

import (
	"runtime"
	"runtime/debug"
	"testing"
	"testing/synctest"
	"time"
)

const mib = 1 << 20

func TestWorthTrimming(t *testing.T) {
	idle := heap{cycles: 7}
	tests := []struct {
		name   string
		now    heap
		before heap
		want   bool
	}{
		{"garbage after a burst", heap{cycles: 7, live: 20 * mib, objects: 30 * mib}, idle, true},
		{"free memory after a burst", heap{cycles: 7, live: 20 * mib, objects: 20 * mib, free: 10 * mib}, idle, true},
		{"never collected, and grown", heap{objects: 3 * mib}, heap{}, true},
		{"never collected, just started", heap{objects: 1 * mib}, heap{}, false},
		{"trimmed already", heap{cycles: 7, live: 20 * mib, objects: 20 * mib}, idle, false},
		{"little in proportion", heap{cycles: 7, live: 80 * mib, objects: 90 * mib}, idle, false},
		{"under load", heap{cycles: 8, live: 20 * mib, objects: 40 * mib}, idle, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.now.worthTrimming(tt.before); got != tt.want {
				t.Errorf("%+v.worthTrimming(%+v) = %v, want %v", tt.now, tt.before, got, tt.want)
			}
		})
	}
}

var garbage [][]byte

// litter makes 64 MiB of garbage that no collection finds by itself.
func litter(t *testing.T) (before, littered heap) {
	t.Helper()
	percent := debug.SetGCPercent(-1)
	t.Cleanup(func() { debug.SetGCPercent(percent) })
	runtime.GC()
	before = readHeap()
	for range 64 {
		garbage = append(garbage, make([]byte, mib))
	}
	garbage = nil
	return before, readHeap()
}

func TestTrimGivesBackWhatIsNotNeeded(t *testing.T) {
	before, littered := litter(t)
	if h := before.trim(); h.objects+h.free+48*mib > littered.objects+littered.free {
		t.Errorf("64 MiB of garbage in %+v are trimmed to %+v", littered, h)
	}
}

func TestTrimLeavesALoadedProcessAlone(t *testing.T) {
	before, _ := litter(t)
	runtime.GC() // as under load
	busy := readHeap()
	if h := before.trim(); h.cycles != busy.cycles {
		t.Errorf("there was a collection: %+v became %+v", busy, h)
	}
}

func TestTrimMemoryTrimsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		go trimMemory(t.Context())
		runtime.GC() // after which the loop sees load, once
		_, littered := litter(t)
		<-time.After(3 * trimEvery) // of the bubble's time
		synctest.Wait()
		if h := readHeap(); h.objects+h.free+48*mib > littered.objects+littered.free {
			t.Errorf("64 MiB of garbage in %+v are trimmed to %+v", littered, h)
		}
	})
}
