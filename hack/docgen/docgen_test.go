package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPagesAreFresh(t *testing.T) {
	root, err := findRoot()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pages {
		want, err := p.make(root)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(root, p.file))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s is stale; run \"go run ./hack/docgen\" (-want +got):\n%s", p.file, diff)
		}
	}
}

// Every link of a page leads to a heading of the page, and to one only.
func TestLinksLeadSomewhere(t *testing.T) {
	root, err := findRoot()
	if err != nil {
		t.Fatal(err)
	}
	text, err := configPage(root)
	if err != nil {
		t.Fatal(err)
	}
	headings := map[string]int{}
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(string(text), -1) {
		headings[anchor(m[1])]++
	}
	links := regexp.MustCompile(`\]\(#([^)]*)\)`).FindAllStringSubmatch(string(text), -1)
	if len(links) < 50 {
		t.Fatalf("there are %d links, where every key should have one", len(links))
	}
	for _, m := range links {
		if headings[m[1]] != 1 {
			t.Errorf("#%s leads to %d headings", m[1], headings[m[1]])
		}
	}
}

func TestComments(t *testing.T) {
	dir := t.TempDir()
	source := "package p\n\n// T is a type.\ntype T struct {\n\t// A is\n\t// documented:\n\t//\n\t//\ta: 1\n\t//\n\t// So it is.\n\tA int\n\tB int // not a manual\n}\n"
	if err := os.WriteFile(filepath.Join(dir, "p.go"), []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	cs, err := readComments(dir)
	if err != nil {
		t.Fatal(err)
	}
	w := &writer{comments: cs}
	for name, want := range map[string]string{
		"T":   "T is a type.\n",
		"T.A": "A is\ndocumented:\n\n```yaml\na: 1\n```\n\nSo it is.\n",
		"T.B": "",
	} {
		if got := w.comment(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if got := strings.Join(w.missing, " "); got != "T.B" {
		t.Errorf("missing is %q, want T.B", got)
	}
}
