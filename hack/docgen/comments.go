package main

import (
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
)

// Comments are the documentation of a package: of a type under "Type", of a
// field under "Type.Field".
type comments map[string]string

// readComments reads the package in dir.
func readComments(dir string) (comments, error) {
	set := token.NewFileSet()
	files, err := parseDir(set, dir)
	if err != nil {
		return nil, err
	}
	pkg, err := doc.NewFromFiles(set, files, dir, doc.AllDecls)
	if err != nil {
		return nil, fmt.Errorf("read documentation of %q: %w", dir, err)
	}
	cs := comments{}
	for _, t := range pkg.Types {
		cs[t.Name] = t.Doc
		for _, spec := range t.Decl.Specs {
			if s, ok := spec.(*ast.TypeSpec).Type.(*ast.StructType); ok {
				cs.fields(t.Name, s)
			}
		}
	}
	return cs, nil
}

func (cs comments) fields(typ string, s *ast.StructType) {
	for _, f := range s.Fields.List {
		for _, name := range f.Names {
			cs[typ+"."+name.Name] = f.Doc.Text()
		}
	}
}

func parseDir(set *token.FileSet, dir string) ([]*ast.File, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read source: %w", err)
	}
	var files []*ast.File
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		f, err := parser.ParseFile(set, filepath.Join(dir, e.Name()), nil, parser.ParseComments)
		if err != nil {
			return nil, fmt.Errorf("parse source: %w", err)
		}
		files = append(files, f)
	}
	return files, nil
}
