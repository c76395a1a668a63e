package proxy_test

import (
	"maps"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sidegate/sidegate/proxy/minica"
)

// series returns the series of a metric that are not buckets, by their labels.
func (g *gate) series(name string) map[string]float64 {
	g.t.Helper()
	all := make(map[string]float64)
	for line := range strings.Lines(string(g.reg.Append(nil))) {
		rest, ok := strings.CutPrefix(line, name)
		if !ok || rest[0] != ' ' && rest[0] != '{' {
			continue
		}
		at := strings.LastIndexByte(rest, ' ') // values of labels may have spaces
		value, err := strconv.ParseFloat(strings.TrimSpace(rest[at:]), 64)
		if err != nil {
			g.t.Fatalf("%s: %v", line, err)
		}
		all[rest[:at]] = value
	}
	return all
}

func TestRequestsAreCountedByRuleAndResult(t *testing.T) {
	g := openGate(t)
	stranger := issue(t, g.clientCA, minica.Options{Subject: "CN=stranger"})
	for _, call := range []struct {
		as   *minica.Cert
		want int
	}{{g.partner, 200}, {g.partner, 200}, {stranger, 403}} {
		if status, body := g.get(g.client(call.as, false), "/"); status != call.want {
			t.Fatalf("status %d, %q; want %d", status, body, call.want)
		}
	}
	want := map[string]float64{
		`{listener="ingress",result="ok",rule="partner"}`:           2,
		`{listener="ingress",result="subject-not-allowed",rule=""}`: 1,
	}
	got := func() map[string]float64 { return g.series("sidegate_requests_total") }
	eventually(t, "the requests counted", func() bool { return maps.Equal(want, got()) }, func() string { return cmp.Diff(want, got()) })
	of := `{listener="ingress"}`
	if diff := cmp.Diff(map[string]float64{of: 2}, g.series("sidegate_request_duration_seconds_count")); diff != "" {
		t.Errorf("requests that were let in are timed; -want +got:\n%s", diff)
	}
}

// A scrape before the first client has what alerts compare with.
func TestAListenerIsThereBeforeItsFirstClient(t *testing.T) {
	g := openGate(t)
	for _, name := range []string{"sidegate_connections", "sidegate_request_duration_seconds_count", "sidegate_request_duration_seconds_sum"} {
		if diff := cmp.Diff(map[string]float64{`{listener="ingress"}`: 0}, g.series(name)); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
}
