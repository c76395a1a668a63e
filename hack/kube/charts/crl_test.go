package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Whoever takes the # away from the lines of revocation lists in deploy/plain has
// what the library chart makes of the same wish, and not half of it.
func TestThePlainManifestsCanHaveRevocationLists(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "plain")
	if err := os.CopyFS(dir, os.DirFS("../../../deploy/plain")); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"deployment.yaml", "config.yaml"} {
		takeCommentsAway(t, filepath.Join(dir, file))
	}
	got, want := take(t, kustomize(t, dir)), byLibrary(t, `{"sidegate": {"tlsSecret": "webhook-tls", "clientCA": {"configMap": "partner-ca"},
		"crl": {"configMap": "partner-crl"}, "config": "webhook-sidegate", "podHasFSGroup": true}}`)
	if diff := cmp.Diff(want.pod.Annotations, got.pod.Annotations); diff != "" {
		t.Errorf("annotations (-library +plain):\n%s", diff)
	}
	if diff := cmp.Diff(sidegateVolumes(want.pod), sidegateVolumes(got.pod)); diff != "" {
		t.Errorf("volumes (-library +plain):\n%s", diff)
	}
	if diff := cmp.Diff(want.pod.Spec.InitContainers[0], got.pod.Spec.InitContainers[0]); diff != "" {
		t.Errorf("the sidecar (-library +plain):\n%s", diff)
	}
	if text := got.config.Data["sidegate.yaml"]; !strings.Contains(text, "\n    crl: [/etc/sidegate/crl]\n") {
		t.Errorf("the configuration does not name the lists:\n%s", text)
	}
}

// aboutLists matches what is commented out for revocation lists, line by line.
var aboutLists = regexp.MustCompile(`(?m)^( *)# ((sidegate.dev/crl:|crl:|- \{name: sidegate-crl,|- name: sidegate-crl|  configMap: \{name: partner-crl,).*)$`)

// takeCommentsAway writes file anew with what was commented out for revocation lists.
func takeCommentsAway(t *testing.T, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !aboutLists.Match(text) {
		t.Fatalf("%s says nothing of revocation lists", file)
	}
	if err := os.WriteFile(file, aboutLists.ReplaceAll(text, []byte("$1$2")), 0o600); err != nil {
		t.Fatal(err)
	}
}
