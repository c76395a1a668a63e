package admin

import "github.com/sidegate/sidegate/proxy/metric"

// NewRegistry returns a registry with what every process tells about itself:
// the versions of Sidegate and of Go as labels, the Go runtime, and the process.
// The latter two have the names and help texts that dashboards know from the
// Prometheus client library for Go.
func NewRegistry(version, goVersion string) *metric.Registry {
	reg := new(metric.Registry)
	reg.NewGauge("sidegate_build_info", "Always 1; the labels say what was built.", "version", "goversion").
		With(version, goVersion).Set(1)
	reg.NewGauge("go_info", "Information about the Go environment.", "version").With(goVersion).Set(1)
	addRuntime(reg)
	addProcess(reg)
	return reg
}
