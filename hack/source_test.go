package hack

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const modulePath = "github.com/sidegate/sidegate"

// A sourceFile is one Go file of the repository.
type sourceFile struct {
	path string // from the root of the repository, with slashes
	dir  string // of path; "." is the root
	set  *token.FileSet
	ast  *ast.File
}

func (f sourceFile) isTest() bool { return strings.HasSuffix(f.path, "_test.go") }

func (f sourceFile) line(p token.Pos) int { return f.set.Position(p).Line }

// sources parses every Go file of the module, whatever its build constraints:
// a rule that only holds on one platform holds nowhere.
func sources(t *testing.T) []sourceFile {
	t.Helper()
	var files []sourceFile
	root := os.DirFS("..")
	err := fs.WalkDir(root, ".", func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && notOurs(path):
			return fs.SkipDir
		case e.IsDir() || !strings.HasSuffix(path, ".go"):
			return nil
		}
		f := sourceFile{path: path, dir: filepath.ToSlash(filepath.Dir(path)), set: token.NewFileSet()}
		f.ast, err = parser.ParseFile(f.set, filepath.Join("..", path), nil, parser.ParseComments)
		files = append(files, f)
		return err
	})
	if err != nil {
		t.Fatalf("read the source of the repository: %v", err)
	}
	if len(files) < 10 {
		t.Fatalf("only %d Go files found: the rules of this package see nothing", len(files))
	}
	return files
}

// notOurs reports whether nobody of the house wrote what is below dir. Modules
// below hack are beside the product's, and under the same rules.
func notOurs(dir string) bool {
	if dir == "." {
		return false
	}
	name := filepath.Base(dir)
	return name == "testdata" || name == "vendor" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_")
}
