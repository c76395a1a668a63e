package metric_test

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/sidegate/sidegate/proxy/metric"
)

func TestMistakesInTheProgramPanic(t *testing.T) {
	for name, mistake := range map[string]func(r *metric.Registry){
		"a name that is taken":        func(r *metric.Registry) { r.NewGauge("x", ""); r.NewCounter("x", "") },
		"no name":                     func(r *metric.Registry) { r.NewGauge("", "") },
		"a name with a space":         func(r *metric.Registry) { r.NewGauge("x y", "") },
		"a name that begins with 1":   func(r *metric.Registry) { r.NewGauge("1x", "") },
		"a name with a bad letter":    func(r *metric.Registry) { r.NewGauge("é", "") },
		"a label with a quote":        func(r *metric.Registry) { r.NewGauge("x", "", `a"`) },
		"a label with a colon":        func(r *metric.Registry) { r.NewGauge("x", "", "a:b") },
		"a label of Prometheus's own": func(r *metric.Registry) { r.NewGauge("x", "", "__name__") },
		"a label twice":               func(r *metric.Registry) { r.NewGauge("x", "", "a", "b", "a") },
		"a histogram by le":           func(r *metric.Registry) { r.NewHistogram("x", "", nil, "le") },
		"bounds out of order":         func(r *metric.Registry) { r.NewHistogram("x", "", []float64{2, 1}) },
		"too few values":              func(r *metric.Registry) { r.NewGauge("x", "", "a", "b").With("1") },
		"too many values":             func(r *metric.Registry) { r.NewGauge("x", "").With("1") },
		"a sample with too few values": func(r *metric.Registry) {
			f := r.NewSampled(metric.KindGauge, "x", "", "a")
			r.Collect(func(s *metric.Scrape) { s.Value(f, 1) })
			r.Append(nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("it was accepted")
				}
			}()
			mistake(new(metric.Registry))
		})
	}
}

func TestFamiliesAreThoseThatWereMade(t *testing.T) {
	var got []string
	for _, f := range sample().Families() {
		got = append(got, fmt.Sprint(f.Name, f.Kind, f.Labels))
	}
	want := "app_opengauge[] app_pauses_secondssummary[] app_requests_totalcounter[result listener] " +
		"app_secondshistogram[listener] app_temperaturegauge[file] app_unused_totalcounter[listener]"
	if s := strings.Join(got, " "); s != want {
		t.Errorf("%s\nwant\n%s", s, want)
	}
}

// Values that join to the same text are not the same series.
func TestSeriesAreTheirOwn(t *testing.T) {
	v := new(metric.Registry).NewCounter("x_total", "", "a", "b")
	if v.With("ab", "c") == v.With("a", "bc") || v.With("", "a") == v.With("a", "") {
		t.Error("different values have the same series")
	}
	if again := v.With("ab", "c"); again != v.With("ab", "c") {
		t.Error("the same values have different series")
	}
}

func TestABoundIsInItsBucket(t *testing.T) {
	var r metric.Registry
	h := r.NewHistogram("x", "", []float64{1, 2}).With()
	for _, v := range []float64{-1, 1, math.Nextafter(1, 2), 2, 3, math.Inf(1), math.NaN()} {
		h.Observe(v)
	}
	text := string(r.Append(nil))
	for _, want := range []string{`x_bucket{le="1"} 2`, `x_bucket{le="2"} 4`, `x_bucket{le="+Inf"} 7`, "x_count 7", "x_sum NaN"} {
		if !strings.Contains(text, "\n"+want+"\n") {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
}

// Everything at once, while it is scraped: nothing is lost, and whatever a
// scrape sees is whole.
func TestEverythingAtOnce(t *testing.T) {
	var r metric.Registry
	counters := r.NewCounter("c_total", "", "n")
	gauge := r.NewGauge("g", "").With()
	histogram := r.NewHistogram("h", "", []float64{1}).With()
	var counting sync.WaitGroup
	for range 4 {
		counting.Go(func() {
			for i := range 1000 {
				counters.With(fmt.Sprint(i % 50)).Inc()
				gauge.Add(1)
				histogram.Observe(.5)
				gauge.Add(-1)
				if i%100 == 0 {
					parse(t, r.Append(nil))
				}
			}
		})
	}
	counting.Wait()
	families := parse(t, r.Append(nil))
	for _, m := range families["c_total"].Metric {
		if v := m.Counter.GetValue(); v != 80 {
			t.Errorf("%v = %v, want 80", m.Label, v)
		}
	}
	h := families["h"].Metric[0].Histogram
	if n := len(families["c_total"].Metric); n != 50 || families["g"].Metric[0].Gauge.GetValue() != 0 || h.GetSampleCount() != 4000 || h.GetSampleSum() != 2000 {
		t.Errorf("%d counters, gauge %v, histogram %v", n, families["g"].Metric[0].Gauge, h)
	}
}

func TestCountingAllocatesNothing(t *testing.T) {
	var r metric.Registry
	v := r.NewCounter("c_total", "", "listener", "rule", "result")
	c, g := v.With("ingress", "partner", "ok"), r.NewGauge("g", "").With()
	h := r.NewHistogram("h", "", []float64{.001, .01, .1, 1}).With()
	for name, count := range map[string]func(){
		"Inc":     c.Inc,
		"Add":     func() { g.Add(1) },
		"Observe": func() { h.Observe(.05) },
		"With":    func() { v.With("ingress", "partner", "ok").Inc() },
	} {
		if n := testing.AllocsPerRun(100, count); n != 0 {
			t.Errorf("%s makes %v allocations", name, n)
		}
	}
}

func BenchmarkWithInc(b *testing.B) {
	v := new(metric.Registry).NewCounter("c_total", "", "listener", "rule", "result")
	for b.Loop() {
		v.With("ingress", "partner", "ok").Inc()
	}
}

func BenchmarkObserve(b *testing.B) {
	h := new(metric.Registry).NewHistogram("h", "", []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}).With()
	for b.Loop() {
		h.Observe(.0007)
	}
}
