package metric_test

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/sidegate/sidegate/proxy/metric"
)

// parse reads text as Prometheus does.
func parse(t *testing.T, text []byte) map[string]*dto.MetricFamily {
	t.Helper()
	p := expfmt.NewTextParser(model.LegacyValidation)
	families, err := p.TextToMetricFamilies(strings.NewReader(string(text)))
	if err != nil {
		t.Errorf("Prometheus cannot read it: %v\n%s", err, text)
	}
	return families
}

const want = `# HELP app_open Open "now".\nBack\\slash.
# TYPE app_open gauge
app_open -2
# HELP app_pauses_seconds Pauses.
# TYPE app_pauses_seconds summary
app_pauses_seconds_sum 0.25
app_pauses_seconds_count 3
# HELP app_requests_total Requests.
# TYPE app_requests_total counter
app_requests_total{listener="a",result="ok"} 2
app_requests_total{listener="b",result="a \"b\" \\ \n?é"} 1
# HELP app_seconds Seconds.
# TYPE app_seconds histogram
app_seconds_bucket{listener="a",le="0.5"} 2
app_seconds_bucket{listener="a",le="1"} 3
app_seconds_bucket{listener="a",le="2.5e+06"} 3
app_seconds_bucket{listener="a",le="+Inf"} 4
app_seconds_sum{listener="a"} 1e+07
app_seconds_count{listener="a"} 4
# HELP app_temperature Of each file.
# TYPE app_temperature gauge
app_temperature{file="x"} NaN
app_temperature{file="y"} +Inf
app_temperature{file="z"} 1.795449451e+09
`

// sample returns a registry of everything, which was not filled in order.
func sample() *metric.Registry {
	var r metric.Registry
	requests := r.NewCounter("app_requests_total", "Requests.", "result", "listener")
	requests.With("a \"b\" \\ \n\xffé", "b").Inc()
	for range 2 {
		requests.With("ok", "a").Inc()
	}
	seconds := r.NewHistogram("app_seconds", "Seconds.", []float64{.5, 1, 2.5e6}, "listener").With("a")
	for _, v := range []float64{.25, .5, .75, 1e7 - 1.5} {
		seconds.Observe(v)
	}
	open := r.NewGauge("app_open", "Open \"now\".\nBack\\slash.").With()
	open.Set(1)
	open.Add(-3)
	r.NewCounter("app_unused_total", "Never counted.", "listener")
	pauses := r.NewSampled(metric.KindSummary, "app_pauses_seconds", "Pauses.")
	temperature := r.NewSampled(metric.KindGauge, "app_temperature", "Of each file.", "file")
	r.Collect(func(s *metric.Scrape) {
		s.Summary(pauses, 3, .25)
		s.Value(temperature, math.Inf(1), "y")
		s.Value(temperature, 1795449451, "z")
		s.Value(temperature, 7, "z") // told twice
		s.Value(temperature, math.NaN(), "x")
	})
	return &r
}

func TestText(t *testing.T) {
	r := sample()
	for range 2 { // in the same order, whatever that of a map
		if diff := cmp.Diff(want, string(r.Append(nil))); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
	if got := string(r.Append([]byte("before\n"))); got != "before\n"+want {
		t.Errorf("appended: %q", got)
	}
}

func TestPrometheusReadsWhatWasMeant(t *testing.T) {
	families := parse(t, sample().Append(nil))
	if n := len(families); n != 5 {
		t.Errorf("%d families, want 5: what was never counted has no series", n)
	}
	if got := families["app_open"].GetHelp(); got != "Open \"now\".\nBack\\slash." {
		t.Errorf("help = %q", got)
	}
	counter := families["app_requests_total"].Metric[1]
	if l := counter.Label; l[1].GetName() != "result" || l[1].GetValue() != "a \"b\" \\ \n?é" || counter.Counter.GetValue() != 1 {
		t.Errorf("counter = %v", counter)
	}
	h := families["app_seconds"].Metric[0].Histogram
	if h.GetSampleCount() != 4 || h.GetSampleSum() != 1e7 || len(h.Bucket) != 4 || h.Bucket[1].GetCumulativeCount() != 3 {
		t.Errorf("histogram = %v", h)
	}
	if s := families["app_pauses_seconds"].Metric[0].Summary; s.GetSampleCount() != 3 || s.GetSampleSum() != .25 {
		t.Errorf("summary = %v", s)
	}
}

func TestNothingIsNothing(t *testing.T) {
	var r metric.Registry
	if got := r.Append(nil); len(got) != 0 {
		t.Errorf("an empty registry says %q", got)
	}
}

// Label values come from files and certificates: no value may end its line, or
// become another one's, and what is UTF-8 arrives as it was.
func FuzzLabelValues(f *testing.F) {
	f.Add("", "", `x"} 1`)
	f.Add("\\", "\\\"", "\n# TYPE a counter\n")
	f.Add("\xff", "\r\x00\u2028", "a\xffb\xfe")
	f.Fuzz(func(t *testing.T, a, b, help string) {
		var r metric.Registry
		v := r.NewCounter("fuzz_total", strings.ToValidUTF8(help, "?"), "one", "two")
		v.With(a, b).Inc()
		families := parse(t, r.Append(nil))
		if len(families) != 1 || len(families["fuzz_total"].GetMetric()) != 1 {
			t.Fatalf("one series became %v", families)
		}
		m := families["fuzz_total"].Metric[0]
		if got, want := m.Label[0].GetValue(), strings.ToValidUTF8(a, "?"); got != want {
			t.Errorf("one = %q, want %q", got, want)
		}
		if got, want := m.Label[1].GetValue(), strings.ToValidUTF8(b, "?"); got != want {
			t.Errorf("two = %q, want %q", got, want)
		}
	})
}
