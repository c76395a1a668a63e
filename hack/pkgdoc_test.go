package hack

import (
	"fmt"
	"path"
	"strings"
	"testing"
)

// tourLines is how short a package comment can be and still be more than a title.
const tourLines = 5

func TestOnePackageCommentAPackage(t *testing.T) {
	packages := map[string][]sourceFile{}
	for _, f := range sources(t) {
		if !f.isTest() {
			packages[f.dir] = append(packages[f.dir], f)
		}
	}
	for dir, files := range packages {
		for _, complaint := range packageComment(files) {
			t.Errorf("package %s: %s", dir, complaint)
		}
	}
}

// packageComment says what is wrong with the package comment of a package made
// of these files.
func packageComment(files []sourceFile) (complaints []string) {
	home, count := "doc.go", 0
	if files[0].ast.Name.Name == "main" {
		home = "main.go"
	}
	for _, f := range files {
		if f.ast.Doc == nil {
			continue
		}
		count++
		if path.Base(f.path) != home {
			complaints = append(complaints, fmt.Sprintf("a package comment stands in %s; move it to %s, or part it from the package clause with an empty line", f.path, home))
		}
		text := f.ast.Doc.Text()
		if lines := strings.Count(text, "\n"); lines < tourLines {
			complaints = append(complaints, fmt.Sprintf("its comment has %d lines: a title; tell what it is for, where to begin and what it promises", lines))
		}
		if name := f.ast.Name.Name; name != "main" && !strings.HasPrefix(text, "Package "+name+" ") {
			complaints = append(complaints, fmt.Sprintf("its comment begins %.20q; begin with %q, as go doc expects", text, "Package "+name))
		}
	}
	if count == 0 {
		complaints = append(complaints, fmt.Sprintf("no package comment; write one in %s", home))
	}
	return complaints
}
