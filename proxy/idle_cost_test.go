package proxy_test

import (
	"runtime"
	"testing"

	"golang.org/x/net/http2"
)

// maxIdleHTTP2 is what a connection of HTTP/2 may cost that has made a request and
// waits, with the client's end of it, which is in this process: bytes of heap and
// of stacks.
const maxIdleHTTP2 = 60 << 10

func TestAnIdleConnectionOfHTTP2CostsLittle(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector takes memory")
	}
	const count = 200
	g := openGate(t, func(g *gate) { g.set.HTTP2, g.set.LogRequests = true, false })
	g.idleHTTP2() // what is made once
	heap, stacks := inUse()
	for range count {
		g.idleHTTP2()
	}
	nowHeap, nowStacks := inUse()
	perHeap, perStacks := (int64(nowHeap)-int64(heap))/count, (int64(nowStacks)-int64(stacks))/count
	t.Logf("%d bytes of heap and %d of stacks", perHeap, perStacks)
	if perHeap+perStacks > maxIdleHTTP2 {
		t.Errorf("an idle connection costs %d bytes, want at most %d", perHeap+perStacks, maxIdleHTTP2)
	}
}

// idleHTTP2 makes a connection and a request on it, and leaves it open.
func (g *gate) idleHTTP2() {
	g.t.Helper()
	h := g.h2conn()
	h.request(1, "GET", true)
	for {
		f, err := h.ReadFrame()
		if err != nil {
			g.t.Fatal(err)
		}
		if d, ok := f.(*http2.DataFrame); ok && d.StreamEnded() {
			return
		}
	}
}

func inUse() (heap, stacks uint64) {
	var m runtime.MemStats
	for range 4 { // the second one gives back what pools hold
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return m.HeapAlloc, m.StackInuse
}
