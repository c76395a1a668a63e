package minica

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/url"
	"time"
)

// Options describe a certificate. The zero value of each field is a sensible
// one: valid from an hour ago for a day, ECDSA P-256, a random serial.
type Options struct {
	// Subject is the distinguished name in any form that
	// [github.com/sidegate/sidegate/proxy/subject.Parse] reads. Empty: a CA is
	// called "CN=minica", and a leaf has an empty subject, as RFC 5280
	// §4.1.2.6 allows where the subjectAltName says who it is.
	Subject string
	// RawSubject is the DER of a Name, used as it is instead of Subject.
	RawSubject []byte

	// The subjectAltName (RFC 5280 §4.2.1.6).
	DNS    []string
	URIs   []*url.URL
	Emails []string
	IPs    []net.IP

	// NotBefore is an hour ago if zero, or an hour before a NotAfter that is
	// earlier still: an expired certificate needs nothing but its NotAfter.
	NotBefore time.Time
	// NotAfter is a day after NotBefore if zero.
	NotAfter time.Time

	// Usage is the extended key usage (RFC 5280 §4.2.1.12). None: no such
	// extension in a CA, clientAuth and serverAuth in a leaf.
	Usage []x509.ExtKeyUsage
	// NoUsage leaves the extension out of a leaf too.
	NoUsage bool

	// Key is the certificate's private key. Nil: a new ECDSA P-256 key.
	Key crypto.Signer
	// Change has the last word on the template that is signed. It may be nil.
	Change func(template *x509.Certificate)
}

// A Cert is a certificate with its key and the chain up to, but without, the root.
type Cert struct {
	Leaf  *x509.Certificate
	Chain []*x509.Certificate // intermediates, nearest first
	Key   crypto.Signer
}

// A CA issues certificates. It is safe for concurrent use if its key is.
type CA struct{ Cert }

// New returns a self-signed CA.
func New(o Options) (*CA, error) {
	return newCA(o, nil)
}

// NewCA returns a CA below ca.
func (ca *CA) NewCA(o Options) (*CA, error) {
	return newCA(o, ca)
}

// Issue returns a leaf certificate signed by ca.
func (ca *CA) Issue(o Options) (*Cert, error) {
	key, err := keyOrNew(o.Key)
	if err != nil {
		return nil, err
	}
	template, err := leafTemplate(o, key.Public())
	if err != nil {
		return nil, err
	}
	return sign(template, key, ca, o.Change)
}

// TLS returns the certificate with chain and key.
func (c *Cert) TLS() tls.Certificate {
	der := [][]byte{c.Leaf.Raw}
	for _, issuer := range c.Chain {
		der = append(der, issuer.Raw)
	}
	return tls.Certificate{Certificate: der, PrivateKey: c.Key, Leaf: c.Leaf}
}

// newCA returns a CA signed by parent, or by itself if parent is nil.
func newCA(o Options, parent *CA) (*CA, error) {
	key, err := keyOrNew(o.Key)
	if err != nil {
		return nil, err
	}
	template, err := caTemplate(o, key.Public())
	if err != nil {
		return nil, err
	}
	cert, err := sign(template, key, parent, o.Change)
	if err != nil {
		return nil, err
	}
	return &CA{Cert: *cert}, nil
}
