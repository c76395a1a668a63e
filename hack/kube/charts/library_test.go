package main

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	"sigs.k8s.io/yaml"
)

// A chart that depends on the library without the alias "sidegate", so that
// nothing but the templates checks the values.
const parentChart = "testdata/parent"

const libraryChart = "../../../charts/sidegate-lib"

func TestTheLibraryRendersAsBefore(t *testing.T) {
	golden(t, parentChart, "sidegate-lib", readCases(t, "sidegate-lib"))
}

func TestTheLibraryRefusesBadValues(t *testing.T) {
	for _, bad := range readCases(t, "sidegate-lib").Bad {
		t.Run(bad.Name, func(t *testing.T) {
			_, err := render(load(t, parentChart), bad.Values, kubeVersions[0])
			wantMessage(t, err, bad.Want)
		})
	}
}

// Each template checks for itself: one that is left out must not take the check along.
func TestEveryIncludeOfTheLibraryChecks(t *testing.T) {
	for _, include := range []string{"sidegate.container", "sidegate.volumes", "sidegate.podAnnotations"} {
		c := load(t, parentChart)
		c.Templates[0].Data = []byte(`{{ include "` + include + `" . }}`)
		_, err := render(c, json.RawMessage(`{"sidegate": {"allow": ["CN=web"]}}`), kubeVersions[0])
		if err == nil || !strings.Contains(err.Error(), "sidegate.tlsSecret is required") {
			t.Errorf("include %q of values without a certificate: %v", include, err)
		}
	}
}

// The defaults stand twice: in the templates, for charts without the alias, and
// in values.yaml, for those with it and for the reader.
func TestTheDefaultsOfTheLibraryAreThoseOfItsValues(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(libraryChart, "values.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	written := map[string]any{}
	if err := yaml.Unmarshal(text, &written); err != nil {
		t.Fatal(err)
	}
	needed := map[string]any{"tlsSecret": "a", "clientCA": map[string]any{"configMap": "b"}, "allow": []string{"CN=web"}}
	maps.Copy(written, needed)
	if diff := cmp.Diff(renderGate(t, needed), renderGate(t, written)); diff != "" {
		t.Errorf("values.yaml changes what the templates make by default (-templates +values.yaml):\n%s", diff)
	}
}

// renderGate renders the parent with gate as the values of the sidecar.
func renderGate(t *testing.T, gate map[string]any) string {
	t.Helper()
	values, err := json.Marshal(map[string]any{"sidegate": gate})
	if err != nil {
		t.Fatal(err)
	}
	return joined(mustRender(t, parentChart, values))
}

// A library cannot know its appVersion when it is rendered: .Chart is the parent.
func TestTheDefaultTagIsTheVersionOfTheLibrary(t *testing.T) {
	metadata, err := chartutil.LoadChartfile(filepath.Join(libraryChart, "Chart.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	want := `"sidegate/sidegate:` + metadata.AppVersion + `"`
	got := renderGate(t, map[string]any{"config": "gate"})
	if !strings.Contains(got, want) {
		t.Errorf("the image is not %s, as Chart.yaml says, in\n%s", want, got)
	}
}

// The values can come from elsewhere, for a chart with two gates.
func TestTheLibraryReadsNothingButItsValues(t *testing.T) {
	c := load(t, parentChart)
	c.Templates[0].Data = []byte(`{{ include "sidegate.container" (dict "Values" (dict "sidegate" .Values.hooks)) }}`)
	files, err := render(c, json.RawMessage(`{"hooks": {"config": "gate"}}`), kubeVersions[0])
	if err != nil {
		t.Fatal(err)
	}
	if got := joined(files); !strings.Contains(got, "--config=/etc/sidegate/config/sidegate.yaml") {
		t.Errorf("rendered\n%s", got)
	}
}
