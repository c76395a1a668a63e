package main

import (
	"bytes"
	"debug/buildinfo"
	"os"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// The clauses of the specification that say what must be there and in which
// form: 6 for the document, 7 for packages, 11 for relationships.
func TestTheBillOfMaterialsHasAllThatSPDXRequires(t *testing.T) {
	d := sbomOfThisTest(t)
	if d.Version != "SPDX-2.3" || d.DataLicense != "CC0-1.0" || d.ID != "SPDXRef-DOCUMENT" || d.Name == "" {
		t.Errorf("head of the document: %q %q %q %q", d.Version, d.DataLicense, d.ID, d.Name)
	}
	if !strings.HasPrefix(d.Namespace, "https://") || strings.ContainsAny(d.Namespace, "# ") {
		t.Errorf("documentNamespace %q is not an absolute address without a fragment", d.Namespace)
	}
	if _, err := time.Parse("2006-01-02T15:04:05Z", d.Creation.Created); err != nil {
		t.Errorf("created: %v", err)
	}
	if len(d.Creation.Creators) == 0 || !strings.HasPrefix(d.Creation.Creators[0], "Tool: ") {
		t.Errorf("creators %q, want a tool", d.Creation.Creators)
	}
	for _, p := range d.Packages {
		checkPackage(t, p)
	}
	checkRelationships(t, d)
}

var (
	spdxIDForm = regexp.MustCompile(`^SPDXRef-[0-9A-Za-z.-]+$`)
	sha256Form = regexp.MustCompile(`^[0-9a-f]{64}$`)
	purlForm   = regexp.MustCompile(`^pkg:(oci|golang)/[0-9a-z][^@+ ]*@[^@+ ]+$`)
)

func checkPackage(t *testing.T, p spdxPackage) {
	t.Helper()
	if !spdxIDForm.MatchString(p.ID) {
		t.Errorf("SPDXID %q has characters that SPDX forbids", p.ID)
	}
	required := []string{p.Name, p.Version, p.Purpose, p.DownloadLocation, p.LicenseConcluded, p.LicenseDeclared, p.Copyright}
	if slices.Contains(required, "") {
		t.Errorf("package %s lacks one of its fields: %+v", p.ID, p)
	}
	if p.FilesAnalyzed {
		t.Errorf("package %s claims that its files were analysed; then it would need a list of them", p.ID)
	}
	for _, c := range p.Checksums {
		if c.Algorithm != "SHA256" || !sha256Form.MatchString(c.Value) {
			t.Errorf("package %s has the checksum %+v", p.ID, c)
		}
	}
	for _, r := range p.References {
		if r.Category != "PACKAGE-MANAGER" || r.Type != "purl" || !purlForm.MatchString(r.Locator) {
			t.Errorf("package %s has the reference %+v", p.ID, r)
		}
	}
}

// Every package must be found from the document, or a reader cannot tell what
// it has to do with the image.
func checkRelationships(t *testing.T, d spdxDocument) {
	t.Helper()
	reached := map[string]bool{d.ID: true}
	for _, r := range d.Relationships { // from the whole to its parts, in that order
		if !reached[r.From] {
			t.Errorf("%s %s %s: nothing has led to the former", r.From, r.Type, r.To)
		}
		reached[r.To] = true
	}
	for _, p := range d.Packages {
		if !reached[p.ID] {
			t.Errorf("nothing leads to package %s, or its SPDXID is there twice", p.ID)
		}
		delete(reached, p.ID)
	}
	delete(reached, d.ID)
	if len(reached) > 0 {
		t.Errorf("relationships lead to what is not there: %v", reached)
	}
}

func TestTheBillOfMaterialsListsWhatWasLinked(t *testing.T) {
	d := sbomOfThisTest(t)
	info, err := buildinfo.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if len(info.Deps) < 3 {
		t.Fatalf("this test has %d modules in it, too few to show anything", len(info.Deps))
	}
	want := map[string]string{"stdlib@" + strings.TrimPrefix(info.GoVersion, "go"): "toolchain " + info.GoVersion}
	for _, m := range info.Deps {
		want[m.Path+"@"+m.Version] = "go.sum " + m.Sum
	}
	got := map[string]string{}
	for _, p := range d.Packages {
		if p.Purpose == "LIBRARY" {
			got[p.Name+"@"+p.Version] = p.SourceInfo
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("modules and their hashes (-want +got):\n%s", diff)
	}
}

// The hash in the bill of materials is to be found in go.sum, by anybody.
func TestTheHashesAreThoseOfGoSum(t *testing.T) {
	sums := string(readFile(t, "../go.sum"))
	for _, p := range sbomOfThisTest(t).Packages {
		sum, isModule := strings.CutPrefix(p.SourceInfo, "go.sum ")
		if line := p.Name + " " + p.Version + " " + sum + "\n"; isModule && !strings.Contains(sums, line) {
			t.Errorf("go.sum lacks the line %q", line)
		}
	}
}

func TestModulesAreNamedAsScannersKnowThem(t *testing.T) {
	for _, tt := range []struct {
		module debug.Module
		want   string
	}{
		{debug.Module{Path: "github.com/go-logr/logr", Version: "v1.4.4"}, "pkg:golang/github.com/go-logr/logr@v1.4.4"},
		{debug.Module{Path: "github.com/BurntSushi/toml", Version: "v1.6.0"}, "pkg:golang/github.com/burntsushi/toml@v1.6.0"},
		{debug.Module{Path: "github.com/docker/cli", Version: "v29.7.2+incompatible"}, "pkg:golang/github.com/docker/cli@v29.7.2%2Bincompatible"},
		{debug.Module{Path: "k8s.io/api", Version: "v0.0.0", Replace: &debug.Module{Path: "k8s.io/api", Version: "v0.37.2"}}, "pkg:golang/k8s.io/api@v0.37.2"},
	} {
		if got := modulePackage(&tt.module).References[0].Locator; got != tt.want {
			t.Errorf("%s %s is called %s, want %s", tt.module.Path, tt.module.Version, got, tt.want)
		}
	}
	if got := standardLibrary("go1.26.11 X:nocoverageredesign").References[0].Locator; got != "pkg:golang/stdlib@1.26.11" {
		t.Errorf("the standard library is called %s", got)
	}
}

func TestPackagesThatLookAlikeAreToldApart(t *testing.T) {
	if a, b := spdxID("Module", "example.org/a/b", "v1"), spdxID("Module", "example.org/a_b", "v1"); a == b {
		t.Errorf("two modules are both %s", a)
	}
}

func TestAProgramThatIsNotGoHasNoBillOfMaterials(t *testing.T) {
	i := image{product: products[0], binaries: []binary{{v1.Platform{OS: "linux", Architecture: "amd64"}, []byte("#!/bin/sh\n")}}}
	if err := i.assemble(); err != nil {
		t.Fatal(err)
	}
	if _, err := i.sbom(); err == nil || !strings.Contains(err.Error(), "linux/amd64") {
		t.Errorf("sbom: %v, want an error that names linux/amd64", err)
	}
}

// sbomOfThisTest is the bill of materials of an image with this test itself in
// it, because it is a binary with modules and costs no compiling.
func sbomOfThisTest(t *testing.T) spdxDocument {
	t.Helper()
	content := readFile(t, os.Args[0])
	i := image{product: products[0], opts: mustParse(t, "-version", "v1.2.3", "-revision", "0123abcd")}
	for _, p := range i.opts.platforms {
		i.binaries = append(i.binaries, binary{p, bytes.Clone(content)})
	}
	if err := i.assemble(); err != nil {
		t.Fatal(err)
	}
	d, err := i.sbom()
	if err != nil {
		t.Fatal(err)
	}
	return d
}
