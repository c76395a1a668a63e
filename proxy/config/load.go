package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Load reads and parses the document in the file path. The error is an [Errors]
// unless the file cannot be read.
func Load(path string) (*Config, error) {
	data, err := Read(path)
	if err != nil {
		return nil, err
	}
	return Parse(path, data)
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
		return nil, &Error{Problem: "the document is empty; it needs at least one entry under ingress or egress"}
	case err != nil:
		return nil, notYAML(data, err)
	}
	switch err := dec.Decode(&second); {
	case err == nil:
		return nil, &Error{Line: second.Line, Problem: "a second document begins here; keep one, and remove the line with ---"}
	case !errors.Is(err, io.EOF):
		return nil, notYAML(data, err)
	}
	root := doc.Content[0]
	if root.Kind == yaml.ScalarNode && root.ShortTag() == "!!null" {
		return nil, &Error{Line: root.Line, Problem: "the document is empty; it needs at least one entry under ingress or egress"}
	}
	return root, nil
}

// notYAML passes on what the library says of data. It counts from the place where
// the construct began that it could not finish, so the fault may be a bit below.
func notYAML(data []byte, err error) *Error {
	line, problem := libraryLine(err)
	fix := "mend the syntax"
	switch at := tabbed(data, line); {
	case at > 0 && at == line:
		fix = "indent with spaces, not tabs"
	case at > 0:
		fix = fmt.Sprintf("indent line %d with spaces, not tabs", at)
	case escapes(data, line): // as names have them
		fix = "in double quotes a backslash begins an escape of YAML; put the text into single quotes"
	case line > 0:
		fix = "mend the syntax there or shortly below"
	}
	return &Error{Line: line, Problem: "is not YAML: " + problem + "; " + fix}
}

// escapes reports whether the line has a backslash in double quotes, perhaps.
func escapes(data []byte, line int) bool {
	lines := bytes.Split(data, []byte("\n"))
	return line > 0 && line <= len(lines) && bytes.ContainsRune(lines[line-1], '\\') && bytes.ContainsRune(lines[line-1], '"')
}

// libraryLine takes the line out of an error of the library, which has it in its
// text only. It is 0 where that says none; a test holds the form of the text.
func libraryLine(err error) (line int, problem string) {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if rest, ok := strings.CutPrefix(text, "line "); ok {
		number, after, _ := strings.Cut(rest, ": ")
		if n, err := strconv.Atoi(number); err == nil {
			return n, after
		}
	}
	return 0, text
}

// tabbed returns the first line, from the given one on, that has a tab in its
// indentation; 0 if there is none.
func tabbed(data []byte, from int) int {
	n := 0
	for line := range bytes.Lines(data) {
		n++
		indentation := line[:len(line)-len(bytes.TrimLeft(line, " \t"))]
		if n >= from && bytes.ContainsRune(indentation, '\t') {
			return n
		}
	}
	return 0
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
