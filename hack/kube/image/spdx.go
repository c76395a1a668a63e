package main

// The part of SPDX 2.3 that a bill of materials of Go binaries needs, with its
// names and its order (https://spdx.github.io/spdx-spec/v2.3/). A field that
// the specification requires is never left out; an unknown value is said to be
// one, with the word noAssertion.
const (
	spdxVersion     = "SPDX-2.3"
	spdxDataLicense = "CC0-1.0" // the specification allows no other
	spdxDocumentID  = "SPDXRef-DOCUMENT"
	noAssertion     = "NOASSERTION"
)

type spdxDocument struct {
	Version       string             `json:"spdxVersion"`
	DataLicense   string             `json:"dataLicense"`
	ID            string             `json:"SPDXID"`
	Name          string             `json:"name"`
	Namespace     string             `json:"documentNamespace"` // an address of its own, which need not answer
	Creation      spdxCreation       `json:"creationInfo"`
	Packages      []spdxPackage      `json:"packages"`
	Relationships []spdxRelationship `json:"relationships"`
}

type spdxCreation struct {
	Created  string   `json:"created"`
	Creators []string `json:"creators"`
}

type spdxPackage struct {
	Name             string            `json:"name"`
	ID               string            `json:"SPDXID"`
	Version          string            `json:"versionInfo"`
	Purpose          string            `json:"primaryPackagePurpose"`
	FileName         string            `json:"packageFileName,omitempty"`
	DownloadLocation string            `json:"downloadLocation"`
	FilesAnalyzed    bool              `json:"filesAnalyzed"` // false: no list of files is given
	Checksums        []spdxChecksum    `json:"checksums,omitempty"`
	SourceInfo       string            `json:"sourceInfo,omitempty"`
	LicenseConcluded string            `json:"licenseConcluded"`
	LicenseDeclared  string            `json:"licenseDeclared"`
	Copyright        string            `json:"copyrightText"`
	References       []spdxExternalRef `json:"externalRefs,omitempty"`
}

type spdxChecksum struct {
	Algorithm string `json:"algorithm"`
	Value     string `json:"checksumValue"`
}

type spdxExternalRef struct {
	Category string `json:"referenceCategory"`
	Type     string `json:"referenceType"`
	Locator  string `json:"referenceLocator"`
}

type spdxRelationship struct {
	From string `json:"spdxElementId"`
	Type string `json:"relationshipType"`
	To   string `json:"relatedSpdxElement"`
}

// purl is the reference by which scanners find known vulnerabilities.
func purl(locator string) []spdxExternalRef {
	return []spdxExternalRef{{Category: "PACKAGE-MANAGER", Type: "purl", Locator: locator}}
}
