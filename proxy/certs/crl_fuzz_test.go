package certs_test

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"math/big"
	"testing"

	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/minica"
)

// FuzzParseCRL holds what is accepted against crypto/x509, which accepts more, but
// must accept this and read the same in it.
func FuzzParseCRL(f *testing.F) {
	ca, err := minica.New(minica.Options{Subject: "CN=Lists"})
	if err != nil {
		f.Fatal(err)
	}
	for _, der := range seedLists(f, ca) {
		f.Add(der)
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		c, err := certs.ParseCRL(der)
		if err != nil {
			var problem *certs.CRLError
			if !errors.As(err, &problem) || problem.Code == "" || problem.Problem == "" {
				t.Fatalf("refused without a code or a problem: %#v", err)
			}
			return
		}
		if err := c.CheckSignatureFrom(ca.Leaf); err == nil && !bytes.Equal(c.RawIssuer, ca.Leaf.RawSubject) {
			t.Errorf("the CA signed a list of %q", c.Issuer)
		}
		if list, err := x509.ParseRevocationList(der); err == nil {
			compareLists(t, c, list)
		} else if !isVersion1(der) { // which it does not read
			t.Errorf("accepted, but crypto/x509 says: %v", err)
		}
	})
}

// seedLists are lists of each kind, good and not.
func seedLists(f *testing.F, ca *minica.CA) (all [][]byte) {
	d := newDraft(ca)
	all = append(all, d.sign(f, ca))
	d.entries = entries(entry([]byte{1}), entry([]byte{0, 0xff}, reasonIs(1)), entry([]byte{0xfe}),
		entry(bytes.Repeat([]byte{7}, 20), reasonIs(6), extension("2.5.29.24", nil, element(0x18, []byte("20261031120000Z")))))
	all = append(all, d.sign(f, ca))
	d.extensions = extensions(extension("2.5.29.20", nil, []byte{2, 1, 1}), extension("2.5.29.35", nil, []byte{0x30, 3, 0x80, 1, 1}))
	all = append(all, d.sign(f, ca))
	d.extensions = extensions(extension("2.5.29.28", critical, element(0x30, element(0xa0), element(0x84, []byte{0xff}))))
	all = append(all, d.sign(f, ca))
	d.extensions = extensions(extension("2.5.29.27", critical, []byte{2, 1, 1}), extension("1.2.3.4", critical, nil))
	all = append(all, d.sign(f, ca))
	d.extensions, d.nextUpdate = nil, element(0x18, []byte("20501101120000Z"))
	all = append(all, d.sign(f, ca))
	d.version, d.entries = nil, entries(entry([]byte{1}))
	all = append(all, d.sign(f, ca))
	return append(all, all[1][:40], join(all[0], []byte{0}))
}

// isVersion1 reports whether a list that was accepted names no version.
func isVersion1(der []byte) bool {
	var list, tbs asn1.RawValue
	if _, err := asn1.Unmarshal(der, &list); err != nil {
		return false
	}
	_, err := asn1.Unmarshal(list.Bytes, &tbs)
	return err == nil && tbs.Bytes[0] != 2
}

// compareLists wants the same in both.
func compareLists(t *testing.T, c *certs.CRL, list *x509.RevocationList) {
	t.Helper()
	if !bytes.Equal(c.RawIssuer, list.RawIssuer) || !bytes.Equal(c.KeyID, list.AuthorityKeyId) {
		t.Errorf("of %x, key %x; crypto/x509 says %x, key %x", c.RawIssuer, c.KeyID, list.RawIssuer, list.AuthorityKeyId)
	}
	if !c.ThisUpdate.Equal(list.ThisUpdate) || !c.NextUpdate.Equal(list.NextUpdate) {
		t.Errorf("of %v to %v; crypto/x509 says %v to %v", c.ThisUpdate, c.NextUpdate, list.ThisUpdate, list.NextUpdate)
	}
	if (c.Number == nil) != (list.Number == nil) || c.Number != nil && c.Number.Cmp(list.Number) != 0 {
		t.Errorf("number %v; crypto/x509 says %v", c.Number, list.Number)
	}
	serials := map[string]bool{}
	for _, e := range list.RevokedCertificateEntries {
		r, found := c.Find(e.SerialNumber)
		if negative := e.SerialNumber.Sign() < 0; found == negative {
			t.Errorf("%v: found %t", e.SerialNumber, found)
		}
		if found && r.Date.After(e.RevocationTime) {
			t.Errorf("%v: revoked at %v; crypto/x509 says %v", e.SerialNumber, r.Date, e.RevocationTime)
		}
		if found {
			serials[e.SerialNumber.String()] = true
		}
		next := new(big.Int).Add(e.SerialNumber, big.NewInt(1))
		if _, found := c.Find(next); found && !listed(list, next) {
			t.Errorf("found %v, which is not there", next)
		}
	}
	if c.Entries != len(serials) {
		t.Errorf("%d entries; crypto/x509 has %d serial numbers", c.Entries, len(serials))
	}
}

func listed(list *x509.RevocationList, serial *big.Int) bool {
	for _, e := range list.RevokedCertificateEntries {
		if e.SerialNumber.Cmp(serial) == 0 {
			return true
		}
	}
	return false
}
