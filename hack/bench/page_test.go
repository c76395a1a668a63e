package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// aRun is what a run of two rows with two proxies might have shown.
func aRun() *results {
	all := peers()
	b := &bench{options: options{rounds: 3, warm: time.Second, window: 2 * time.Second}}
	b.contenders = []*contender{{all[0], found{version: "v1"}}, {all[1], found{version: "1.22"}}}
	b.skipped = []skip{{all[2], errors.New("it is not installed")}}
	res := &results{bench: b, begun: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC), took: time.Minute, cells: map[cell]*readings{
		{"get", "sidegate"}:     cpu(70, 72, 80),
		{"get", "nginx"}:        cpu(90, 100, 110),
		{"resumed", "sidegate"}: cpu(60, 70, 80),
		{"resumed", "nginx"}:    {cannot: errors.New("it will not")},
	}}
	for _, r := range rows() {
		if r.name == "get" || r.name == "resumed" {
			res.rows = append(res.rows, r)
		}
	}
	return res
}

func TestTablesOfAPage(t *testing.T) {
	got := aRun().render()
	got, _, _ = strings.Cut(got, "\n## The machine") // which differs
	want := `
## Against the goals

| Sidegate ÷ …                            | nginx | goal           | verdict      |
| --------------------------------------- | ----- | -------------- | ------------ |
| HTTP/1.1 keep-alive GET, 16 connections | 0.72  | ≤ 0.6 × nginx  | **missed**   |
| resumed handshake and a GET             | –     | ≤ 0.75 × nginx | not measured |

**Missed: HTTP/1.1 keep-alive GET, 16 connections.** ` + explanation(explanations, "get") + `

## The figures

Medians, with the lowest and the highest round. Less is better, but for MB a CPU second.

| work                                    | unit           | Sidegate         | nginx          |
| --------------------------------------- | -------------- | ---------------- | -------------- |
| HTTP/1.1 keep-alive GET, 16 connections | CPU µs/request | 72.0 (70.0–80.0) | 100 (90.0–110) |
| resumed handshake and a GET             | CPU µs/request | 70.0 (60.0–80.0) | –              |
`
	before, after, _ := strings.Cut(got, "\n## What a client waits")
	if diff := cmp.Diff(want, before); diff != "" {
		t.Errorf("tables (-want +got):\n%s", diff)
	}
	for _, line := range []string{
		"- nginx, \"resumed handshake and a GET\": not measured, it will not.\n",
		"- HAProxy was **skipped**: it is not installed.\n",
	} {
		if !strings.Contains(after, line) {
			t.Errorf("the notes lack %q:\n%s", line, after)
		}
	}
}

func TestExplanationIsTheSectionOfTheRow(t *testing.T) {
	text := "## get\n\nBecause.\n\nTwice.\n\n## get-log\n\n## post\nNo."
	for name, want := range map[string]string{
		"get": "Because.\n\nTwice.", "post": "No.", "get-log": "Not explained yet.", "h2": "Not explained yet.",
	} {
		if got := explanation(text, name); got != want {
			t.Errorf("explanation of %q is %q, want %q", name, got, want)
		}
	}
}

func TestEveryExplanationIsOfARow(t *testing.T) {
	for line := range strings.Lines(explanations) {
		if name, ok := strings.CutPrefix(line, "## "); ok && !wanted(strings.TrimSpace(name), rowNames()) {
			t.Errorf("explanations.md explains %q, which is no row", strings.TrimSpace(name))
		}
	}
}

func TestWritePageKeepsTheProse(t *testing.T) {
	file := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(file, []byte("Before.\n"+pageBegin+"old\n"+pageEnd+"After.\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := writePage(file, "new\n"); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(file)
	if want := "Before.\n" + pageBegin + "new\n" + pageEnd + "After.\n"; err != nil || string(got) != want {
		t.Errorf("the page is %q, %v, want %q", got, err, want)
	}
	if err := os.WriteFile(file, []byte("Before.\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := writePage(file, "new\n"); err == nil {
		t.Error("a page without marks was written")
	}
}

func TestThePageHasItsMarks(t *testing.T) {
	page, err := os.ReadFile("../../docs/benchmarks.md")
	if err != nil {
		t.Fatal(err)
	}
	begin, end := strings.Index(string(page), pageBegin), strings.Index(string(page), pageEnd)
	if begin < 0 || end < begin {
		t.Errorf("docs/benchmarks.md has its marks at %d and %d", begin, end)
	}
}
