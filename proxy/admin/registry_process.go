package admin

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/sidegate/sidegate/proxy/metric"
)

// processMetrics are what Linux tells about the process. Where there is no
// /proc, or not all of it, they are absent.
type processMetrics struct {
	cpu, start, resident, virtual, open, limit *metric.Family

	boot func() (uint64, bool) // Unix time, in seconds
}

func addProcess(reg *metric.Registry) {
	gauge := func(name, help string) *metric.Family { return reg.NewSampled(metric.KindGauge, name, help) }
	m := &processMetrics{
		cpu: reg.NewSampled(metric.KindCounter, "process_cpu_seconds_total", "Total user and system CPU time spent in seconds."),

		start:    gauge("process_start_time_seconds", "Start time of the process since unix epoch in seconds."),
		resident: gauge("process_resident_memory_bytes", "Resident memory size in bytes."),
		virtual:  gauge("process_virtual_memory_bytes", "Virtual memory size in bytes."),
		open:     gauge("process_open_fds", "Number of open file descriptors."),
		limit:    gauge("process_max_fds", "Maximum number of open file descriptors."),
		boot:     sync.OnceValues(bootTime), // it moves with the clock, and a start does not
	}
	reg.Collect(m.tell)
}

func (m *processMetrics) tell(to *metric.Scrape) {
	m.tellStat(to)
	if n, ok := openFiles(); ok {
		to.Value(m.open, float64(n))
	}
	if n, ok := numberAfter("/proc/self/limits", "Max open files"); ok {
		to.Value(m.limit, float64(n))
	}
}

// tellStat tells what /proc/self/stat has (proc_pid_stat(5)). Its times are in
// clock ticks, of which Linux shows a hundred a second to every program.
func (m *processMetrics) tellStat(to *metric.Scrape) {
	const ticks = 100
	stat, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return
	}
	// The second field is the name of the program, which may have spaces.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 22 {
		return
	}
	field := func(n int) float64 { // as the manual counts, from 1
		v, _ := strconv.ParseFloat(fields[n-3], 64)
		return v
	}
	to.Value(m.cpu, (field(14)+field(15))/ticks)
	to.Value(m.virtual, field(23))
	to.Value(m.resident, field(24)*float64(os.Getpagesize()))
	if boot, ok := m.boot(); ok {
		to.Value(m.start, float64(boot)+field(22)/ticks)
	}
}

func bootTime() (seconds uint64, ok bool) { return numberAfter("/proc/stat", "btime") }

// openFiles counts the files that are open. Since Linux 6.2 their number is the
// size of the directory; before, it is that of its entries, one of which is the
// directory itself.
func openFiles() (n int64, ok bool) {
	const dir = "/proc/self/fd"
	if info, err := os.Stat(dir); err == nil && info.Size() > 0 {
		return info.Size(), true
	}
	entries, err := os.ReadDir(dir)
	return int64(len(entries)) - 1, err == nil
}

// numberAfter returns the number that follows key in the line that begins with it.
func numberAfter(file, key string) (n uint64, ok bool) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(text)) {
		if rest, found := strings.CutPrefix(line, key); found {
			number, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
			n, err = strconv.ParseUint(number, 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}
