package metric

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// A Kind is what the numbers of a family are, in the words of the format.
type Kind string

// The kinds.
const (
	KindCounter   = Kind("counter")
	KindGauge     = Kind("gauge")
	KindHistogram = Kind("histogram")
	KindSummary   = Kind("summary") // without quantiles
)

// A Family is a metric by name: all its series. It is not changed once made.
type Family struct {
	Name   string
	Help   string
	Kind   Kind
	Labels []string // their names, in the order in which values are given

	sorted []int // indices of Labels, by name
}

// A Registry is a set of families that are scraped together. The zero Registry
// is empty and ready for use. Its methods may be called concurrently.
type Registry struct {
	mu       sync.Mutex
	families []*Family // by name
	tellers  []func(*Scrape)
}

// NewCounter adds a family of counters. It panics if name or labels are not
// those of a metric, or if the name is taken; so do the other methods that add.
func (r *Registry) NewCounter(name, help string, labels ...string) *Vec[*Counter] {
	return newVec(r, r.NewSampled(KindCounter, name, help, labels...), func() *Counter { return new(Counter) })
}

// NewGauge adds a family of gauges.
func (r *Registry) NewGauge(name, help string, labels ...string) *Vec[*Gauge] {
	return newVec(r, r.NewSampled(KindGauge, name, help, labels...), func() *Gauge { return new(Gauge) })
}

// NewHistogram adds a family of histograms. bounds are the upper bounds of the
// buckets, inclusive and ascending; the bucket without a bound is not among them.
func (r *Registry) NewHistogram(name, help string, bounds []float64, labels ...string) *Vec[*Histogram] {
	if !slices.IsSorted(bounds) || slices.Contains(labels, "le") {
		panic(fmt.Sprintf("metric %q: bounds %v are not ascending, or a label is called le, as that of the buckets is", name, bounds))
	}
	return newVec(r, r.NewSampled(KindHistogram, name, help, labels...), func() *Histogram { return newHistogram(bounds) })
}

// NewSampled adds a family that has those series only which a function given to
// [Registry.Collect] tells. Histograms cannot be told.
func (r *Registry) NewSampled(kind Kind, name, help string, labels ...string) *Family {
	f := &Family{Name: name, Help: help, Kind: kind, Labels: labels}
	for i, l := range labels {
		if !isName(l, "") || strings.HasPrefix(l, "__") || slices.Contains(labels[:i], l) {
			panic(fmt.Sprintf("metric %q: %q is no name for a label, or is there twice", name, l))
		}
	}
	for _, l := range slices.Sorted(slices.Values(labels)) {
		f.sorted = append(f.sorted, slices.Index(labels, l))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	at, taken := slices.BinarySearchFunc(r.families, name, func(f *Family, name string) int { return cmp.Compare(f.Name, name) })
	if taken || !isName(name, ":") {
		panic(fmt.Sprintf("metric %q: the name is taken, or is none for a metric", name))
	}
	r.families = slices.Insert(r.families, at, f)
	return f
}

// isName reports whether s is a name as every version of Prometheus takes it:
// letters, underscores, what is in also, and digits but not at the start. Labels
// that begin with two underscores are Prometheus's own.
func isName(s, also string) bool {
	for i, c := range s {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || strings.ContainsRune(also, c)
		if digit := '0' <= c && c <= '9' && i > 0; !letter && !digit {
			return false
		}
	}
	return s != ""
}

// Collect has tell called at each scrape, to tell values of sampled families of
// this registry. It may be called by several goroutines at once.
func (r *Registry) Collect(tell func(*Scrape)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tellers = append(r.tellers, tell)
}

// Families returns every family, by name.
func (r *Registry) Families() []*Family {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.families)
}
