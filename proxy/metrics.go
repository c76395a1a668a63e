package proxy

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sidegate/sidegate/proxy/certs"
)

// Metrics are all the metrics of the data path. Labels take values from the
// configuration and from closed lists of words only: no client can make one up.
type Metrics struct {
	requests    *prometheus.CounterVec
	durations   *prometheus.HistogramVec
	handshakes  *prometheus.CounterVec
	connections *prometheus.GaugeVec
	stores      *stores
}

// NewMetrics returns the metrics, registered with reg.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sidegate_requests_total",
			Help: "Requests by the rule that admitted them (empty if none) and the result: ok, or the reason word of the refusal or failure.",
		}, []string{"listener", "rule", "result"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "sidegate_request_duration_seconds",
			Help:    "Time from a request's head to the end of its response, of admitted requests.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"listener"}),
		handshakes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sidegate_handshake_failures_total",
			Help: "Connections that ended before or in the TLS handshake, by reason word.",
		}, []string{"listener", "reason"}),
		connections: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "sidegate_connections",
			Help: "Client connections open now.",
		}, []string{"listener"}),
		stores: newStores(),
	}
	reg.MustRegister(m.requests, m.durations, m.handshakes, m.connections, m.stores)
	return m
}

// Watch adds the certificates of a store to the metrics under the listener's
// name, replacing the one that was there.
func (m *Metrics) Watch(listener string, s *certs.Store) { m.stores.set(listener, s) }

func (m *Metrics) request(listener, rule string, why reason, took time.Duration) {
	m.requests.WithLabelValues(listener, rule, string(why)).Inc()
	if rule != "" {
		m.durations.WithLabelValues(listener).Observe(took.Seconds())
	}
}

func (m *Metrics) handshakeFailed(listener string, why reason) {
	m.handshakes.WithLabelValues(listener, string(why)).Inc()
}

// ConfigMetrics tell how the configuration file fares.
type ConfigMetrics struct {
	Reloads  prometheus.Counter
	Failures prometheus.Counter
	Fault    prometheus.Gauge
}

// NewConfigMetrics returns the metrics of the configuration file, registered
// with reg.
func NewConfigMetrics(reg prometheus.Registerer) *ConfigMetrics {
	m := &ConfigMetrics{
		Reloads: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "sidegate_config_reloads_total",
			Help: "Times that a changed configuration was taken into use.",
		}),
		Failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "sidegate_config_reload_failures_total",
			Help: "Times that a changed configuration could not be used and the last good one stayed.",
		}),
		Fault: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "sidegate_config_fault",
			Help: "1 while the configuration file cannot be used and an older one is, else 0.",
		}),
	}
	reg.MustRegister(m.Reloads, m.Failures, m.Fault)
	return m
}
