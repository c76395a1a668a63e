// Docgen writes the parts of docs/ that are made from the source, so that there
// is one text and not two. Run it from anywhere in the repository:
//
//	go run ./hack/docgen
//
// The manual of the configuration, docs/config.md, is made from three things:
// the comments of the fields in proxy/config say what a key does, the values of
// [config.Default] and [config.DefaultIngress] are its defaults, and the example
// is a document that the tests of that package load. A test fails when a file in docs/
// is not what would be written now.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// A page is a file that is made from the source.
type page struct {
	file string
	make func(root string) ([]byte, error)
}

// pages are all of them.
var pages = []page{
	{"docs/config.md", configPage},
	{"docs/metrics.md", metricsPage},
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "docgen:", err)
		os.Exit(1)
	}
}

func run() error {
	root, err := findRoot()
	if err != nil {
		return err
	}
	for _, p := range pages {
		text, err := p.make(root)
		if err != nil {
			return fmt.Errorf("make %q: %w", p.file, err)
		}
		if err := os.WriteFile(filepath.Join(root, p.file), text, 0o644); err != nil {
			return fmt.Errorf("write the page: %w", err)
		}
	}
	return nil
}

// findRoot returns the directory of go.mod, here or above.
func findRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the repository: %w", err)
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("find the repository: no go.mod here or above; run it inside of the repository")
		}
	}
}
