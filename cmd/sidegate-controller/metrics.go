package main

import (
	"runtime"

	"github.com/sidegate/sidegate/proxy/admin"
	"github.com/sidegate/sidegate/proxy/metric"
)

// controllerMetrics are all metrics of the controller but those that every Go
// process has. What is known of objects is told by the one that leads, so that
// it is there once however many controllers run, and only while the object is
// there and mounted.
type controllerMetrics struct {
	registry *metric.Registry

	delay     *metric.Histogram
	events    *metric.Vec[*metric.Counter] // by reason
	leader    *metric.Gauge
	podSyncs  *metric.Vec[*metric.Counter] // by result
	expiry    *metric.Family
	updates   *metric.Family
	faults    *metric.Family
	cached    *metric.Family
	inspected *metric.Family
	failing   *metric.Family
	synced    *metric.Family
}

func newMetrics() *controllerMetrics {
	reg := admin.NewRegistry(buildVersion(), runtime.Version())
	m := &controllerMetrics{
		registry: reg,
		delay: reg.NewHistogram("sidegate_controller_pod_sync_delay_seconds", "Time from noticing that an object changed to the touch of a pod that mounts it.",
			[]float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10}).With(),
		events:    reg.NewCounter("sidegate_controller_events_total", "Events written.", "reason"),
		leader:    reg.NewGauge("sidegate_controller_leader", "1 on the controller that acts, else 0.").With(),
		podSyncs:  reg.NewCounter("sidegate_controller_pod_syncs_total", "Touches of pods whose objects changed. A pod is touched twice for a change.", "result"),
		expiry:    reg.NewSampled(metric.KindGauge, "sidegate_controller_certificate_expiry_timestamp_seconds", "Unix time at which the first certificate in a key of a mounted object expires.", "namespace", "kind", "name", "key"),
		updates:   reg.NewSampled(metric.KindGauge, "sidegate_controller_crl_next_update_timestamp_seconds", "Unix time from which the first revocation list in a key of a mounted object is out of date.", "namespace", "kind", "name", "key"),
		faults:    reg.NewSampled(metric.KindGauge, "sidegate_controller_object_faults", "1 while a mounted object has this fault.", "namespace", "kind", "name", "reason"),
		cached:    reg.NewSampled(metric.KindGauge, "sidegate_controller_cached_objects", "Objects of which the metadata is known.", "resource"),
		inspected: reg.NewSampled(metric.KindGauge, "sidegate_controller_inspected_objects", "Objects that pods mount and that were looked at."),
		failing:   reg.NewSampled(metric.KindGauge, "sidegate_controller_inspection_failing", "1 while a mounted object cannot be read, or its Events cannot be written; the log says why.", "namespace", "kind", "name"),
		synced:    reg.NewSampled(metric.KindGauge, "sidegate_controller_scope_synced", "1 if the caches of a namespace were filled, 0 while it cannot be listed and nothing is done for its pods; * is all of them.", "namespace"),
	}
	m.syncsBy("ok")
	m.syncsBy("error")
	return m
}

func (m *controllerMetrics) syncs(result string)                   { m.syncsBy(result).Inc() }
func (m *controllerMetrics) syncsBy(result string) *metric.Counter { return m.podSyncs.With(result) }

// watch has v and i tell what they know at each scrape.
func (m *controllerMetrics) watch(v *view, i *inspector) {
	m.registry.Collect(func(to *metric.Scrape) {
		pods, secrets, configMaps := v.size()
		to.Value(m.cached, float64(pods), "pods")
		to.Value(m.cached, float64(secrets), "secrets")
		to.Value(m.cached, float64(configMaps), "configmaps")
		for _, s := range v.scopes {
			to.Value(m.synced, oneIf(s.ready()), s.name())
		}
		all := i.known()
		to.Value(m.inspected, float64(len(all)))
		for o, st := range all {
			m.object(to, o, st)
		}
	})
}

func (m *controllerMetrics) object(to *metric.Scrape, o object, st state) {
	for key, end := range st.verdict.expires {
		to.Value(m.expiry, float64(end.Unix()), o.namespace, string(o.kind), o.name, key)
	}
	for key, end := range st.verdict.updates {
		to.Value(m.updates, float64(end.Unix()), o.namespace, string(o.kind), o.name, key)
	}
	for reason := range st.verdict.reasons {
		to.Value(m.faults, 1, o.namespace, string(o.kind), o.name, kebab(reason))
	}
	if st.failing {
		to.Value(m.failing, 1, o.namespace, string(o.kind), o.name)
	}
}

func oneIf(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
