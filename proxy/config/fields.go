package config

import (
	"reflect"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/sidegate/sidegate/proxy/subject"
)

// A field is a key of a struct.
type field struct {
	key   string
	index int
}

// fieldsOf returns the keys of t in the order they are declared.
func fieldsOf(t reflect.Type) []field {
	var fs []field
	for i := range t.NumField() {
		if key := t.Field(i).Tag.Get("yaml"); key != "-" && key != "" {
			fs = append(fs, field{key, i})
		}
	}
	return fs
}

func find(fs []field, key string) (field, bool) {
	i := slices.IndexFunc(fs, func(f field) bool { return f.key == key })
	if i < 0 {
		return field{}, false
	}
	return fs[i], true
}

// readNode reads a dialect, or the keys of a header of one's own.
func (h *Header) readNode(d *decoder, n *yaml.Node, path string) {
	if n.Kind == yaml.MappingNode {
		d.mapping(n, path, reflect.ValueOf(h).Elem())
		return
	}
	if s, ok := d.scalar(n, path, "the name of a dialect, or {name: …, value: …},"); ok {
		h.Dialect = Dialect(s)
		if s == "" {
			d.fail(path, "is empty; remove it")
		}
	}
}

// readNode reads a list of RDNs, each a mapping of types to values.
func (p *Parts) readNode(d *decoder, n *yaml.Node, path string) {
	if n.Kind != yaml.SequenceNode {
		d.fail(path, "is %s, but a list such as [{CN: web}, {O: Acme}] is wanted here", kindOf(n))
		return
	}
	before := len(d.errs)
	var rdns [][]subject.Attribute
	for i, item := range n.Content {
		var rdn Attributes
		d.value(item, index(path, i), reflect.ValueOf(&rdn).Elem())
		rdns = append(rdns, rdn)
	}
	if len(d.errs) > before {
		return
	}
	name, err := subject.New(rdns)
	if err != nil {
		d.fail(path, "%v", err)
	}
	p.Name = name
}

// readNode reads a mapping of attribute types to values.
func (as *Attributes) readNode(d *decoder, n *yaml.Node, path string) {
	if n.Kind != yaml.MappingNode {
		d.fail(path, "is %s, but attributes such as {O: Acme} are wanted here", kindOf(n))
		return
	}
	d.pairs(n, path, func(key string, k, v *yaml.Node) {
		at := child(path, key)
		d.lines[at] = k.Line
		if !d.plain(v, at) {
			return
		}
		text, ok := d.scalar(v, at, "the value of an attribute")
		if !ok {
			return
		}
		a, err := subject.NewAttribute(key, text)
		switch {
		case err != nil:
			d.fail(at, "%v", err)
		case text == "":
			d.fail(at, "is empty; write the value, or remove the attribute")
		default:
			*as = append(*as, a)
		}
	})
}
