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

// The page is a table: a name or a text with a bar in it would break it.
func TestMetricsFitTheirTable(t *testing.T) {
	own := 0
	for _, f := range families() {
		if isOwn(f) {
			own++
		} else if !strings.HasPrefix(f.Name, "go_") && !strings.HasPrefix(f.Name, "process_") {
			t.Errorf("%q is neither ours nor of the runtime or the process", f.Name)
		}
		if f.Help == "" || strings.ContainsAny(f.Help, "|\n") {
			t.Errorf("%s: the help text %q does not fit in a table", f.Name, f.Help)
		}
	}
	if own < 10 {
		t.Errorf("%d metrics are our own; there are more", own)
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
		// "install sidegate charts/sidegate" is about a release of that name.
		for _, m := range regexp.MustCompile(`\bsidegate ([a-z]+)\b[^/]`).FindAllSubmatch(text, -1) {
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
