package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// What tests make of metrics is not for the page.
func TestMetricsAreThoseOfTheSidecar(t *testing.T) {
	metrics, err := metricsOf(rootOf(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(metrics) < 10 {
		t.Fatalf("%d metrics were found; there are more", len(metrics))
	}
	for i, m := range metrics {
		if !strings.HasPrefix(m.name, "sidegate_") {
			t.Errorf("%q does not begin with sidegate_", m.name)
		}
		if i > 0 && m.name == metrics[i-1].name {
			t.Errorf("%q is there twice", m.name)
		}
	}
}

// A page must not send its reader to a command that does not exist.
func TestCommandsInThePagesExist(t *testing.T) {
	root := rootOf(t)
	commands := commandsIn(t, filepath.Join(root, "cmd", "sidegate", "main.go"))
	pages, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, page := range append(pages, filepath.Join(root, "README.md")) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\bsidegate ([a-z]+)`).FindAllSubmatch(text, -1) {
			found++
			if !slices.Contains(commands, string(m[1])) {
				t.Errorf("%s has %q; the commands are %q", page, m[0], commands)
			}
		}
	}
	if found == 0 {
		t.Error("no page has a command in it")
	}
}

// commandsIn returns the names in the table of commands, and help, which is
// none of them.
func commandsIn(t *testing.T, file string) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"help"}
	ast.Inspect(f, func(n ast.Node) bool {
		if fun, ok := n.(*ast.FuncDecl); ok && fun.Name.Name != "commands" {
			return false
		}
		if row, ok := n.(*ast.CompositeLit); ok && len(row.Elts) == 4 {
			if name, ok := row.Elts[0].(*ast.BasicLit); ok {
				text, err := strconv.Unquote(name.Value)
				if err != nil {
					t.Fatal(err)
				}
				names = append(names, text)
			}
		}
		return true
	})
	if !slices.Contains(names, "run") {
		t.Fatalf("the table of commands was not found in %s: %q", file, names)
	}
	return names
}

func rootOf(t *testing.T) string {
	t.Helper()
	root, err := findRoot()
	if err != nil {
		t.Fatal(err)
	}
	return root
}
