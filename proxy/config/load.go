package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"

	"go.yaml.in/yaml/v3"
)

// maxSize bounds a document. It is what a Kubernetes ConfigMap can hold.
const maxSize = 1 << 20

// Load reads and parses the document in the file path. The error is an [Errors]
// unless the file cannot be read.
func Load(path string) (*Config, error) {
	data, err := Read(path)
	if err != nil {
		return nil, err
	}
	return Parse(path, data)
}

// Read returns what is in the file path, for [Parse]. It accepts regular files
// alone and never waits, as one would for the other end of a pipe. Of a file that
// is too large it returns just enough for Parse to refuse it.
func Read(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("read configuration: %q is %s, not a regular file; write the document into a file and name that", path, fileKind(info.Mode()))
	}
	data, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	return data, nil
}

// fileKind says what is not a regular file, for a sentence.
func fileKind(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "a directory"
	case m&fs.ModeNamedPipe != 0:
		return "a pipe"
	case m&fs.ModeDevice != 0:
		return "a device"
	}
	return "something else"
}

// Parse reads a document and validates it. The name is for errors only. The
// error is an [Errors] with everything that is wrong.
func Parse(name string, data []byte) (*Config, error) {
	root, err := document(data)
	if err != nil {
		err.File = name
		return nil, Errors{*err}
	}
	cfg := Default()
	d := newDecoder()
	d.decode(root, &cfg)
	all := d.merge(cfg.validate())
	for i := range all {
		all[i].File = name
	}
	if len(all) > 0 {
		return nil, all
	}
	return &cfg, nil
}

// document returns the root of the one document in data. Nodes are taken as
// they are written: aliases stay aliases, so that a small document cannot grow.
func document(data []byte) (*yaml.Node, *Error) {
	if len(data) > maxSize {
		return nil, &Error{Problem: fmt.Sprintf("the document is larger than %d bytes; remove what is not configuration", maxSize)}
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, second yaml.Node
	err := dec.Decode(&doc)
	switch {
	case errors.Is(err, io.EOF):
		return nil, &Error{Problem: "the document is empty; it needs at least one entry under ingress"}
	case err != nil:
		return nil, notYAML(err)
	}
	switch err := dec.Decode(&second); {
	case err == nil:
		return nil, &Error{Line: second.Line, Problem: "a second document begins here; keep one, and remove the line with ---"}
	case !errors.Is(err, io.EOF):
		return nil, notYAML(err)
	}
	root := doc.Content[0]
	if root.Kind == yaml.ScalarNode && root.ShortTag() == "!!null" {
		return nil, &Error{Line: root.Line, Problem: "the document is empty; it needs at least one entry under ingress"}
	}
	return root, nil
}

// notYAML passes on what the library says. Its text has the line in it.
func notYAML(err error) *Error {
	return &Error{Problem: "is not YAML: " + strings.TrimPrefix(err.Error(), "yaml: ") + "; mend the syntax, indentation is by spaces only"}
}

// merge returns what decoding and validation found, by line. What validation
// says about a place where decoding failed is left out: it speaks of a value
// that was never read.
func (d *decoder) merge(validated Errors) Errors {
	all := slices.Clone(d.errs)
	for _, e := range validated {
		related := func(path string) bool { return within(path, e.Path) || within(e.Path, path) }
		if len(all) < maxErrors && !slices.ContainsFunc(d.unread, related) {
			e.Line = d.line(e.Path)
			all = append(all, e)
		}
	}
	slices.SortStableFunc(all, func(a, b Error) int { return cmp.Compare(a.Line, b.Line) })
	return all
}
