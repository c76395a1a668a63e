package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const metricsIntro = `<!-- Made from the source by hack/docgen: edit it there, then run "go run ./hack/docgen". -->

# Metrics

They are served as text on the health listener, ` + "`/metrics`" + ` on port 9901, beside those of the Go runtime and the
process. Labels take their values from the configuration and from closed lists of words, so that no client can
make series grow. The words are explained in [reasons.md](reasons.md).

`

const metricsOutro = `
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

// A metric is one row of the page.
type metric struct{ name, kind, help, labels string }

// metricsPage makes docs/metrics.md from the calls that make the metrics.
func metricsPage(root string) ([]byte, error) {
	metrics, err := metricsOf(root)
	if err != nil {
		return nil, err
	}
	var page bytes.Buffer
	page.WriteString(metricsIntro + "| metric | kind | labels | says |\n|---|---|---|---|\n")
	for _, m := range metrics {
		fmt.Fprintf(&page, "| `%s` | %s | %s | %s |\n", m.name, m.kind, m.labels, m.help)
	}
	page.WriteString(metricsOutro)
	return page.Bytes(), nil
}

// metricsOf finds the metrics that the sidecar makes, by name. Tests make others.
func metricsOf(root string) ([]metric, error) {
	var metrics []metric
	for _, pattern := range []string{"proxy/metrics*.go", "proxy/admin/*.go", "cmd/sidegate/*.go"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			found, err := metricsIn(file)
			if err != nil {
				return nil, err
			}
			metrics = append(metrics, found...)
		}
	}
	slices.SortFunc(metrics, func(a, b metric) int { return strings.Compare(a.name, b.name) })
	return metrics, nil
}

// metricsIn finds the metrics that a file makes.
func metricsIn(file string) ([]metric, error) {
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var found []metric
	ast.Inspect(f, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			if m, ok := metricOf(call); ok {
				found = append(found, m)
			}
		}
		return true
	})
	return found, nil
}

// metricOf reads prometheus.NewCounterVec(prometheus.CounterOpts{…}, labels) and
// its like, and the desc(name, help, labels…) of a collector.
func metricOf(call *ast.CallExpr) (metric, bool) {
	texts := textsIn(call)
	switch fun := call.Fun.(type) {
	case *ast.Ident:
		if fun.Name == "desc" && len(texts) >= 2 {
			return metric{texts[0], kindOf(texts[0]), texts[1], labelList(append([]string{"listener"}, texts[2:]...))}, true
		}
	case *ast.SelectorExpr:
		kind, isNew := strings.CutPrefix(fun.Sel.Name, "New")
		kind = strings.ToLower(strings.TrimSuffix(strings.TrimSuffix(kind, "Vec"), "Func"))
		if isNew && slices.Contains([]string{"counter", "gauge", "histogram"}, kind) && len(texts) >= 2 {
			return metric{texts[0], kind, texts[1], labelList(texts[2:])}, true
		}
	}
	return metric{}, false
}

func kindOf(name string) string {
	if strings.HasSuffix(name, "_total") {
		return "counter"
	}
	return "gauge"
}

func labelList(labels []string) string {
	for i, l := range labels {
		labels[i] = "`" + l + "`"
	}
	return strings.Join(labels, " ")
}

// textsIn returns the string literals of a call's arguments, in order, without
// those of calls within it.
func textsIn(call *ast.CallExpr) (texts []string) {
	for _, arg := range call.Args {
		ast.Inspect(arg, func(n ast.Node) bool {
			if _, inner := n.(*ast.CallExpr); inner {
				return false
			}
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				if s, err := strconv.Unquote(lit.Value); err == nil {
					texts = append(texts, s)
				}
			}
			return true
		})
	}
	return texts
}
