package minica

import (
	"cmp"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"
)

// A Revoked is one entry of a revocation list.
type Revoked struct {
	Serial *big.Int
	At     time.Time // when the list begins if zero
	Reason int       // of RFC 5280 §5.3.1; 0, unspecified, is left out as it asks
}

// CRLOptions describe a revocation list (RFC 5280 §5). The zero value is a good one
// that revokes nothing.
type CRLOptions struct {
	Revoked []Revoked
	// Number is the CRL number; 0 means 1.
	Number int64
	// ThisUpdate is an hour ago if zero, or an hour before a NextUpdate that is
	// earlier still: an expired list needs nothing but its NextUpdate.
	ThisUpdate time.Time
	// NextUpdate is a day from now if zero.
	NextUpdate time.Time
	// Change has the last word on the template that is signed: its ExtraExtensions
	// and those of its entries make a list a delta, an indirect one, or one with an
	// extension that nobody knows. It may be nil.
	Change func(template *x509.RevocationList)
}

// CRL returns a revocation list of ca in DER.
func (ca *CA) CRL(o CRLOptions) ([]byte, error) {
	t := crlTemplate(o, time.Now())
	if o.Change != nil {
		o.Change(t)
	}
	der, err := x509.CreateRevocationList(rand.Reader, t, ca.Leaf, ca.Key)
	if err != nil {
		return nil, fmt.Errorf("sign revocation list: %w", err)
	}
	return der, nil
}

// CRLPEM returns a revocation list of ca in PEM, as a .crl file is written.
func (ca *CA) CRLPEM(o CRLOptions) ([]byte, error) {
	der, err := ca.CRL(o)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}), nil
}

// crlTemplate fills in what o leaves out.
func crlTemplate(o CRLOptions, now time.Time) *x509.RevocationList {
	from, until := o.ThisUpdate, o.NextUpdate
	if until.IsZero() {
		until = now.Add(24 * time.Hour)
	}
	if from.IsZero() {
		from = now.Add(-time.Hour)
		if until.Before(now) {
			from = until.Add(-time.Hour)
		}
	}
	t := &x509.RevocationList{Number: big.NewInt(cmp.Or(o.Number, 1)), ThisUpdate: from, NextUpdate: until}
	for _, r := range o.Revoked {
		at := r.At
		if at.IsZero() {
			at = from
		}
		t.RevokedCertificateEntries = append(t.RevokedCertificateEntries,
			x509.RevocationListEntry{SerialNumber: r.Serial, RevocationTime: at, ReasonCode: r.Reason})
	}
	return t
}
