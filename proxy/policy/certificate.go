package policy

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"net/netip"

	"github.com/sidegate/sidegate/proxy/subject"
)

// maxNames bounds what a certificate can put into headers and the log, in bytes
// of the canonical form. Real names have 50 to 300.
const maxNames = 4096

// ClientOf reads from a certificate what a Policy needs to know. The error says
// that its Subject or Issuer cannot be told from another's: such a client is to
// be denied, and the Client that comes with the error is for the log alone.
//
// A certificate may have no Subject and speak by its SANs only, as SPIFFE's do.
// That is no error: no rule about Subjects matches it.
func ClientOf(cert *x509.Certificate) (*Client, error) {
	c := &Client{
		Serial:      SerialOf(cert),
		Fingerprint: sha256.Sum256(cert.Raw),
		Twins:       twins(cert),
		SPKI:        sha256.Sum256(cert.RawSubjectPublicKeyInfo),
		DNSNames:    cert.DNSNames,
		URIs:        urisOf(cert),
		Emails:      cert.EmailAddresses,
	}
	for _, ip := range cert.IPAddresses {
		if a, ok := netip.AddrFromSlice(ip); ok {
			c.IPs = append(c.IPs, a.Unmap())
		}
	}
	var err error
	c.Subject, err = subject.FromDER(cert.RawSubject)
	a, ok := errors.AsType[*subject.AmbiguousError](err)
	if nameless := ok && a.Reason == subject.Empty; err != nil && !nameless {
		return c, err
	}
	if c.Issuer, err = subject.FromDER(cert.RawIssuer); err != nil {
		return c, err
	}
	if n := len(c.Subject.String()) + len(c.Issuer.String()); n > maxNames {
		return c, fmt.Errorf("the Subject and the Issuer have %d bytes, more than the %d that applications can be expected to take in headers", n, maxNames)
	}
	return c, nil
}

// SerialOf returns the serial number of a certificate in lower-case hex, an even
// number of digits, as OpenSSL prints it but for the case.
func SerialOf(cert *x509.Certificate) string {
	if cert.SerialNumber == nil {
		return ""
	}
	s := cert.SerialNumber.Text(16)
	if len(s)%2 == 1 {
		s = "0" + s
	}
	return s
}

var oidSubjectAltName = asn1.ObjectIdentifier{2, 5, 29, 17}

// tagURI is that of uniformResourceIdentifier in a GeneralName (RFC 5280 §4.2.1.6).
const tagURI = 6

// urisOf returns the URIs among the subject alternative names byte for byte.
// What [x509.Certificate] has was parsed, and is another text once written
// again: "spiffe://a/b#" would become "spiffe://a/b".
func urisOf(cert *x509.Certificate) (uris []string) {
	for _, ext := range cert.Extensions {
		if !ext.Id.Equal(oidSubjectAltName) {
			continue
		}
		var names, name asn1.RawValue
		if _, err := asn1.Unmarshal(ext.Value, &names); err != nil {
			return nil
		}
		for rest := names.Bytes; len(rest) > 0; {
			var err error
			if rest, err = asn1.Unmarshal(rest, &name); err != nil {
				return nil
			}
			if name.Class == asn1.ClassContextSpecific && name.Tag == tagURI {
				uris = append(uris, string(name.Bytes))
			}
		}
	}
	return uris
}
