package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"github.com/sidegate/sidegate/proxy/config"
)

const configIntro = `<!-- Made from proxy/config by hack/docgen: edit the comments there, then run "go run ./hack/docgen". -->

# Configuration

A sidecar reads one YAML document, ` + "`sidegate run --config FILE`" + `. It is strict: an unknown
key, a key given twice or a value of the wrong type is an error. All errors are reported at
once, each with its line, its path and the way to mend it:

` + "```" + `
sidegate.yaml:3: ingress[0].upstrem: the key is unknown; did you mean "upstream"?
` + "```" + `

` + "`sidegate run`" + ` checks the document and the certificates at the start, and exits with code 2
and one line for each error.

`

// A writer writes the page. Sections are in the order of the document.
type writer struct {
	bytes.Buffer
	comments comments
	missing  []string // names without a comment
}

func configPage(root string) ([]byte, error) {
	cs, err := readComments(filepath.Join(root, "proxy", "config"))
	if err != nil {
		return nil, err
	}
	example, err := os.ReadFile(filepath.Join(root, "proxy", "config", "testdata", "example.good.yaml"))
	if err != nil {
		return nil, fmt.Errorf("read the example: %w", err)
	}
	w := &writer{comments: cs}
	w.WriteString(configIntro)
	w.contents()
	fmt.Fprintf(w, "## Example\n\n```yaml\n%s```\n\n", example)
	for _, s := range sections("", "", reflect.ValueOf(config.Default())) {
		w.section(s)
	}
	if len(w.missing) > 0 {
		return nil, fmt.Errorf("no comment on %s; write one, it is the manual", strings.Join(w.missing, ", "))
	}
	return append(bytes.TrimRight(w.Bytes(), "\n"), '\n'), nil
}

// contents writes a list of the sections.
func (w *writer) contents() {
	w.WriteString("- [Example](#example)\n")
	for _, s := range sections("", "", reflect.ValueOf(config.Default())) {
		fmt.Fprintf(w, "%s- [%s](#%s)\n", strings.Repeat("  ", strings.Count(s.path, ".")), s.title(), anchor(s.title()))
	}
	w.WriteString("\n")
}

// section writes what stands at one path: what it is for, an overview, the keys.
func (w *writer) section(s section) {
	fmt.Fprintf(w, "## %s\n\n", s.title())
	typ := s.value.Type().Name()
	if s.field != "" {
		w.WriteString(w.comment(s.field) + "\n")
	}
	if _, manual, ok := strings.Cut(w.comment(typ), "\n\n"); ok {
		w.WriteString(manual + "\n") // the first paragraph is for readers of Go
	}
	w.WriteString("| key | type | default |\n| --- | --- | --- |\n")
	for _, k := range keys(s.value) {
		fmt.Fprintf(w, "| [`%s`](#%s) | %s | %s |\n", k.key, anchor(join(s.path, k.key)), k.typ(), k.standard())
	}
	w.WriteString("\n")
	for _, k := range keys(s.value) {
		if _, _, ok := k.below(s.path); !ok {
			w.key(s.path, k, w.comment(typ+"."+k.goName))
		}
	}
}

// key writes a key that has no section of its own.
func (w *writer) key(path string, k key, comment string) {
	fmt.Fprintf(w, "#### `%s`\n\n%s\n", join(path, k.key), comment)
}

// comment returns a comment as Markdown. Comments are written in it, but for the
// blocks of code, which Go indents with a tab.
func (w *writer) comment(name string) string {
	text := w.comments[name]
	if strings.TrimSpace(text) == "" {
		w.missing = append(w.missing, name)
	}
	var b strings.Builder
	code := false
	for line := range strings.Lines(text) {
		if indented := strings.HasPrefix(line, "\t"); indented && !code {
			b.WriteString("```yaml\n")
			code = true
		} else if !indented && code {
			b.WriteString("```\n")
			code = false
		}
		b.WriteString(strings.TrimPrefix(line, "\t"))
	}
	return b.String()
}

// A section is a struct with keys, and where it stands in the document.
type section struct {
	path  string        // such as ingress[].limits; empty for the document
	field string        // "Type.Field" that holds it; empty for the document
	value reflect.Value // with the defaults in it
}

func (s section) title() string {
	if s.path == "" {
		return "The document"
	}
	return code(s.path)
}

// sections returns v and every struct with keys below it, in the order of the document.
func sections(path, field string, v reflect.Value) []section {
	all := []section{{path, field, v}}
	for _, k := range keys(v) {
		if at, below, ok := k.below(path); ok {
			all = append(all, sections(at, v.Type().Name()+"."+k.goName, below)...)
		}
	}
	return all
}

// below returns the struct that is the value of k, or of each of its entries,
// and its path, if k has such a value.
func (k key) below(path string) (at string, v reflect.Value, ok bool) {
	at, v = join(path, k.key), k.value
	if v.Kind() == reflect.Slice {
		at, v = at+"[]", element(v.Type())
	}
	return at, v, v.Kind() == reflect.Struct && len(keys(v)) > 0
}

// element returns what an element of a list is before anything is read into it.
func element(list reflect.Type) reflect.Value {
	switch list.Elem() {
	case reflect.TypeFor[config.Ingress]():
		return reflect.ValueOf(config.DefaultIngress())
	case reflect.TypeFor[config.Egress]():
		return reflect.ValueOf(config.DefaultEgress())
	}
	return reflect.Zero(list.Elem())
}

// A key is a field that has a YAML key.
type key struct {
	key, goName string
	tag         reflect.StructTag
	value       reflect.Value // its default
}

func keys(v reflect.Value) []key {
	var ks []key
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if name := f.Tag.Get("yaml"); name != "" && name != "-" {
			ks = append(ks, key{name, f.Name, f.Tag, v.Field(i)})
		}
	}
	return ks
}

// standard returns the default for a table.
func (k key) standard() string {
	described := k.tag.Get("default")
	switch {
	case k.tag.Get("required") != "":
		return "**required**"
	case described != "":
		return described
	case k.value.Kind() == reflect.Slice && k.value.Len() == 0:
		return "none"
	case k.value.Kind() == reflect.Struct && len(keys(k.value)) > 0:
		return ""
	}
	if d, ok := k.value.Interface().(time.Duration); ok {
		return code(duration(d))
	}
	if s := fmt.Sprint(k.value.Interface()); s != "" {
		return code(s)
	}
	return "none"
}

// duration returns d without the zero units that its own String ends in: 2m, not 2m0s.
func duration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	return s
}

func code(s string) string { return "`" + s + "`" }

func join(path, key string) string { return strings.TrimPrefix(path+"."+key, ".") }

// anchor returns the fragment that code hosts give a heading: lower case, blanks
// to hyphens, the rest of the punctuation dropped.
func anchor(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9', r == '-', r == '_':
			return r
		case r == ' ':
			return '-'
		}
		return -1
	}, strings.ToLower(heading))
}
