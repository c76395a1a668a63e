package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	"helm.sh/helm/v4/pkg/engine"
	"sigs.k8s.io/yaml"
)

// The oldest Kubernetes that the charts are for, and the newest they are tested
// with. What is rendered is the same for both: charts are told by their values
// what to do, and do not ask the cluster, which "helm template" has none of.
var kubeVersions = []string{"1.29.0", "1.37.2"}

// The release that is rendered.
const releaseName, releaseNamespace = "test", "test-ns"

// A cases is the file testdata/CHART/cases.yaml.
type cases struct {
	// Good are values that the chart takes. What is rendered is in
	// testdata/CHART/NAME.yaml.
	Good []goodCase `json:"good"`
	// Bad are values that the chart refuses.
	Bad []badCase `json:"bad"`
}

type goodCase struct {
	Name   string          `json:"name"`
	Values json.RawMessage `json:"values"`
}

type badCase struct {
	Name   string          `json:"name"`
	Values json.RawMessage `json:"values"`
	Want   []string        `json:"want"` // parts of the message
}

// forEachChart runs test for every chart, with the folder that it is in.
func forEachChart(t *testing.T, test func(t *testing.T, dir string)) {
	t.Helper()
	dirs, err := chartDirs("../../../charts")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) { test(t, dir) })
	}
}

// forEachRendered runs test for every chart that renders something, and the
// cases that it must have.
func forEachRendered(t *testing.T, test func(t *testing.T, dir string, c cases)) {
	t.Helper()
	forEachChart(t, func(t *testing.T, dir string) {
		if load(t, dir).Metadata.Type == "library" {
			return
		}
		c := readCases(t, filepath.Base(dir))
		if len(c.Good) == 0 || len(c.Bad) == 0 {
			t.Fatalf("testdata/%s/cases.yaml has %d good cases and %d bad ones; write some of both", filepath.Base(dir), len(c.Good), len(c.Bad))
		}
		test(t, dir, c)
	})
}

func readCases(t *testing.T, name string) (c cases) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name, "cases.yaml"))
	if err != nil {
		t.Fatalf("every chart has cases: %v", err)
	}
	if err := yaml.UnmarshalStrict(text, &c); err != nil {
		t.Fatalf("testdata/%s/cases.yaml: %v", name, err)
	}
	return c
}

// stage copies the chart in dir to a folder of its own and puts its dependencies
// there, as "helm dependency build" does with those that are folders beside it.
func stage(t *testing.T, dir string) string {
	t.Helper()
	staged := filepath.Join(t.TempDir(), filepath.Base(dir))
	if err := os.CopyFS(staged, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	vendored := filepath.Join(staged, "charts")
	if err := errors.Join(os.RemoveAll(vendored), os.RemoveAll(filepath.Join(staged, "Chart.lock"))); err != nil {
		t.Fatal(err)
	}
	metadata, err := chartutil.LoadChartfile(filepath.Join(staged, "Chart.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range metadata.Dependencies {
		folder, ok := strings.CutPrefix(d.Repository, "file://")
		if !ok {
			t.Fatalf("the dependency %q is in %q; charts here depend on nothing outside of this repository", d.Name, d.Repository)
		}
		if err := os.CopyFS(filepath.Join(vendored, d.Name), os.DirFS(filepath.Join(dir, folder))); err != nil {
			t.Fatal(err)
		}
	}
	return staged
}

// load returns the chart in dir, with its dependencies.
func load(t *testing.T, dir string) *chart.Chart {
	t.Helper()
	c, err := loader.LoadDir(stage(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// render returns what "helm template" renders of c, by file, NOTES.txt too. It
// changes c, as helm does.
func render(c *chart.Chart, values json.RawMessage, kubeVersion string) (map[string]string, error) {
	given, err := loader.LoadValues(bytes.NewReader(values))
	if err != nil {
		return nil, err
	}
	version, err := common.ParseKubeVersion(kubeVersion)
	if err != nil {
		return nil, err
	}
	if !chartutil.IsCompatibleRange(c.Metadata.KubeVersion, version.String()) {
		return nil, fmt.Errorf("chart %q wants Kubernetes %q and this is %q", c.Name(), c.Metadata.KubeVersion, version)
	}
	if err := chartutil.ProcessDependencies(c, given); err != nil {
		return nil, err
	}
	capabilities := common.DefaultCapabilities.Copy()
	capabilities.KubeVersion = *version
	release := common.ReleaseOptions{Name: releaseName, Namespace: releaseNamespace, IsInstall: true, Revision: 1}
	all, err := util.ToRenderValues(c, given, release, capabilities)
	if err != nil {
		return nil, err
	}
	files, err := engine.Render(c, all)
	maps.DeleteFunc(files, func(file, text string) bool {
		ofDependency := path.Base(file) == "NOTES.txt" && file != c.Name()+"/templates/NOTES.txt"
		return ofDependency || strings.TrimSpace(text) == ""
	})
	return files, err
}

// mustRender renders the chart in dir with the newest Kubernetes.
func mustRender(t *testing.T, dir string, values json.RawMessage) map[string]string {
	t.Helper()
	files, err := render(load(t, dir), values, kubeVersions[len(kubeVersions)-1])
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// joined returns files as "helm template" prints them, in the order of their names.
func joined(files map[string]string) string {
	var out strings.Builder
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(&out, "---\n# Source: %s\n%s\n", name, strings.Trim(files[name], "\n"))
	}
	return out.String()
}
