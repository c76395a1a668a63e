package main

import (
	"context"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// When memory is given back to the system.
const (
	trimEvery = 10 * time.Second // at most
	trimAbove = 2 << 20          // bytes; below, a collection takes more than it gives
)

// trimMemory gives memory that is not needed back to the system while the
// process is idle, until ctx is done. A burst of handshakes leaves garbage as
// large as what is alive, and the collector runs only when more is allocated,
// which an idle process hardly does. What becomes garbage later, as connections
// close, is found by the runtime's own collection, two minutes after the last.
//
// GOGC is left alone: half of it costs net/http, which serves HTTP/2, CPU time.
func trimMemory(ctx context.Context) {
	tick := time.NewTicker(trimEvery)
	defer tick.Stop()
	before := readHeap()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			before = before.trim()
		}
	}
}

// A heap is what the memory for objects was used for at one time, in bytes.
type heap struct {
	cycles  uint64 // collections so far
	live    uint64 // in use, as far as the last collection found
	objects uint64 // in use or garbage
	free    uint64 // for later objects
}

// readHeap does not stop the world, as [runtime.ReadMemStats] would.
func readHeap() heap {
	samples := []metrics.Sample{
		{Name: "/gc/cycles/total:gc-cycles"},
		{Name: "/gc/heap/live:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/free:bytes"},
	}
	metrics.Read(samples)
	at := func(i int) uint64 { return samples[i].Value.Uint64() }
	return heap{cycles: at(0), live: at(1), objects: at(2), free: at(3)}
}

// trim collects and gives back if that is worth while since the heap was h, and
// returns the heap of now.
func (h heap) trim() heap {
	now := readHeap()
	if !now.worthTrimming(h) {
		return now
	}
	runtime.GC() // each collection halves a stack that has grown
	debug.FreeOSMemory()
	return readHeap()
}

// worthTrimming reports whether there is much to give back, and the process was
// idle since the heap was before: under load there would be a collection.
func (h heap) worthTrimming(before heap) bool {
	return h.cycles == before.cycles && h.objects+h.free > h.live+h.live/8+trimAbove
}
