package config

import (
	"encoding"
	"fmt"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/sidegate/sidegate/proxy/subject"
)

// A decoder fills a Config from nodes. The library's own decoder stops at the
// first fault of a kind, tells of lines only inside of a sentence, and expands
// aliases; ours goes on to the end and remembers where each value stands.
type decoder struct {
	errs   Errors
	lines  map[string]int // path → line
	unread []string       // paths of values that are there and could not be read
}

// A nodeReader reads itself from a node, because its form depends on the node.
type nodeReader interface {
	readNode(d *decoder, n *yaml.Node, path string)
}

func newDecoder() *decoder { return &decoder{lines: map[string]int{}} }

func (d *decoder) decode(root *yaml.Node, cfg *Config) {
	d.value(root, "", reflect.ValueOf(cfg).Elem())
}

// line returns the line of path, or of the nearest thing around it.
func (d *decoder) line(path string) int {
	for {
		if n, ok := d.lines[path]; ok || path == "" {
			return n
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
}

// fail tells of the value at path, which cannot be read.
func (d *decoder) fail(path, format string, args ...any) {
	d.unread = append(d.unread, path)
	d.failAt(d.line(path), path, format, args...)
}

// failAt tells of something else on a line, such as a key.
func (d *decoder) failAt(line int, path, format string, args ...any) {
	if len(d.errs) < maxErrors {
		d.errs = append(d.errs, Error{Line: line, Path: path, Problem: fmt.Sprintf(format, args...)})
	}
}

// value decodes n into out, which is addressable.
func (d *decoder) value(n *yaml.Node, path string, out reflect.Value) {
	if _, ok := d.lines[path]; !ok {
		d.lines[path] = n.Line
	}
	if !d.plain(n, path) {
		return
	}
	switch p := out.Addr().Interface().(type) {
	case nodeReader:
		p.readNode(d, n, path)
	case *time.Duration:
		d.duration(n, path, p)
	case *subject.Name:
		d.name(n, path, p)
	case encoding.TextUnmarshaler:
		d.text(n, path, p)
	default:
		d.kind(n, path, out)
	}
}

func (d *decoder) kind(n *yaml.Node, path string, out reflect.Value) {
	switch out.Kind() {
	case reflect.Struct:
		d.mapping(n, path, out)
	case reflect.Slice:
		d.sequence(n, path, out)
	case reflect.Pointer:
		out.Set(reflect.New(out.Type().Elem()))
		d.value(n, path, out.Elem())
	case reflect.Bool:
		d.boolean(n, path, out)
	case reflect.Int, reflect.Int64:
		d.integer(n, path, out)
	case reflect.String:
		if s, ok := d.scalar(n, path, "a text"); ok {
			out.SetString(s)
		}
	default:
		panic("config: no decoder for " + out.Type().String())
	}
}

// plain reports whether n is written out in full: no alias, no anchor, no tag,
// not nothing.
func (d *decoder) plain(n *yaml.Node, path string) bool {
	switch {
	case n.Kind == yaml.AliasNode, n.Anchor != "":
		d.fail(path, "anchors and aliases are not accepted; write the value out")
	case n.Style&yaml.TaggedStyle != 0:
		d.fail(path, "the tag %s is not accepted; remove it", quote(n.Tag))
	case n.ShortTag() == "!!null":
		d.fail(path, "has no value; give it one, or remove the key to have the default")
	default:
		return true
	}
	return false
}

func (d *decoder) mapping(n *yaml.Node, path string, out reflect.Value) {
	if n.Kind != yaml.MappingNode {
		d.fail(path, "is %s, but keys and values are wanted here", kindOf(n))
		return
	}
	if s, ok := out.Addr().Interface().(interface{ setDefaults() }); ok {
		s.setDefaults()
	}
	known := fieldsOf(out.Type())
	d.pairs(n, path, func(key string, k, v *yaml.Node) {
		f, ok := find(known, key)
		if !ok {
			d.unknown(k, path, key, known)
			return
		}
		at := child(path, key)
		d.lines[at] = k.Line
		d.value(v, at, out.Field(f.index))
	})
}

// pairs calls each for every pair of the mapping n whose key is a text that did
// not come before.
func (d *decoder) pairs(n *yaml.Node, path string, each func(key string, k, v *yaml.Node)) {
	first := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		switch line, seen := first[k.Value]; {
		case k.ShortTag() == "!!merge":
			d.failAt(k.Line, path, "merge keys are not accepted; write the values out")
		case k.Kind != yaml.ScalarNode || k.Anchor != "" || k.Style&yaml.TaggedStyle != 0:
			d.failAt(k.Line, path, "a key is %s; a plain text is wanted", kindOf(k))
		case seen:
			d.failAt(k.Line, child(path, k.Value), "the key is there twice, first on line %d; keep one", line)
		default:
			first[k.Value] = k.Line
			each(k.Value, k, v)
		}
	}
}

// unknown tells of a key that does not exist. When it is a misspelling, the
// key that was meant counts as given, so that nobody reads that it is missing too.
func (d *decoder) unknown(k *yaml.Node, path, key string, known []field) {
	names := make([]string, len(known))
	for i, f := range known {
		names[i] = f.key
	}
	at := child(path, key)
	if near, ok := Nearest(key, names); ok {
		d.failAt(k.Line, at, "the key is unknown; did you mean %q?", near)
		d.unread = append(d.unread, child(path, near))
		return
	}
	d.failAt(k.Line, at, "the key is unknown; the keys here are %s", strings.Join(names, ", "))
}

func (d *decoder) sequence(n *yaml.Node, path string, out reflect.Value) {
	if n.Kind == yaml.ScalarNode && oneText(out.Type().Elem()) {
		out.Set(reflect.MakeSlice(out.Type(), 1, 1))
		d.value(n, path, out.Index(0))
		return
	}
	if n.Kind != yaml.SequenceNode {
		d.fail(path, "is %s, but a list is wanted here", kindOf(n))
		return
	}
	if len(n.Content) == 0 {
		out.SetZero() // so that an empty list and no list are equal
		return
	}
	out.Set(reflect.MakeSlice(out.Type(), len(n.Content), len(n.Content)))
	for i, item := range n.Content {
		d.value(item, index(path, i), out.Index(i))
	}
}

// oneText reports whether a value of type t can be written as one text.
func oneText(t reflect.Type) bool {
	_, text := reflect.New(t).Interface().(encoding.TextUnmarshaler)
	return text || t.Kind() == reflect.String || t == reflect.TypeFor[subject.Name]() || t == reflect.TypeFor[Header]()
}

// scalar returns the text of n as it is written. A number or a date is fine
// where a text is wanted: 1.2 needs no quotes.
func (d *decoder) scalar(n *yaml.Node, path, want string) (string, bool) {
	switch {
	case n.Kind != yaml.ScalarNode:
		d.fail(path, "is %s, but %s is wanted here", kindOf(n), want)
	case n.ShortTag() == "!!bool":
		d.fail(path, "is %s, but %s is wanted here; put it in quotes if it is one", n.Value, want)
	case strings.Contains(n.Value, "-----BEGIN"):
		d.fail(path, "holds PEM; put that into a file, and write the path of the file here")
	case strings.ContainsRune(n.Value, 0):
		d.fail(path, "has a NUL in it; remove it")
	default:
		return n.Value, true
	}
	return "", false
}

func (d *decoder) text(n *yaml.Node, path string, out encoding.TextUnmarshaler) {
	s, ok := d.scalar(n, path, "a text")
	if !ok {
		return
	}
	err := out.UnmarshalText([]byte(s))
	switch out.(type) {
	case *netip.Addr:
		if err != nil || s == "" {
			d.fail(path, "%s is not an IP address; write it as 192.0.2.7 or 2001:db8::7", quote(s))
		}
	case *netip.Prefix:
		if err != nil || s == "" {
			d.fail(path, "%s is not a CIDR block; write it as 10.0.0.0/8, or 10.1.2.3/32 for one address", quote(s))
		}
	default:
		if err != nil {
			d.fail(path, "%v", err)
		}
	}
}

func (d *decoder) name(n *yaml.Node, path string, out *subject.Name) {
	s, ok := d.scalar(n, path, "a distinguished name")
	if !ok {
		return
	}
	name, err := subject.Parse(s)
	if err != nil {
		d.fail(path, "%v", err)
	}
	*out = name
}

func (d *decoder) duration(n *yaml.Node, path string, out *time.Duration) {
	s, ok := d.scalar(n, path, "a duration")
	if !ok {
		return
	}
	v, err := time.ParseDuration(s)
	if _, nan := strconv.ParseFloat(s, 64); err != nil && nan == nil {
		d.fail(path, "%s has no unit; write it as %s", quote(s), quote(s+"s"))
	} else if err != nil {
		d.fail(path, "%s is not a duration; write it as 10s, 1m30s or 250ms", quote(s))
	}
	*out = v
}

func (d *decoder) boolean(n *yaml.Node, path string, out reflect.Value) {
	if n.ShortTag() != "!!bool" {
		d.fail(path, "is %s, but true or false is wanted here", kindOf(n))
		return
	}
	out.SetBool(strings.EqualFold(n.Value, "true"))
}

// integer reads decimal digits and nothing else: YAML 1.1 and 1.2 disagree
// about what 010 is.
func (d *decoder) integer(n *yaml.Node, path string, out reflect.Value) {
	v, err := strconv.ParseInt(n.Value, 10, 64)
	leading := len(n.Value) > 1 && n.Value[0] == '0'
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" || err != nil || leading || out.OverflowInt(v) {
		d.fail(path, "is %s, but a whole number is wanted here, in decimal digits without a unit", kindOf(n))
		return
	}
	out.SetInt(v)
}

// kindOf says what n is, for a sentence.
func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a set of keys"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias"
	}
	return quote(n.Value)
}
