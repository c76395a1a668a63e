package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

func TestGoodValuesAreTaken(t *testing.T) {
	forEachRendered(t, func(t *testing.T, dir string, c cases) {
		for _, good := range c.Good {
			if _, err := render(load(t, dir), good.Values, kubeVersions[0]); err != nil {
				t.Errorf("%s: %v", good.Name, err)
			}
		}
	})
}

func TestBadValuesAreRefused(t *testing.T) {
	forEachRendered(t, func(t *testing.T, dir string, c cases) {
		for _, bad := range c.Bad {
			t.Run(bad.Name, func(t *testing.T) {
				_, err := render(load(t, dir), bad.Values, kubeVersions[1])
				wantMessage(t, err, bad.Want)
			})
		}
	})
}

// wantMessage fails unless err has every part of the message in it.
func wantMessage(t *testing.T, err error, parts []string) {
	t.Helper()
	if err == nil {
		t.Fatal("the values were taken")
	}
	if len(parts) == 0 {
		t.Fatalf("the case does not say what the message must be; it is:\n%v", err)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the message is\n%v\nand does not say %q", err, part)
		}
	}
}

func TestEveryValueIsDescribed(t *testing.T) {
	forEachChart(t, func(t *testing.T, dir string) {
		values, err := readValues(filepath.Join(dir, "values.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		if len(values) == 0 {
			t.Fatal("values.yaml has no value")
		}
		undescribed(t, values)
	})
}

// undescribed complains about each of values that has no comment, and is in no
// group that has one. A group with a comment is described as a whole.
func undescribed(t *testing.T, values []value) {
	t.Helper()
	for _, v := range values {
		switch {
		case v.doc != "":
		case len(v.children) > 0:
			undescribed(t, v.children)
		default:
			t.Errorf("line %d: %s has no comment; write \"# -- what it does\" above it", v.node.Line, v.name())
		}
	}
}

func TestTheSchemaKnowsEveryValue(t *testing.T) {
	forEachChart(t, func(t *testing.T, dir string) {
		values, err := readValues(filepath.Join(dir, "values.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		s := readSchema(t, dir)
		s.mustKnow(t, s.root, values)
	})
}

// A reference to the network would be fetched at every helm lint and install.
func TestTheSchemaIsWhole(t *testing.T) {
	forEachChart(t, func(t *testing.T, dir string) {
		s := readSchema(t, dir)
		s.walk(s.root, "", func(at string, node map[string]any) {
			if ref, ok := node["$ref"].(string); ok && s.resolve(node) == nil {
				t.Errorf("%s: $ref %q does not lead to a definition of this file", at, ref)
			}
			if node["properties"] != nil && node["additionalProperties"] == nil {
				t.Errorf("%s lists properties and takes any other; write \"additionalProperties\": false, so that a misspelt one is refused", at)
			}
		})
	})
}

// A schema is a values.schema.json.
type schema struct{ root map[string]any }

func readSchema(t *testing.T, dir string) (s schema) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "values.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &s.root); err != nil {
		t.Fatalf("values.schema.json: %v", err)
	}
	return s
}

// resolve returns the definition that node is or refers to; nil if there is none.
func (s schema) resolve(node map[string]any) map[string]any {
	ref, ok := node["$ref"].(string)
	if !ok {
		return node
	}
	name, ok := strings.CutPrefix(ref, "#/$defs/")
	if !ok {
		return nil
	}
	defs, _ := s.root["$defs"].(map[string]any)
	def, _ := defs[name].(map[string]any)
	return def
}

// mustKnow complains about each of values that node, a schema of an object, has
// no property for. A schema without properties takes any.
func (s schema) mustKnow(t *testing.T, node map[string]any, values []value) {
	t.Helper()
	properties, _ := s.resolve(node)["properties"].(map[string]any)
	if properties == nil {
		return
	}
	for _, v := range values {
		property, ok := properties[v.path[len(v.path)-1]].(map[string]any)
		if !ok {
			if s.resolve(node)["additionalProperties"] == false {
				t.Errorf("values.schema.json does not know %s", v.name())
			}
			continue
		}
		if v.node.Kind == yaml.MappingNode {
			s.mustKnow(t, property, v.children)
		}
	}
}

// walk calls visit for node and every schema within it.
func (s schema) walk(node map[string]any, at string, visit func(at string, node map[string]any)) {
	visit(at, node)
	for key, child := range node {
		if object, ok := child.(map[string]any); ok && key != "default" && key != "const" {
			s.walk(object, at+"/"+key, visit)
		}
	}
}
