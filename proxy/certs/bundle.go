package certs

import (
	"crypto/tls"
	"crypto/x509"
	"time"
)

// Usage says for which extended key usage (RFC 5280 §4.2.1.12) the certificates
// of peers must be good.
type Usage int

// The usages.
const (
	// ClientAuth wants clientAuth, the default.
	ClientAuth Usage = iota
	// ClientOrServer wants clientAuth or serverAuth, never any. Whoever has a
	// certificate for a web site passes it, so it needs a rule on the Subject.
	ClientOrServer
	// ServerAuth wants serverAuth: for outgoing connections, where the peer is
	// a server and the certificate of the Bundle is that of a client.
	ServerAuth
)

// A Bundle is everything that proves who is who, read as one. It is immutable.
// The zero Bundle trusts nobody.
type Bundle struct {
	Generation  uint64              // 1 for the first
	Loaded      time.Time           // when it was read
	Certificate *tls.Certificate    // with Leaf set; nil if Files.Certificate is empty
	Anchors     []*x509.Certificate // the CA certificates trusted, each once
	Items       []Item              // every certificate in use: the anchors, then the served one and its chain
	Warnings    []string            // what is odd but not fatal, one sentence each
	Oddities    []Oddity            // the same, with a word for each
	Trust       [32]byte            // hash of the anchors, the usage and the revocation lists: what a verdict on a client depends on
	CRLs        []*CRL              // the revocation lists in use

	roots      *x509.CertPool // of Anchors
	remembered *memory        // intermediates below the anchors; nil: none are remembered
	proven     *proven        // clients that were verified; nil: none are remembered
	checks     int            // signatures that sifting a chain may need to check
	revocation *revocation    // of CRLs; nil: no lists are configured
	past       []*CRL         // proved lists that were taken away and have no successor, without their entries
	usage      Usage
}

// An Item is one certificate of a Bundle, for metrics and the status page.
type Item struct {
	File string // path as configured, without the ..data indirection
	Role string // "certificate", "chain" or "ca"
	Cert *x509.Certificate
}

// An Oddity is a warning with a stable word: what is odd but not fatal.
type Oddity struct {
	Code    string // one of the Code constants
	File    string // path as configured, without the ..data indirection
	Problem string // what is odd, one sentence without the file name
}

// The roles of an Item.
const (
	roleCertificate = "certificate"
	roleChain       = "chain"
	roleCA          = "ca"
)
