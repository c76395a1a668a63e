package admin

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestEveryReasonIsExplained reads the reason words where they are declared, so
// that a new one cannot reach the page without a sentence.
func TestEveryReasonIsExplained(t *testing.T) {
	words := make(map[string]bool)
	for _, place := range []struct{ dir, names string }{
		{"..", `^reason`}, {"../certs", `^Reason`}, {"../policy", `.`},
	} {
		declared(t, place.dir, regexp.MustCompile(place.names), words)
	}
	delete(words, "ok") // no refusal
	for word := range words {
		if explanations[word] == "" {
			t.Errorf("reason %q has no explanation", word)
		}
	}
	for word := range explanations {
		if !words[word] {
			t.Errorf("%q is explained and is no reason", word)
		}
	}
	for word := range callExplanations {
		if !words[word] {
			t.Errorf("%q is explained for calls and is no reason", word)
		}
	}
	if len(words) < 20 {
		t.Errorf("only %d reasons were found: are they declared otherwise?", len(words))
	}
}

// declared notes the reason words among the constants of a directory: those of
// a type named like a reason, and untyped ones whose name says so.
func declared(t *testing.T, dir string, names *regexp.Regexp, words map[string]bool) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if ok && len(spec.Values) == 1 && names.MatchString(spec.Names[0].Name) {
				note(spec, words)
			}
			return true
		})
	}
}

// note notes the word of a declaration, if it is one of a reason.
func note(spec *ast.ValueSpec, words map[string]bool) {
	value := spec.Values[0]
	if call, ok := value.(*ast.CallExpr); ok && len(call.Args) == 1 { // reason("word")
		value = call.Args[0]
	}
	typed, _ := spec.Type.(*ast.Ident)
	lit, ok := value.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING || typed == nil && !strings.Contains(strings.ToLower(spec.Names[0].Name), "reason") ||
		typed != nil && !strings.EqualFold(typed.Name, "reason") {
		return
	}
	if word, err := strconv.Unquote(lit.Value); err == nil {
		words[word] = true
	}
}
