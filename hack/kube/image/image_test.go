package main

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// The second build has another directory, another time of the files and
// another environment, as on the machine of somebody who checks a release.
func TestTwoBuildsAreTheSameByteForByte(t *testing.T) {
	first := buildInto(t, t.TempDir(), testSource)

	elsewhere := t.TempDir()
	if err := os.CopyFS(elsewhere, os.DirFS(testSource)); err != nil {
		t.Fatal(err)
	}
	settings := filepath.Join(t.TempDir(), "env") // of "go env -w", for what the environment leaves empty
	if err := os.WriteFile(settings, []byte("GOFLAGS=-tags=another\nGOEXPERIMENT=nogreenteagc\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"GOAMD64": "v3", "GOARM64": "v9.0", "GOFIPS140": "latest", "GOENV": settings, "CGO_ENABLED": "1", "TZ": "Asia/Tokyo",
	} {
		t.Setenv(name, value)
	}
	second := buildInto(t, t.TempDir(), elsewhere)

	for _, ending := range []string{".tar", ".spdx.json"} {
		a, b := readFile(t, filepath.Join(first, "sidegate"+ending)), readFile(t, filepath.Join(second, "sidegate"+ending))
		if len(a) == 0 || !bytes.Equal(a, b) {
			t.Errorf("sidegate%s differs between two builds (%d and %d bytes)", ending, len(a), len(b))
		}
	}
}

func TestTheArchiveIsAnImageLayoutForBothPlatforms(t *testing.T) {
	dir := unpack(t, filepath.Join(buildInto(t, t.TempDir(), testSource), "sidegate.tar"))
	top, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(top); err != nil {
		t.Errorf("the layout contradicts itself: %v", err)
	}
	index, named := onlyIndexOf(t, top)
	want := map[string]string{
		"io.containerd.image.name":          "registry.example/team/sidegate:rc1",
		"org.opencontainers.image.ref.name": "rc1",
	}
	if diff := cmp.Diff(want, named.Annotations); diff != "" {
		t.Errorf("a container runtime learns the name of the image wrongly (-want +got):\n%s", diff)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var platforms []string
	for _, m := range manifest.Manifests {
		platforms = append(platforms, m.Platform.String())
	}
	if diff := cmp.Diff([]string{"linux/amd64", "linux/arm64"}, platforms); diff != "" {
		t.Errorf("platforms of the index (-want +got):\n%s", diff)
	}
	if got := manifest.Annotations["org.opencontainers.image.version"]; got != "v1.2.3" {
		t.Errorf("the index says that its version is %q, want v1.2.3", got)
	}
}

// Docker engines without the containerd image store read manifest.json alone.
func TestAnOlderDockerFindsAnImageToo(t *testing.T) {
	dir := unpack(t, filepath.Join(buildInto(t, t.TempDir(), testSource), "sidegate.tar"))
	var entries []struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	if err := json.Unmarshal(readFile(t, filepath.Join(dir, "manifest.json")), &entries); err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 || len(entries[0].Layers) != 1 {
		t.Fatalf("manifest.json has %+v, want one image of one layer", entries)
	}
	if diff := cmp.Diff([]string{"registry.example/team/sidegate:rc1"}, entries[0].RepoTags); diff != "" {
		t.Errorf("name of the image (-want +got):\n%s", diff)
	}
	var config v1.ConfigFile
	if err := json.Unmarshal(readFile(t, filepath.Join(dir, entries[0].Config)), &config); err != nil {
		t.Fatal(err)
	}
	if config.Architecture != "amd64" {
		t.Errorf("it is for %s, want the first platform, amd64", config.Architecture)
	}
	readFile(t, filepath.Join(dir, entries[0].Layers[0]))
}

func TestAnImageIsOneFileThatItsUserMayRun(t *testing.T) {
	for _, variant := range assembled(t, mustParse(t, "-version", "v1.2.3")).variants {
		layers, err := variant.Layers()
		if err != nil {
			t.Fatal(err)
		}
		if len(layers) != 1 {
			t.Fatalf("%d layers, want 1", len(layers))
		}
		content, err := layers[0].Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		archive := tar.NewReader(content)
		h, err := archive.Next()
		if err != nil {
			t.Fatal(err)
		}
		if h.Name != "sidegate" || h.Mode != 0o755 || h.Uid != 0 || h.Gid != 0 || h.Uname != "" || h.ModTime.Unix() != 0 {
			t.Errorf("the file is %+v, want sidegate, 0755, of root, from 1970", h)
		}
		if _, err := archive.Next(); err != io.EOF {
			t.Errorf("after the first file of the layer: %v, want its end", err)
		}
	}
}

func TestAFailedBuildSaysWhatTheCompilerSaid(t *testing.T) {
	source := t.TempDir()
	if err := os.CopyFS(source, os.DirFS(testSource)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(source, "cmd", "sidegate", "broken.go"), []byte("package main\n\nvar x int = true\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	err := execute(t.Context(), []string{"-source", source, "-out", out, "-platforms", "linux/amd64"}, io.Discard)
	for _, want := range []string{"compile ./cmd/sidegate for linux/amd64", "broken.go:3", "true"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("execute: %v, want %q in it", err, want)
		}
	}
	if files, err := os.ReadDir(out); err != nil || len(files) > 0 {
		t.Errorf("a failed build left %v, %v", files, err)
	}
}

// buildInto builds the image of source into dir and returns dir.
func buildInto(t *testing.T, dir, source string) string {
	t.Helper()
	var table bytes.Buffer
	err := execute(t.Context(), []string{
		"-source", source, "-out", dir, "-name", "registry.example/team", "-tag", "rc1", "-version", "v1.2.3",
		"-revision", "0123abcd", "-created", "1700000000",
	}, &table)
	if err != nil {
		t.Fatalf("execute: %v", err)
	}
	for _, want := range []string{"registry.example/team/sidegate:rc1", "linux/amd64", "linux/arm64", "sha256:"} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, table.String())
		}
	}
	return dir
}

// assembled compiles the first product of o and makes its images.
func assembled(t *testing.T, o options) image {
	t.Helper()
	i := image{product: o.products[0], opts: o}
	var err error
	if i.binaries, err = compile(t.Context(), o, i.product); err != nil {
		t.Fatal(err)
	}
	if err := i.assemble(); err != nil {
		t.Fatal(err)
	}
	return i
}

// onlyIndexOf returns the one index that the layout has, and how it is named.
func onlyIndexOf(t *testing.T, top v1.ImageIndex) (v1.ImageIndex, v1.Descriptor) {
	t.Helper()
	manifest, err := top.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if len(manifest.Manifests) != 1 {
		t.Fatalf("the layout has %d entries, want 1: skopeo cannot choose between several", len(manifest.Manifests))
	}
	index, err := top.ImageIndex(manifest.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	return index, manifest.Manifests[0]
}

// unpack returns a directory with what is in the tar.
func unpack(t *testing.T, file string) string {
	t.Helper()
	dir := t.TempDir()
	archive := tar.NewReader(bytes.NewReader(readFile(t, file)))
	for {
		h, err := archive.Next()
		if err == io.EOF {
			return dir
		}
		if err != nil {
			t.Fatalf("read %s: %v", file, err)
		}
		target := filepath.Join(dir, filepath.FromSlash(h.Name))
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(target, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func readFile(t *testing.T, file string) []byte {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
