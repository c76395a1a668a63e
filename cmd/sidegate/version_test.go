package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestGoVersionsWithKnownHolesAreNamed(t *testing.T) {
	for v, warned := range map[string]bool{
		"go1.21.13":                      true,
		"go1.25.99":                      true,
		"go1.26":                         true,
		"go1.26rc1":                      true,
		"go1.26.8":                       true,
		"go1.26.10 X:nocoverageredesign": true,
		"go1.26.11":                      false,
		"go1.26.11-vendor":               false,
		"go1.26.12 X:jsonv2":             false,
		"go1.27.3":                       true,
		"go1.27.4":                       false,
		"go1.28rc1":                      false,
		"go1.28.0":                       false,
		"devel go1.28-0123abcd":          false,
	} {
		if got := goWarning(v) != ""; got != warned {
			t.Errorf("%s: warned %v, want %v: %s", v, got, warned, goWarning(v))
		}
	}
}

func TestAnUnsafeGoIsToldOfInEachFormat(t *testing.T) {
	for format, want := range map[string]string{"text": "\nwarning: built with ", "json": `,"warning":"built with `} {
		for v, warned := range map[string]bool{"go1.26.8": true, "go1.26.11": false} {
			var out bytes.Buffer
			if err := writeVersion(&out, format, v); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(out.String(), v) || strings.Contains(out.String(), want+v) != warned || strings.Contains(out.String(), "warning") != warned {
				t.Errorf("%s as %s: %q", v, format, out.String())
			}
		}
	}
}

func TestTheVersionIsTheOneItWasBuiltWith(t *testing.T) {
	if buildVersion() == "" {
		t.Error("a binary that was not told its version has none")
	}
}
