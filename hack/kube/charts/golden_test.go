package main

import (
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files and the READMEs instead of comparing with them")

func TestRenderedAsBefore(t *testing.T) {
	forEachRendered(t, func(t *testing.T, dir string, c cases) {
		golden(t, dir, filepath.Base(dir), c)
	})
}

// "helm template" has no cluster to ask, and GitOps tools render with it: a chart
// that asked would leave things out for them.
func TestRenderedAlikeForEveryKubernetes(t *testing.T) {
	forEachRendered(t, func(t *testing.T, dir string, c cases) {
		for _, good := range c.Good {
			newest := joined(mustRender(t, dir, good.Values))
			oldest, err := render(load(t, dir), good.Values, kubeVersions[0])
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(newest, joined(oldest)); diff != "" {
				t.Errorf("%s: Kubernetes %s gets something else than %s:\n%s", good.Name, kubeVersions[0], kubeVersions[1], diff)
			}
		}
	})
}

func TestReadmesAreFresh(t *testing.T) {
	if err := run("../../../charts", *update); err != nil {
		t.Error(err)
	}
}

// golden compares what the good cases of the chart in dir render with the files
// below testdata/NAME, or writes them. A file that is missing there, or left
// over, is a difference like any other.
func golden(t *testing.T, dir, name string, c cases) {
	t.Helper()
	got := map[string]string{}
	var first map[string]string
	for _, good := range c.Good {
		files := mustRender(t, dir, good.Values)
		maps.Copy(got, goldenFiles(good.Name, files, first))
		if first == nil {
			first = files
		}
	}
	root := filepath.Join("testdata", name)
	if *update {
		writeGolden(t, root, got)
		return
	}
	if diff := cmp.Diff(readGolden(t, root), got); diff != "" {
		t.Errorf("what is rendered is not what is in %s (-want +got); if the change is meant, run go test ./charts -update\n%s", root, diff)
	}
}

// goldenFiles returns the golden files of a case: a list of what it renders, and
// those files that are not as in the first case, so that it shows what its values
// change. first is nil for the first case itself.
func goldenFiles(name string, files, first map[string]string) map[string]string {
	var list strings.Builder
	golden := map[string]string{}
	for _, file := range slices.Sorted(maps.Keys(files)) {
		_, short, _ := strings.Cut(file, "/templates/")
		if text, ok := first[file]; ok && text == files[file] {
			fmt.Fprintf(&list, "%s, as in the first case\n", short)
			continue
		}
		fmt.Fprintf(&list, "%s\n", short)
		golden[filepath.Join(name, short)] = strings.Trim(files[file], "\n") + "\n"
	}
	golden[filepath.Join(name, "files")] = list.String()
	return golden
}

func writeGolden(t *testing.T, root string, files map[string]string) {
	t.Helper()
	for old := range readGolden(t, root) {
		if err := os.Remove(filepath.Join(root, old)); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range files {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// readGolden returns the files in the folders of root, by their names from there.
func readGolden(t *testing.T, root string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || name == "cases.yaml" {
			return err
		}
		text, err := os.ReadFile(filepath.Join(root, name))
		files[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
