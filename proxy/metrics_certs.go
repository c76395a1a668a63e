package proxy

import (
	"maps"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sidegate/sidegate/proxy/certs"
)

// stores collects what the certificate stores say of themselves at the time of
// a scrape, so that no metric can lag behind a swap.
type stores struct {
	mu    sync.Mutex
	named map[string]*certs.Store

	notAfter, reloads, failures, generation, loaded, notServed, polling *prometheus.Desc
}

func newStores() *stores {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, append([]string{"listener"}, labels...), nil)
	}
	return &stores{
		named:      make(map[string]*certs.Store),
		notAfter:   desc("sidegate_certificate_not_after_seconds", "Unix time at which a certificate in use expires. role is certificate, chain or ca.", "file", "role", "subject", "serial"),
		reloads:    desc("sidegate_reloads_total", "Times that changed files were taken into use."),
		failures:   desc("sidegate_reload_failures_total", "Times that changed files could not be used and the last good ones stayed."),
		generation: desc("sidegate_generation", "Number of the generation of files in use; 1 is the one read at start."),
		loaded:     desc("sidegate_loaded_timestamp_seconds", "Unix time at which the files in use were read."),
		notServed:  desc("sidegate_mounted_not_served", "1 while what is mounted cannot be used and something older is served, else 0."),
		polling:    desc("sidegate_watch_polling", "1 while the kernel's change notices are not to be had and files are looked at every second, else 0."),
	}
}

func (s *stores) set(listener string, st *certs.Store) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.named[listener] = st
}

// Describe implements prometheus.Collector.
func (s *stores) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{s.notAfter, s.reloads, s.failures, s.generation, s.loaded, s.notServed, s.polling} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (s *stores) Collect(ch chan<- prometheus.Metric) {
	s.mu.Lock()
	named := maps.Clone(s.named)
	s.mu.Unlock()
	for listener, st := range named {
		s.collect(ch, listener, st.Status())
	}
}

func (s *stores) collect(ch chan<- prometheus.Metric, listener string, st certs.Status) {
	emit := func(d *prometheus.Desc, t prometheus.ValueType, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, t, v, append([]string{listener}, labels...)...)
	}
	emit(s.reloads, prometheus.CounterValue, float64(st.Reloads))
	emit(s.failures, prometheus.CounterValue, float64(st.Failures))
	emit(s.generation, prometheus.GaugeValue, float64(st.Bundle.Generation))
	emit(s.loaded, prometheus.GaugeValue, float64(st.Bundle.Loaded.Unix()))
	emit(s.notServed, prometheus.GaugeValue, flag(st.Fault != nil))
	emit(s.polling, prometheus.GaugeValue, flag(st.Polling))

	seen := make(map[[4]string]bool) // the same certificate twice in a file is one series
	for _, it := range st.Bundle.Items {
		key := [4]string{strings.ToValidUTF8(it.File, "?"), it.Role, nameOf(it.Cert.RawSubject), serialOf(it.Cert)}
		if !seen[key] {
			seen[key] = true
			emit(s.notAfter, prometheus.GaugeValue, float64(it.Cert.NotAfter.Unix()), key[:]...)
		}
	}
}

func flag(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
