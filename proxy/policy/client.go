package policy

import (
	"net/netip"

	"github.com/sidegate/sidegate/proxy/subject"
)

// A Client is what a verified certificate says about its holder. Whoever makes
// one answers for the verification: nothing here looks at a signature.
type Client struct {
	Subject     subject.Name
	Issuer      subject.Name
	Serial      string   // lower-case hex, as in the X-Client-Serial header
	Fingerprint [32]byte // SHA-256 of the certificate's DER

	// Twins are the Fingerprints that the certificate has with its signature written
	// otherwise. Only a Denial looks at them.
	Twins [][32]byte

	SPKI [32]byte // SHA-256 of its SubjectPublicKeyInfo

	// The subject alternative names (RFC 5280 §4.2.1.6), by kind.
	DNSNames []string
	URIs     []string
	Emails   []string
	IPs      []netip.Addr
}

// A candidate is a Client on its way through the rules, with the attributes of
// its Subject taken apart once for all of them.
type candidate struct {
	*Client
	attributes []subject.Attribute
}

// attribute returns the only attribute of the type and how many there are.
func (c *candidate) attribute(typ string) (a subject.Attribute, count int) {
	for _, have := range c.attributes {
		if have.Type == typ {
			a = have
			count++
		}
	}
	return a, count
}
