package hack

import (
	"go/ast"
	"testing"
)

// What a reader can hold in mind at once.
const (
	maxFunctionLines = 70
	maxFileLines     = 350 // tests excepted: a table may be long
)

func TestFunctionsAreShort(t *testing.T) {
	for _, f := range handWritten(t) {
		for _, decl := range f.ast.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if lines := f.line(fn.End()) - f.line(fn.Pos()) + 1; lines > maxFunctionLines {
				t.Errorf("%s:%d: %s has %d lines, the limit is %d; give the thoughts in it names of their own",
					f.path, f.line(fn.Pos()), fn.Name.Name, lines, maxFunctionLines)
			}
		}
	}
}

func TestFilesAreShort(t *testing.T) {
	for _, f := range handWritten(t) {
		if lines := f.line(f.ast.FileEnd - 1); !f.isTest() && lines > maxFileLines {
			t.Errorf("%s has %d lines, the limit is %d; split it by thought, in the order in which the data meets them", f.path, lines, maxFileLines)
		}
	}
}

// A test that sleeps is slow on a fast machine and wrong on a slow one. Inside
// a synctest bubble time is not real, and there a sleep moves the clock.
func TestTestsDoNotSleep(t *testing.T) {
	for _, f := range sources(t) {
		if !f.isTest() {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			switch {
			case !ok:
				return true
			case calls(call, "synctest", "Test"):
				return false
			case calls(call, "time", "Sleep"):
				t.Errorf("%s:%d: a test sleeps; wait for the event itself (a channel, or a poll with a deadline), or write the sleep within the function passed to synctest.Test",
					f.path, f.line(call.Pos()))
			}
			return true
		})
	}
}

// handWritten are the sources without generated files.
func handWritten(t *testing.T) (files []sourceFile) {
	t.Helper()
	for _, f := range sources(t) {
		if !ast.IsGenerated(f.ast) {
			files = append(files, f)
		}
	}
	return files
}

// calls reports whether call is written pkg.name(…).
func calls(call *ast.CallExpr, pkg, name string) bool {
	selector, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || selector.Sel.Name != name {
		return false
	}
	id, ok := selector.X.(*ast.Ident)
	return ok && id.Name == pkg
}
