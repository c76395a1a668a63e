package admin

import (
	"runtime/debug"
	"runtime/metrics"

	"github.com/sidegate/sidegate/proxy/metric"
)

// runtimeFamilies are sums of what runtime/metrics knows.
var runtimeFamilies = []struct {
	kind       metric.Kind
	name, help string
	of         []string
}{
	{metric.KindGauge, "go_goroutines", "Number of goroutines that currently exist.",
		[]string{"/sched/goroutines:goroutines"}},
	{metric.KindGauge, "go_threads", "Number of OS threads created.",
		[]string{"/sched/threads/total:threads"}},
	{metric.KindGauge, "go_sched_gomaxprocs_threads", "The current runtime.GOMAXPROCS setting, or the number of operating system threads that can execute user-level Go code simultaneously. Sourced from /sched/gomaxprocs:threads.",
		[]string{"/sched/gomaxprocs:threads"}},
	{metric.KindGauge, "go_memstats_alloc_bytes", "Number of bytes allocated in heap and currently in use. Equals to /memory/classes/heap/objects:bytes.",
		[]string{"/memory/classes/heap/objects:bytes"}},
	{metric.KindCounter, "go_memstats_alloc_bytes_total", "Total number of bytes allocated in heap until now, even if released already. Equals to /gc/heap/allocs:bytes.",
		[]string{"/gc/heap/allocs:bytes"}},
	{metric.KindGauge, "go_memstats_heap_inuse_bytes", "Number of heap bytes that are in use. Equals to /memory/classes/heap/objects:bytes + /memory/classes/heap/unused:bytes",
		[]string{"/memory/classes/heap/objects:bytes", "/memory/classes/heap/unused:bytes"}},
	{metric.KindGauge, "go_memstats_next_gc_bytes", "Number of heap bytes when next garbage collection will take place. Equals to /gc/heap/goal:bytes.",
		[]string{"/gc/heap/goal:bytes"}},
	{metric.KindGauge, "go_memstats_stack_inuse_bytes", "Number of bytes obtained from system for stack allocator in non-CGO environments. Equals to /memory/classes/heap/stacks:bytes.",
		[]string{"/memory/classes/heap/stacks:bytes"}},
	{metric.KindGauge, "go_memstats_sys_bytes", "Number of bytes obtained from system. Equals to /memory/classes/total:byte.",
		[]string{"/memory/classes/total:bytes"}},
}

// addRuntime adds what the Go runtime tells. Nothing of it stops the world.
func addRuntime(reg *metric.Registry) {
	pauses := reg.NewSampled(metric.KindSummary, "go_gc_duration_seconds",
		"A summary of the wall-time pause (stop-the-world) duration in garbage collection cycles.")
	families := make([]*metric.Family, len(runtimeFamilies))
	for i, f := range runtimeFamilies {
		families[i] = reg.NewSampled(f.kind, f.name, f.help)
	}
	reg.Collect(func(to *metric.Scrape) {
		for i, f := range runtimeFamilies {
			to.Value(families[i], float64(readRuntime(f.of)))
		}
		var gc debug.GCStats
		debug.ReadGCStats(&gc)
		to.Summary(pauses, uint64(gc.NumGC), gc.PauseTotal.Seconds())
	})
}

// readRuntime returns the sum of what runtime/metrics has under names.
func readRuntime(names []string) (sum uint64) {
	samples := make([]metrics.Sample, len(names))
	for i, name := range names {
		samples[i].Name = name
	}
	metrics.Read(samples)
	for _, s := range samples {
		sum += s.Value.Uint64()
	}
	return sum
}
