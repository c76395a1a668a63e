package admin_test

import (
	"math"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/sidegate/sidegate/proxy/admin"
	"github.com/sidegate/sidegate/proxy/metric"
)

var began = time.Now()

// values returns the series of reg that have no labels.
func values(t *testing.T, reg *metric.Registry) map[string]float64 {
	t.Helper()
	all := make(map[string]float64)
	for line := range strings.Lines(string(reg.Append(nil))) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name == "#" {
			continue
		}
		v, err := strconv.ParseFloat(value, 64)
		if err == nil && !strings.Contains(name, "{") {
			all[name] = v
		}
	}
	return all
}

func TestARegistryTellsWhatWasBuilt(t *testing.T) {
	addr := serve(t, admin.NewHealth(admin.Probe{Metrics: admin.NewRegistry("v1.2.3", "go1.26.11")}))
	_, body := ask(t, "GET", addr, "/metrics")
	for _, want := range []string{`sidegate_build_info{goversion="go1.26.11",version="v1.2.3"} 1`, `go_info{version="go1.26.11"} 1`, "go_goroutines "} {
		if !strings.Contains(body, "\n"+want) {
			t.Errorf("the metrics have no %s", want)
		}
	}
	p := expfmt.NewTextParser(model.LegacyValidation)
	families, err := p.TextToMetricFamilies(strings.NewReader(body))
	if err != nil {
		t.Errorf("Prometheus cannot read it: %v\n%s", err, body)
	}
	for _, f := range admin.NewRegistry("", "").Families() {
		got := families[f.Name]
		switch {
		case got == nil && (runtime.GOOS == "linux" || !strings.HasPrefix(f.Name, "process_")):
			t.Errorf("%s is not there", f.Name)
		case got != nil && strings.ToLower(got.GetType().String()) != string(f.Kind):
			t.Errorf("%s is a %v, want a %s", f.Name, got.GetType(), f.Kind)
		}
	}
}

var keep []byte

func TestTheRuntimeTellsOfItself(t *testing.T) {
	reg := admin.NewRegistry("", "")
	keep = nil
	runtime.GC() // the garbage of other tests must not go in between
	before := values(t, reg)
	keep = make([]byte, 8<<20)
	runtime.GC()
	stop := make(chan struct{})
	for range 50 {
		go func() { <-stop }()
	}
	after := values(t, reg)
	close(stop)
	for name, least := range map[string]float64{
		"go_memstats_alloc_bytes_total": 8 << 20,
		"go_memstats_heap_inuse_bytes":  7 << 20,
		"go_goroutines":                 40,
		"go_gc_duration_seconds_count":  1,
	} {
		if grown := after[name] - before[name]; grown < least {
			t.Errorf("%s has grown by %v, want %v", name, grown, least)
		}
	}
	for _, name := range []string{"go_threads", "go_gc_duration_seconds_sum", "go_memstats_alloc_bytes", "go_memstats_next_gc_bytes", "go_memstats_stack_inuse_bytes"} {
		if !(after[name] > 0 && after[name] < after["go_memstats_sys_bytes"]) {
			t.Errorf("%s = %v of %v", name, after[name], after["go_memstats_sys_bytes"])
		}
	}
	if got := after["go_sched_gomaxprocs_threads"]; got != float64(runtime.GOMAXPROCS(0)) {
		t.Errorf("go_sched_gomaxprocs_threads = %v", got)
	}
}

// What /proc says is held against what system calls say.
func TestTheProcessTellsOfItself(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("there is no /proc")
	}
	reg := admin.NewRegistry("", "")
	before := values(t, reg)
	for range 20 {
		f, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
	}
	after := values(t, reg)
	if n := after["process_open_fds"] - before["process_open_fds"]; n != 20 {
		t.Errorf("20 more files are open, process_open_fds has grown by %v", n)
	}
	var limit syscall.Rlimit
	var used syscall.Rusage
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || after["process_max_fds"] != float64(limit.Cur) {
		t.Errorf("process_max_fds = %v, want %d (%v)", after["process_max_fds"], limit.Cur, err)
	}
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	cpu := time.Duration(used.Utime.Nano() + used.Stime.Nano()).Seconds()
	if got := after["process_cpu_seconds_total"]; math.Abs(got-cpu) > .5 {
		t.Errorf("process_cpu_seconds_total = %v, want about %v", got, cpu)
	}
	if got, want := after["process_start_time_seconds"], float64(began.UnixNano())/1e9; math.Abs(got-want) > 30 {
		t.Errorf("process_start_time_seconds = %v, want about %v", got, want)
	}
	if after["process_start_time_seconds"] != before["process_start_time_seconds"] {
		t.Error("the start of the process moves")
	}
	resident, most := after["process_resident_memory_bytes"], float64(used.Maxrss)*1024
	if resident < 1<<20 || resident > most+16<<20 || after["process_virtual_memory_bytes"] < resident {
		t.Errorf("resident %v of virtual %v, the most was %v", resident, after["process_virtual_memory_bytes"], most)
	}
}

func TestNamesAreThoseOfDashboards(t *testing.T) {
	var names []string
	for _, f := range admin.NewRegistry("", "").Families() {
		names = append(names, f.Name)
	}
	for _, want := range []string{
		"process_cpu_seconds_total", "process_resident_memory_bytes", "process_virtual_memory_bytes", "process_open_fds", "process_max_fds", "process_start_time_seconds",
		"go_info", "go_goroutines", "go_threads", "go_gc_duration_seconds", "go_memstats_alloc_bytes", "go_memstats_alloc_bytes_total", "go_memstats_heap_inuse_bytes", "go_memstats_stack_inuse_bytes",
	} {
		if !slices.Contains(names, want) {
			t.Errorf("there is no %s", want)
		}
	}
}
