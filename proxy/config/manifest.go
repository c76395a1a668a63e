package config

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A Manifest is a Secret or ConfigMap as it lies on disk before it is applied.
type Manifest struct {
	Kind      string // "Secret" or "ConfigMap"
	Namespace string // empty: that of whoever applies it
	Name      string // empty for one that has only a generateName
	Type      string // of a Secret, such as kubernetes.io/tls

	// Files are the values by key, decoded, as a volume would show them.
	Files map[string][]byte
}

// String returns kind and name, as kubectl takes them, for messages. The parts
// are as the manifest has them: quote it.
func (m *Manifest) String() string {
	s := strings.ToLower(m.Kind) + "/" + m.Name
	if m.Namespace != "" {
		s = m.Namespace + "/" + s
	}
	return s
}

// LooksLikeManifest reports whether data may be a Kubernetes manifest, so that it
// is worth being parsed as one: there is an apiVersion and a kind in it. It is
// cheap and may be wrong; [Manifests] knows.
func LooksLikeManifest(data []byte) bool {
	return bytes.Contains(data, []byte("apiVersion")) && bytes.Contains(data, []byte("kind"))
}

// maxManifest bounds a file of manifests. One Secret cannot be larger than 1 MiB.
const maxManifest = 16 << 20

// Manifests returns the Secrets and ConfigMaps of a stream of YAML or JSON
// documents, those in Lists among them, in their order; objects of other kinds
// are passed over. The error joins one for each object that an API server would
// refuse for its data, and tells of a stream that is no YAML. No error quotes a
// value: values are secret.
func Manifests(data []byte) ([]Manifest, error) {
	if len(data) > maxManifest {
		return nil, fmt.Errorf("the manifests are larger than %d MiB together", maxManifest>>20)
	}
	var found []Manifest
	var errs []error
	for dec := yaml.NewDecoder(bytes.NewReader(data)); ; {
		var doc yaml.Node
		err := dec.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return found, errors.Join(errs...)
		}
		if err != nil {
			return found, errors.Join(append(errs, notManifest(err))...)
		}
		o, err := objectOf(&doc)
		if err != nil {
			errs = append(errs, err)
		}
		for _, one := range append([]object{o}, o.Items...) {
			m, err := one.manifest()
			if err != nil {
				errs = append(errs, err)
			} else if m != nil {
				found = append(found, *m)
			}
		}
	}
}

// notManifest says why a document was not understood. What the library says may
// quote a value, so of its text only the line is passed on.
func notManifest(err error) error {
	if line, _ := libraryLine(err); line > 0 {
		return fmt.Errorf("line %d: it is not YAML, or not the manifest of a Kubernetes object", line)
	}
	return errors.New("it is not YAML, or not the manifest of a Kubernetes object")
}

// An object is what counts of a document, of whatever kind it is: what other
// kinds have under the same keys has other shapes.
type object struct {
	Kind       string    `yaml:"kind"`
	Type       yaml.Node `yaml:"type"`
	Metadata   metadata  `yaml:"metadata"`
	Data       yaml.Node `yaml:"data"`
	StringData yaml.Node `yaml:"stringData"`
	BinaryData yaml.Node `yaml:"binaryData"`
	Items      []object  `yaml:"items"`
}

// objectOf reads a document. What is none of ours may look as it likes.
func objectOf(doc *yaml.Node) (o object, err error) {
	var head struct {
		Kind string `yaml:"kind"`
	}
	if err := doc.Decode(&head); err != nil {
		return o, notManifest(err)
	}
	if head.Kind != "Secret" && head.Kind != "ConfigMap" && !strings.HasSuffix(head.Kind, "List") {
		return o, nil
	}
	if line := aliasIn(doc); line > 0 { // a kilobyte of them can stand for gigabytes
		return o, fmt.Errorf("line %d: an alias (*name) stands there for something else; write that out", line)
	}
	if err := doc.Decode(&o); err != nil {
		return object{}, notManifest(err)
	}
	return o, nil
}

// aliasIn returns the line of the first alias below n, or 0.
func aliasIn(n *yaml.Node) int {
	if n.Kind == yaml.AliasNode {
		return n.Line
	}
	for _, below := range n.Content {
		if line := aliasIn(below); line > 0 {
			return line
		}
	}
	return 0
}

type metadata struct {
	Namespace string `yaml:"namespace"`
	Name      string `yaml:"name"`
}

// manifest returns o as a Manifest, or nil if it is of another kind.
func (o *object) manifest() (*Manifest, error) {
	m := &Manifest{Kind: o.Kind, Namespace: o.Metadata.Namespace, Name: o.Metadata.Name, Files: map[string][]byte{}}
	encoded, plain := &o.Data, &o.StringData // which wins, as on the API server
	switch o.Kind {
	case "Secret":
		_ = o.Type.Decode(&m.Type) // another shape than text is none that we look for
	case "ConfigMap":
		encoded, plain = &o.BinaryData, &o.Data
	default:
		return nil, nil
	}
	if err := m.add(encoded, base64.StdEncoding.DecodeString); err != nil {
		return nil, err
	}
	return m, m.add(plain, func(s string) ([]byte, error) { return []byte(s), nil })
}

// add decodes the values of a mapping into Files.
func (m *Manifest) add(n *yaml.Node, decode func(string) ([]byte, error)) error {
	if n.IsZero() || n.ShortTag() == "!!null" {
		return nil
	}
	notText := fmt.Errorf("%q: line %d: the values are not all text; put numbers and the like into quotes", m.String(), n.Line)
	if n.Kind != yaml.MappingNode {
		return notText
	}
	files := make(map[string][]byte, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, v := n.Content[i].Value, n.Content[i+1]
		if tag := v.ShortTag(); v.Kind != yaml.ScalarNode || tag != "!!str" && tag != "!!null" {
			return notText
		}
		text := v.Value
		if v.ShortTag() == "!!null" {
			text = ""
		}
		value, err := decode(text)
		if err != nil {
			return fmt.Errorf("%q: the value of %q is not base64; write plain text under stringData", m.String(), key)
		}
		files[key] = value
	}
	maps.Copy(m.Files, files)
	return nil
}
