package minica

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"time"
)

// caTemplate is the template of a CA: it signs certificates and CRLs, nothing else.
func caTemplate(o Options, key crypto.PublicKey) (*x509.Certificate, error) {
	if o.RawSubject == nil {
		o.Subject = cmp.Or(o.Subject, "CN=minica")
	}
	t, err := template(o, key)
	if err != nil {
		return nil, err
	}
	t.IsCA = true
	t.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	t.ExtKeyUsage = o.Usage
	return t, nil
}

// leafTemplate is the template of a certificate for one end of a TLS connection.
func leafTemplate(o Options, key crypto.PublicKey) (*x509.Certificate, error) {
	t, err := template(o, key)
	if err != nil {
		return nil, err
	}
	t.KeyUsage = x509.KeyUsageDigitalSignature
	if _, ok := key.(*rsa.PublicKey); ok {
		t.KeyUsage |= x509.KeyUsageKeyEncipherment // the RSA key exchange of TLS 1.2
	}
	switch {
	case o.NoUsage:
	case len(o.Usage) > 0:
		t.ExtKeyUsage = o.Usage
	default:
		t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}
	}
	return t, nil
}

// template is what a CA and a leaf have in common.
func template(o Options, key crypto.PublicKey) (*x509.Certificate, error) {
	name, err := rawSubject(o)
	if err != nil {
		return nil, err
	}
	keyID, err := keyIdentifier(key)
	if err != nil {
		return nil, err
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	notBefore, notAfter := validity(o, time.Now())
	return &x509.Certificate{
		SerialNumber:          serial,
		RawSubject:            name,
		NotBefore:             notBefore,
		NotAfter:              notAfter,
		DNSNames:              o.DNS,
		URIs:                  o.URIs,
		EmailAddresses:        o.Emails,
		IPAddresses:           o.IPs,
		SubjectKeyId:          keyID,
		BasicConstraintsValid: true,
	}, nil
}

// sign turns a template into a certificate of parent, or into a self-signed
// one if parent is nil.
func sign(t *x509.Certificate, key crypto.Signer, parent *CA, change func(*x509.Certificate)) (*Cert, error) {
	if parent != nil {
		t.AuthorityKeyId = parent.Leaf.SubjectKeyId
	}
	if change != nil {
		change(t)
	}

	issuer, signer := t, key
	if parent != nil {
		issuer, signer = parent.Leaf, parent.Key
	}
	der, err := x509.CreateCertificate(rand.Reader, t, issuer, key.Public(), signer)
	if err != nil {
		return nil, fmt.Errorf("sign certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("parse the certificate just signed: %w", err)
	}
	return &Cert{Leaf: leaf, Chain: chainBelow(parent), Key: key}, nil
}

// chainBelow returns the chain of what ca has issued: ca and what is above
// it, without the root, which the other side must have already.
func chainBelow(ca *CA) []*x509.Certificate {
	if ca == nil || isRoot(ca.Leaf) {
		return nil
	}
	return append([]*x509.Certificate{ca.Leaf}, ca.Chain...)
}

// isRoot reports whether c is self-signed. The names alone do not tell: a CA
// that renews its key signs the new one under the same name.
func isRoot(c *x509.Certificate) bool {
	return bytes.Equal(c.RawSubject, c.RawIssuer) &&
		(len(c.AuthorityKeyId) == 0 || bytes.Equal(c.AuthorityKeyId, c.SubjectKeyId))
}

// validity fills in the dates that o leaves out.
func validity(o Options, now time.Time) (notBefore, notAfter time.Time) {
	notBefore, notAfter = o.NotBefore, o.NotAfter
	if notBefore.IsZero() {
		notBefore = now.Add(-time.Hour)
		if !notAfter.IsZero() && notAfter.Before(now) {
			notBefore = notAfter.Add(-time.Hour)
		}
	}
	if notAfter.IsZero() {
		notAfter = notBefore.Add(24 * time.Hour)
	}
	return notBefore, notAfter
}

// keyOrNew returns key, or a new one if there is none.
func keyOrNew(key crypto.Signer) (crypto.Signer, error) {
	if key != nil {
		return key, nil
	}
	fresh, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("generate ECDSA P-256 key: %w", err)
	}
	return fresh, nil
}

// newSerial returns a random positive serial number of up to 127 bits: more
// than the 64 bits of chance that public CAs need, and DER of at most 16 octets
// (RFC 5280 §4.1.2.2 allows 20).
func newSerial() (*big.Int, error) {
	limit := new(big.Int).Lsh(big.NewInt(1), 127)
	serial, err := rand.Int(rand.Reader, limit.Sub(limit, big.NewInt(1)))
	if err != nil {
		return nil, fmt.Errorf("draw serial number: %w", err)
	}
	return serial.Add(serial, big.NewInt(1)), nil // never 0
}

// keyIdentifier is the subject key identifier by RFC 7093 §2 method 1: the
// leftmost 160 bits of the SHA-256 of the public key's BIT STRING.
func keyIdentifier(key crypto.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode public key: %w", err)
	}
	var spki struct {
		Algorithm pkix.AlgorithmIdentifier
		PublicKey asn1.BitString
	}
	if _, err := asn1.Unmarshal(der, &spki); err != nil {
		return nil, fmt.Errorf("decode public key: %w", err)
	}
	sum := sha256.Sum256(spki.PublicKey.Bytes)
	return sum[:20], nil
}
