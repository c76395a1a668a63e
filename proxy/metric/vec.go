package metric

import (
	"encoding/binary"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
)

// A Vec is a family whose series are counted in. T is [*Counter], [*Gauge] or
// [*Histogram]. Its methods may be called concurrently.
type Vec[T instrument] struct {
	family *Family
	make   func() T

	mu  sync.Mutex                           // held while all is replaced
	all atomic.Pointer[map[string]series[T]] // by values; immutable
}

// An instrument is what a series is counted with.
type instrument interface {
	// append writes the series as lines.
	append(b []byte, name, labels string) []byte
}

type series[T instrument] struct {
	labels     string // rendered
	instrument T
}

func newVec[T instrument](r *Registry, f *Family, make func() T) *Vec[T] {
	v := &Vec[T]{family: f, make: make}
	v.all.Store(&map[string]series[T]{})
	r.Collect(v.tell)
	return v
}

// With returns the series with these values of the labels, which exists from
// then on for as long as the process does: values must come from closed lists.
// Resolving one that exists takes no lock, and allocates nothing unless the
// values are longer than about 120 bytes together. With panics if their number is
// not that of the labels.
func (v *Vec[T]) With(values ...string) T {
	var room [128]byte
	key := room[:0]
	for _, value := range values {
		key = binary.AppendUvarint(key, uint64(len(value)))
		key = append(key, value...)
	}
	if s, ok := (*v.all.Load())[string(key)]; ok {
		return s.instrument
	}
	return v.add(string(key), values)
}

func (v *Vec[T]) add(key string, values []string) T {
	labels := v.family.render(values)
	v.mu.Lock()
	defer v.mu.Unlock()
	old := *v.all.Load()
	if s, ok := old[key]; ok {
		return s.instrument // another goroutine was first
	}
	added, all := series[T]{labels, v.make()}, maps.Clone(old)
	all[key] = added
	v.all.Store(&all)
	return added.instrument
}

func (v *Vec[T]) tell(to *Scrape) {
	for _, s := range *v.all.Load() {
		to.add(v.family, s.labels, s.instrument)
	}
}

// render returns values as labels, in the order of their names.
func (f *Family) render(values []string) string {
	if len(values) != len(f.Labels) {
		panic(fmt.Sprintf("metric %q: %d values for the labels %q", f.Name, len(values), f.Labels))
	}
	var b []byte
	for n, i := range f.sorted {
		if n > 0 {
			b = append(b, ',')
		}
		b = appendLabel(b, f.Labels[i], values[i])
	}
	return string(b)
}
