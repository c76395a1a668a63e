package proxy

import (
	"time"

	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/metric"
	"github.com/sidegate/sidegate/proxy/policy"
)

// Metrics are all the metrics of the data path. Labels take values from the
// configuration and from closed lists of words only: no client can make one up.
type Metrics struct {
	requests    *metric.Vec[*metric.Counter]
	durations   *metric.Vec[*metric.Histogram]
	reportOnly  *metric.Vec[*metric.Counter]
	fits        *metric.Vec[*metric.Counter]
	handshakes  *metric.Vec[*metric.Counter]
	connections *metric.Vec[*metric.Gauge]
	stores      *stores
}

// NewMetrics returns the metrics, as part of reg.
func NewMetrics(reg *metric.Registry) *Metrics {
	return &Metrics{
		requests: reg.NewCounter("sidegate_requests_total",
			"Requests by the rule that admitted them (empty if none) and the result: ok, or the reason word of the refusal or failure.",
			"listener", "rule", "result"),
		durations: reg.NewHistogram("sidegate_request_duration_seconds",
			"Time from a request's head to the end of its response, of admitted requests.",
			[]float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}, "listener"),
		reportOnly: reg.NewCounter("sidegate_report_only_total",
			"Requests that report: true let through, by the reason word for which they would be refused. They are in sidegate_requests_total, without a rule.",
			"listener", "reason"),
		fits: reg.NewCounter("sidegate_report_rule_fits_total",
			"Requests that a rule with report: true fits, which lets nobody in.", "listener", "rule"),
		handshakes: reg.NewCounter("sidegate_handshake_failures_total",
			"Connections that ended before or in the TLS handshake, by reason word.", "listener", "reason"),
		connections: reg.NewGauge("sidegate_connections", "Client connections open now.", "listener"),
		stores:      newStores(reg),
	}
}

// Watch adds the certificates of a store to the metrics under the listener's
// name, replacing the one that was there.
func (m *Metrics) Watch(listener string, s *certs.Store) { m.stores.set(listener, s) }

// of returns the metrics of one listener. Those that do not depend on what
// happens are there from now on, and 0.
func (m *Metrics) of(listener string) *listenerMetrics {
	return &listenerMetrics{
		listener:    listener,
		requests:    m.requests,
		durations:   m.durations.With(listener),
		reportOnly:  m.reportOnly,
		fits:        m.fits,
		handshakes:  m.handshakes,
		connections: m.connections.With(listener),
	}
}

// listenerMetrics count what happens at one listener. Counting allocates nothing
// and waits for nobody.
type listenerMetrics struct {
	listener    string
	requests    *metric.Vec[*metric.Counter]
	durations   *metric.Histogram
	reportOnly  *metric.Vec[*metric.Counter]
	fits        *metric.Vec[*metric.Counter]
	handshakes  *metric.Vec[*metric.Counter]
	connections *metric.Gauge
}

// request counts a request, the rule that let it in and how it ended.
func (m *listenerMetrics) request(rule string, why reason, took time.Duration) {
	m.requests.With(m.listener, rule, string(why)).Inc()
	if rule != "" {
		m.durations.Observe(took.Seconds())
	}
}

// decided counts what the policy reported of a request.
func (m *listenerMetrics) decided(d *policy.Decision, took time.Duration) {
	if d.Fits != "" {
		m.fits.With(m.listener, d.Fits).Inc()
	}
	if d.Reported() {
		m.reportOnly.With(m.listener, string(d.Reason)).Inc()
		m.durations.Observe(took.Seconds()) // it was let in, if by no rule
	}
}

func (m *listenerMetrics) handshakeFailed(why reason) {
	m.handshakes.With(m.listener, string(why)).Inc()
}

// ConfigMetrics tell how the configuration file fares.
type ConfigMetrics struct {
	Reloads  *metric.Counter
	Failures *metric.Counter
	Fault    *metric.Gauge
}

// NewConfigMetrics returns the metrics of the configuration file, as part of reg.
func NewConfigMetrics(reg *metric.Registry) *ConfigMetrics {
	return &ConfigMetrics{
		Reloads: reg.NewCounter("sidegate_config_reloads_total",
			"Times that a changed configuration was taken into use.").With(),
		Failures: reg.NewCounter("sidegate_config_reload_failures_total",
			"Times that a changed configuration could not be used and the last good one stayed.").With(),
		Fault: reg.NewGauge("sidegate_config_fault",
			"1 while the configuration file cannot be used and an older one is, else 0.").With(),
	}
}
