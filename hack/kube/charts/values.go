package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A value is one entry of a values.yaml.
type value struct {
	path []string // the keys that lead to it

	// doc is its comment from "# --" on, in one line; empty if it has none.
	doc string
	// remark is its comment if that is not for the table: it introduces a group.
	remark string
	// fallback is what its comment gives as its default with "# @default --",
	// because what is written in the file is not it.
	fallback string

	node     *yaml.Node
	children []value // of a mapping that is not empty
}

func (v value) name() string { return strings.Join(v.path, ".") }

// readValues returns the entries of the values.yaml at file, in its order.
func readValues(file string) ([]value, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, fmt.Errorf("read %q: %w", file, err)
	}
	if len(doc.Content) == 0 {
		return nil, nil
	}
	return entries(doc.Content[0], nil), nil
}

// entries returns the entries of mapping, which lies at path.
func entries(mapping *yaml.Node, path []string) (values []value) {
	if mapping.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		key, node := mapping.Content[i], mapping.Content[i+1]
		v := value{path: append(path[:len(path):len(path)], key.Value), node: node}
		v.children = entries(node, v.path)
		v.doc, v.fallback, v.remark = comment(key.HeadComment)
		values = append(values, v)
	}
	return values
}

// comment takes the comment above a key apart. Of several blocks of comments, the
// last one is that of the key.
func comment(text string) (doc, fallback, remark string) {
	blocks := strings.Split(text, "\n\n")
	target := &remark
	for line := range strings.Lines(blocks[len(blocks)-1]) {
		line = strings.TrimSpace(strings.TrimLeft(line, "#"))
		if rest, ok := strings.CutPrefix(line, "-- "); ok {
			target, line = &doc, rest
		} else if rest, ok := strings.CutPrefix(line, "@default -- "); ok {
			target, line = &fallback, rest
		}
		*target = strings.TrimSpace(*target + " " + line)
	}
	return doc, fallback, remark
}

// preset returns the default of v as the table shows it.
func (v value) preset() (string, error) {
	if v.fallback != "" {
		return v.fallback, nil
	}
	var content any
	if err := v.node.Decode(&content); err != nil {
		return "", fmt.Errorf("read the default of %q: %w", v.name(), err)
	}
	var text strings.Builder
	out := json.NewEncoder(&text)
	out.SetEscapeHTML(false)
	if err := out.Encode(content); err != nil {
		return "", fmt.Errorf("write the default of %q: %w", v.name(), err)
	}
	return "`" + strings.TrimSpace(text.String()) + "`", nil
}
