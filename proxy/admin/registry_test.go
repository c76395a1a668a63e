package admin_test

import (
	"strings"
	"testing"

	"github.com/sidegate/sidegate/proxy/admin"
)

func TestARegistryTellsWhatWasBuilt(t *testing.T) {
	addr := serve(t, admin.NewHealth(admin.Probe{Metrics: admin.NewRegistry("v1.2.3", "go1.26.11")}))
	_, body := ask(t, "GET", addr, "/metrics")
	for _, want := range []string{`sidegate_build_info{goversion="go1.26.11",version="v1.2.3"} 1`, "go_goroutines ", "process_cpu_seconds_total "} {
		if !strings.Contains(body, "\n"+want) {
			t.Errorf("the metrics have no %s", want)
		}
	}
}
