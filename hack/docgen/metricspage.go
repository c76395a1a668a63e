package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/sidegate/sidegate/proxy"
	"github.com/sidegate/sidegate/proxy/admin"
	"github.com/sidegate/sidegate/proxy/metric"
)

const metricsIntro = `<!-- Made from the source by hack/docgen: edit it there, then run "go run ./hack/docgen". -->

# Metrics

They are served as text on the health listener, ` + "`/metrics`" + ` on port 9901, beside those of the Go runtime and the
process. Labels take their values from the configuration and from closed lists of words, so that no client can
make series grow. The words are explained in [reasons.md](reasons.md).

`

const metricsAlerts = `
Worth an alert:

` + "```" + `yaml
- alert: SidegateCertificateEnds          # of the leaf, its chain and the client CAs
  expr: sidegate_certificate_not_after_seconds - time() < 30 * 86400
- alert: SidegateMountedNotServed         # somebody replaced a Secret with one that cannot be used
  expr: sidegate_mounted_not_served == 1
  for: 2m
- alert: SidegateConfigFault
  expr: sidegate_config_fault == 1
  for: 2m
- alert: SidegateApplicationDown
  expr: rate(sidegate_requests_total{result=~"app-.*"}[5m]) > 0
` + "```" + `

For certificates that live less than 45 days, choose less. A series with a
` + "`reason`" + ` or a ` + "`result`" + ` exists once that has occurred.
`

const metricsStandard = `
## Of the runtime and the process

They have the names, and mean the same, as those of the Prometheus client library for Go. Those of the process are
absent where there is no ` + "`/proc`" + `.

`

const metricsDropped = `
That library has more of them. Not served are the quantiles of ` + "`go_gc_duration_seconds`" + `, ` + "`go_gc_gogc_percent`" + `,
` + "`go_gc_gomemlimit_bytes`, `process_network_*_bytes_total`, `process_virtual_memory_max_bytes`" + `, and what is not
listed of ` + "`go_memstats_*`" + `.
`

// metricsPage makes docs/metrics.md from the registry that a sidecar serves.
func metricsPage(string) ([]byte, error) {
	var page bytes.Buffer
	page.WriteString(metricsIntro)
	writeFamilies(&page, true)
	page.WriteString(metricsAlerts + metricsStandard)
	writeFamilies(&page, false)
	page.WriteString(metricsDropped)
	return page.Bytes(), nil
}

// writeFamilies writes a table of the families that are our own, or of the others.
func writeFamilies(page *bytes.Buffer, own bool) {
	page.WriteString("| metric | kind | labels | says |\n|---|---|---|---|\n")
	for _, f := range families() {
		if isOwn(f) == own {
			fmt.Fprintf(page, "| `%s` | %s | %s | %s |\n", f.Name, f.Kind, labelList(f.Labels), f.Help)
		}
	}
}

// families returns every family that a sidecar serves, by name.
func families() []*metric.Family {
	reg := admin.NewRegistry("", "")
	proxy.NewMetrics(reg)
	proxy.NewConfigMetrics(reg)
	return reg.Families()
}

func isOwn(f *metric.Family) bool { return strings.HasPrefix(f.Name, "sidegate_") }

func labelList(labels []string) string {
	var list []string
	for _, l := range labels {
		list = append(list, code(l))
	}
	return strings.Join(list, " ")
}
