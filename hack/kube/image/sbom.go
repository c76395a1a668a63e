package main

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
)

// writeSBOM writes the bill of materials of the image to file.
func (i image) writeSBOM(file string) error {
	document, err := i.sbom()
	if err != nil {
		return fmt.Errorf("make the bill of materials: %w", err)
	}
	content, err := json.MarshalIndent(document, "", "  ")
	if err != nil {
		return fmt.Errorf("make the bill of materials: %w", err)
	}
	return replaceFile(file, func(w io.Writer) error {
		_, err := w.Write(append(content, '\n'))
		return err
	})
}

// sbom says what the image is made of: it contains one binary a platform, and
// each binary depends on the modules that the linker wrote into it and on the
// standard library of the Go that compiled it. go.mod would say more than was
// linked, and a scanner of the image would say the same without the hashes.
func (i image) sbom() (spdxDocument, error) {
	digest, err := i.index.Digest()
	if err != nil {
		return spdxDocument{}, err
	}
	whole := i.imagePackage(digest.Hex)
	d := spdxDocument{
		Version:     spdxVersion,
		DataLicense: spdxDataLicense,
		ID:          spdxDocumentID,
		Name:        i.command + "-" + i.opts.version,
		Namespace:   sourceURL + "/spdx/" + i.command + "/sha256-" + digest.Hex,
		Creation:    spdxCreation{Created: i.labels()["org.opencontainers.image.created"], Creators: []string{"Tool: sidegate-hack-kube-image"}},
		Packages:    []spdxPackage{whole},
	}
	d.relate(spdxDocumentID, "DESCRIBES", whole.ID)
	for _, b := range i.binaries {
		if err := i.addBinary(&d, whole.ID, b); err != nil {
			return d, fmt.Errorf("read what the binary for %s was built of: %w", b.platform, err)
		}
	}
	// The image first, then the rest by name: an order that no map has touched.
	slices.SortFunc(d.Packages[1:], func(a, b spdxPackage) int { return cmp.Compare(a.ID, b.ID) })
	return d, nil
}

// addBinary adds b and all that was linked into it.
func (i image) addBinary(d *spdxDocument, imageID string, b binary) error {
	info, err := buildinfo.Read(bytes.NewReader(b.content))
	if err != nil {
		return err
	}
	program := i.binaryPackage(b)
	d.add(program)
	d.relate(imageID, "CONTAINS", program.ID)
	linked := []spdxPackage{standardLibrary(info.GoVersion)}
	for _, m := range info.Deps {
		linked = append(linked, modulePackage(m))
	}
	for _, p := range linked {
		d.add(p)
		d.relate(program.ID, "DEPENDS_ON", p.ID)
	}
	return nil
}

// add adds p unless another platform brought it already.
func (d *spdxDocument) add(p spdxPackage) {
	if !slices.ContainsFunc(d.Packages, func(q spdxPackage) bool { return q.ID == p.ID }) {
		d.Packages = append(d.Packages, p)
	}
}

func (d *spdxDocument) relate(from, how, to string) {
	d.Relationships = append(d.Relationships, spdxRelationship{From: from, Type: how, To: to})
}

func (i image) imagePackage(digest string) spdxPackage {
	p := newPackage("Image", i.command, i.opts.version, "CONTAINER")
	p.LicenseDeclared = license
	p.DownloadLocation = i.sourceLocation()
	p.Checksums = []spdxChecksum{{"SHA256", digest}}
	p.References = purl("pkg:oci/" + i.command + "@" + url.QueryEscape("sha256:"+digest) + "?tag=" + url.QueryEscape(i.opts.tag))
	return p
}

func (i image) binaryPackage(b binary) spdxPackage {
	p := newPackage("Binary-"+b.platform.Architecture, i.command, i.opts.version, "APPLICATION")
	sum := sha256.Sum256(b.content)
	p.LicenseDeclared = license
	p.DownloadLocation = i.sourceLocation()
	p.FileName = "/" + i.command
	p.Checksums = []spdxChecksum{{"SHA256", hex.EncodeToString(sum[:])}}
	p.SourceInfo = "compiled for " + b.platform.String()
	return p
}

// sourceLocation is where the source of the binaries can be had.
func (i image) sourceLocation() string {
	if i.opts.revision == "" {
		return noAssertion
	}
	return "git+" + sourceURL + "@" + i.opts.revision
}

// standardLibrary is a package like any other to a scanner: it has
// vulnerabilities, and versions that mend them.
func standardLibrary(goVersion string) spdxPackage {
	version, _, _ := strings.Cut(strings.TrimPrefix(goVersion, "go"), " ") // without " X:experiment"
	p := newPackage("Module", "stdlib", version, "LIBRARY")
	p.LicenseDeclared = "BSD-3-Clause"
	p.SourceInfo = "toolchain " + goVersion
	p.References = purl("pkg:golang/stdlib@" + url.QueryEscape(version))
	return p
}

// modulePackage is what the go command wrote about a module. Its hash goes
// beside the checksums, not among them: it is the hash of a list of hashes of
// files, as go.sum has it, and no file has it.
func modulePackage(m *debug.Module) spdxPackage {
	if m.Replace != nil {
		m = m.Replace
	}
	p := newPackage("Module", m.Path, m.Version, "LIBRARY")
	if m.Sum != "" {
		p.SourceInfo = "go.sum " + m.Sum
	}
	var path []string
	for segment := range strings.SplitSeq(strings.ToLower(m.Path), "/") {
		path = append(path, url.QueryEscape(segment))
	}
	p.References = purl("pkg:golang/" + strings.Join(path, "/") + "@" + url.QueryEscape(m.Version))
	return p
}

func newPackage(kind, name, version, purpose string) spdxPackage {
	return spdxPackage{
		Name:             name,
		ID:               spdxID(kind, name, version),
		Version:          version,
		Purpose:          purpose,
		DownloadLocation: noAssertion,
		LicenseConcluded: noAssertion,
		LicenseDeclared:  noAssertion,
		Copyright:        noAssertion,
	}
}

var notInSPDXID = regexp.MustCompile(`[^0-9A-Za-z.-]+`)

// spdxID is a name that no other package of the document has. SPDX allows few
// characters in it, so that a/b and a_b would become one; the hash tells them
// apart.
func spdxID(kind, name, version string) string {
	sum := sha256.Sum256([]byte(name + "@" + version))
	readable := notInSPDXID.ReplaceAllString(name+"-"+version, "-")
	return "SPDXRef-" + kind + "-" + readable + "-" + hex.EncodeToString(sum[:4])
}
