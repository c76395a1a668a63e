package main

import (
	"bytes"
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/v2/lint"
	"helm.sh/helm/v4/pkg/chart/v2/lint/support"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
)

func TestLintFindsNothing(t *testing.T) {
	forEachChart(t, func(t *testing.T, dir string) {
		staged := stage(t, dir)
		for _, c := range lintCases(t, dir) {
			values, err := loader.LoadValues(bytes.NewReader(c.Values))
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range kubeVersions {
				version, err := common.ParseKubeVersion(v)
				if err != nil {
					t.Fatal(err)
				}
				for _, m := range lint.RunAll(staged, values, releaseNamespace, lint.WithKubeVersion(version)).Messages {
					if !wantsIcon(m) {
						t.Errorf("helm lint, Kubernetes %s, values of %q: %v", v, c.Name, m)
					}
				}
			}
		}
	})
}

// lintCases returns the values to lint the chart in dir with. A library has none:
// its cases are those of a chart that depends on it.
func lintCases(t *testing.T, dir string) []goodCase {
	t.Helper()
	if c := load(t, dir); c.Metadata.Type != "library" {
		return readCases(t, c.Name()).Good
	}
	return []goodCase{{Name: "default", Values: []byte("{}")}}
}

// wantsIcon reports whether m asks for an icon. Sidegate has none.
func wantsIcon(m support.Message) bool {
	return m.Severity == support.InfoSev && strings.Contains(m.Err.Error(), "icon is recommended")
}

// A vendor's suffix must not keep a chart out of a cluster that is new enough,
// and the sidecar does not work where it is not.
func TestKubernetesVersions(t *testing.T) {
	forEachRendered(t, func(t *testing.T, dir string, c cases) {
		for version, want := range map[string]bool{
			"1.28.9": false, "1.29.0": true, "v1.30.1-eks-abc": true, "1.33.4-gke.1245000": true, "1.37.2": true,
		} {
			_, err := render(load(t, dir), c.Good[0].Values, version)
			if got := err == nil; got != want {
				t.Errorf("Kubernetes %s is taken: %t, want %t (%v)", version, got, want, err)
			}
		}
	})
}
