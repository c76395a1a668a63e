package metric

import (
	"math"
	"strconv"
	"sync/atomic"
)

// A Counter counts what happens. Its methods may be called concurrently; they
// take no lock and allocate nothing.
type Counter struct{ n atomic.Uint64 }

// Inc adds 1.
func (c *Counter) Inc() { c.n.Add(1) }

func (c *Counter) append(b []byte, name, labels string) []byte {
	return appendLine(b, name, "", labels, float64(c.n.Load()))
}

// A Gauge is a whole number that goes up and down. Its methods may be called
// concurrently; they take no lock and allocate nothing.
type Gauge struct{ n atomic.Int64 }

// Set sets it to n.
func (g *Gauge) Set(n int64) { g.n.Store(n) }

// Add adds n, which may be negative.
func (g *Gauge) Add(n int64) { g.n.Add(n) }

func (g *Gauge) append(b []byte, name, labels string) []byte {
	return appendLine(b, name, "", labels, float64(g.n.Load()))
}

// A Histogram counts values by size. Its methods may be called concurrently;
// they take no lock and allocate nothing.
type Histogram struct {
	bounds []float64
	counts []atomic.Uint64 // one more than bounds
	sum    atomic.Uint64   // the bits of a float64
}

func newHistogram(bounds []float64) *Histogram {
	return &Histogram{bounds: bounds, counts: make([]atomic.Uint64, len(bounds)+1)}
}

// Observe counts v. What compares with no bound, as NaN does, is in the last
// bucket.
func (h *Histogram) Observe(v float64) {
	i := 0
	for i < len(h.bounds) && !(v <= h.bounds[i]) {
		i++
	}
	h.counts[i].Add(1)
	for {
		old := h.sum.Load()
		if h.sum.CompareAndSwap(old, math.Float64bits(math.Float64frombits(old)+v)) {
			return
		}
	}
}

// append writes the buckets, each with all that is below it. The count is that
// of the buckets, so that they agree; the sum may have a value more or less that
// is being observed.
func (h *Histogram) append(b []byte, name, labels string) []byte {
	outer := labels
	if labels != "" {
		outer += ","
	}
	count := uint64(0)
	for i := range h.counts {
		le := "+Inf"
		if i < len(h.bounds) {
			le = strconv.FormatFloat(h.bounds[i], 'g', -1, 64)
		}
		count += h.counts[i].Load()
		b = appendLine(b, name, "_bucket", outer+`le="`+le+`"`, float64(count))
	}
	b = appendLine(b, name, "_sum", labels, math.Float64frombits(h.sum.Load()))
	return appendLine(b, name, "_count", labels, float64(count))
}
