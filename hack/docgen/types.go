package main

import (
	"net/netip"
	"reflect"
	"time"

	"github.com/sidegate/sidegate/proxy/config"
	"github.com/sidegate/sidegate/proxy/subject"
)

// typeNames says in words what a type looks like in YAML.
var typeNames = map[reflect.Type]string{
	reflect.TypeFor[time.Duration]():     "duration",
	reflect.TypeFor[netip.Prefix]():      "CIDR block",
	reflect.TypeFor[netip.Addr]():        "IP address",
	reflect.TypeFor[subject.Name]():      "distinguished name",
	reflect.TypeFor[config.Upstream]():   "URL",
	reflect.TypeFor[config.Origin]():     "URL",
	reflect.TypeFor[config.SHA256]():     "SHA-256 digest",
	reflect.TypeFor[config.Parts]():      "list of attributes",
	reflect.TypeFor[config.Attributes](): "attributes",
	reflect.TypeFor[config.Header]():     "dialect or header",
	reflect.TypeFor[config.Serial]():     "serial number",
}

// plurals are the words that take more than an s.
var plurals = map[string]string{
	"IP address":        "IP addresses",
	"dialect or header": "dialects and headers",
	"keys":              "entries",
}

// typ returns the type of k for a table.
func (k key) typ() string { return typeName(k.value.Type()) }

func typeName(t reflect.Type) string {
	if name, ok := typeNames[t]; ok {
		return name
	}
	if c, ok := reflect.Zero(t).Interface().(interface{ Choices() []string }); ok {
		return alternatives(c.Choices())
	}
	switch t.Kind() {
	case reflect.Pointer:
		return typeName(t.Elem())
	case reflect.Slice:
		return "list of " + plural(typeName(t.Elem()))
	case reflect.Struct:
		return "keys"
	case reflect.Bool:
		return "`true` or `false`"
	case reflect.Int, reflect.Int64:
		return "whole number"
	}
	return "text"
}

func plural(name string) string {
	if p, ok := plurals[name]; ok {
		return p
	}
	return name + "s"
}

// alternatives returns `a`, `b` or `c`.
func alternatives(choices []string) string {
	list := code(choices[0])
	for i, c := range choices[1:] {
		if i < len(choices)-2 {
			list += ", " + code(c)
		} else {
			list += " or " + code(c)
		}
	}
	return list
}
