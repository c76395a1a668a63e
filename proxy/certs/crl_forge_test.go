package certs_test

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding/asn1"
	"strconv"
	"strings"
	"testing"

	"github.com/sidegate/sidegate/proxy/minica"
)

// A crlDraft is a list of a CA with an ECDSA key, in pieces of DER, so that a test can
// damage each of them and have the whole signed nevertheless.
type crlDraft struct {
	version    []byte
	algorithm  []byte // in what is signed
	outside    []byte // beside it
	issuer     []byte
	thisUpdate []byte
	nextUpdate []byte
	entries    []byte // the element, or nil
	extensions []byte // the element, or nil
	after      []byte // within what is signed, after all that belongs there
}

// The algorithm identifier of ECDSA with SHA-256.
var ecdsaWithSHA256 = element(0x30, element(0x06, []byte{0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02}))

// newDraft is a good list of nothing.
func newDraft(ca *minica.CA) *crlDraft {
	return &crlDraft{
		version:    []byte{2, 1, 1},
		algorithm:  ecdsaWithSHA256,
		outside:    ecdsaWithSHA256,
		issuer:     ca.Leaf.RawSubject,
		thisUpdate: element(0x17, []byte("261101120000Z")),
		nextUpdate: element(0x17, []byte("261201120000Z")),
	}
}

// tbs is what is signed.
func (d *crlDraft) tbs() []byte {
	return element(0x30, d.version, d.algorithm, d.issuer, d.thisUpdate, d.nextUpdate, d.entries, d.extensions, d.after)
}

// sign writes the list out.
func (d *crlDraft) sign(t testing.TB, ca *minica.CA) []byte {
	t.Helper()
	tbs := d.tbs()
	sum := sha256.Sum256(tbs)
	signature, err := ca.Key.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	return element(0x30, tbs, d.outside, element(0x03, []byte{0}, signature))
}

// element is one of DER, whose content is all parts.
func element(tag byte, parts ...[]byte) []byte {
	der, err := asn1.Marshal(asn1.RawValue{Class: int(tag >> 6), IsCompound: tag&0x20 != 0, Tag: int(tag & 0x1f), Bytes: join(parts...)})
	if err != nil {
		panic(err)
	}
	return der
}

// extension is one Extension; flag is the element of its critical, or nil.
func extension(oid string, flag, value []byte) []byte {
	var name asn1.ObjectIdentifier
	for part := range strings.SplitSeq(oid, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			panic(err)
		}
		name = append(name, n)
	}
	der, err := asn1.Marshal(name)
	if err != nil {
		panic(err)
	}
	return element(0x30, der, flag, element(0x04, value))
}

// critical is the flag of a critical extension.
var critical = []byte{1, 1, 0xff}

// extensions is the element that holds those of a list.
func extensions(all ...[]byte) []byte { return element(0xa0, element(0x30, all...)) }

// entry is one of serial number, which is its content, at a date, with extensions.
func entry(serial []byte, extensions ...[]byte) []byte {
	parts := [][]byte{element(0x02, serial), element(0x17, []byte("261101120000Z"))}
	if len(extensions) > 0 {
		parts = append(parts, element(0x30, extensions...))
	}
	return element(0x30, parts...)
}

// reasonIs is the extension of an entry that gives the reason.
func reasonIs(code byte) []byte { return extension("2.5.29.21", nil, []byte{0x0a, 1, code}) }

// entries is the element that holds them.
func entries(all ...[]byte) []byte { return element(0x30, all...) }
