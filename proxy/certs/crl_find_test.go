package certs_test

import (
	"bytes"
	"math/big"
	"testing"
	"time"

	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/minica"
)

// serialsOfAllLengths are numbers around each length that a serial number can have.
func serialsOfAllLengths() (all []*big.Int) {
	one := big.NewInt(1)
	for bits := range uint(20 * 8) {
		n := new(big.Int).Lsh(one, bits)
		all = append(all, n, new(big.Int).Add(n, big.NewInt(5)))
	}
	return all
}

func TestFindKnowsEverySerialNumberAndNoOther(t *testing.T) {
	ca := root(t, "Lists")
	present := map[string]bool{}
	var revoked []minica.Revoked
	for i, n := range serialsOfAllLengths() {
		if i%3 == 0 && !present[n.String()] {
			present[n.String()] = true
			revoked = append(revoked, minica.Revoked{Serial: n, Reason: 1})
		}
	}
	list := must[*certs.CRL](t)(certs.ParseCRL(must[[]byte](t)(ca.CRL(minica.CRLOptions{Revoked: revoked}))))

	if list.Entries != len(present) {
		t.Errorf("the list has %d entries, want %d", list.Entries, len(present))
	}
	for _, n := range serialsOfAllLengths() {
		if r, found := list.Find(n); found != present[n.String()] || found && r.Reason != "keyCompromise" {
			t.Errorf("%v: found %t, %+v; it is there: %t", n, found, r, present[n.String()])
		}
	}
	for name, n := range map[string]*big.Int{
		"the negative of one": big.NewInt(-1),
		"one of 64 octets":    new(big.Int).Lsh(big.NewInt(1), 511),
		"one of 65 octets":    new(big.Int).Lsh(big.NewInt(1), 512),
		"one of a megabyte":   new(big.Int).Lsh(big.NewInt(1), 8<<20),
	} {
		if _, found := list.Find(n); found {
			t.Errorf("found %s", name)
		}
	}
}

func TestFindTellsReasons(t *testing.T) {
	ca := root(t, "Lists")
	d := newDraft(ca)
	names := map[byte]string{0: "unspecified", 1: "keyCompromise", 2: "cACompromise", 3: "affiliationChanged", 4: "superseded",
		5: "cessationOfOperation", 6: "certificateHold", 7: "", 9: "privilegeWithdrawn", 10: "aACompromise", 11: "", 127: ""}
	all := [][]byte{entry([]byte{0x7e})}
	for code := range names {
		all = append(all, entry([]byte{code}, extension("2.5.29.24", nil, element(0x18, []byte("20261031120000Z"))), reasonIs(code)))
	}
	d.entries = entries(all...)
	list := must[*certs.CRL](t)(certs.ParseCRL(d.sign(t, ca)))
	for code, want := range names {
		if r, found := list.Find(big.NewInt(int64(code))); !found || r.Reason != want {
			t.Errorf("reason %d is %q (found %t), want %q", code, r.Reason, found, want)
		}
	}
	if r, found := list.Find(big.NewInt(0x7e)); !found || r.Reason != "" {
		t.Errorf("the entry without a reason has %q (found %t)", r.Reason, found)
	}
}

// A serial number that is listed twice is revoked, since the first time.
func TestFindOfTwinsTellsTheOlder(t *testing.T) {
	ca := root(t, "Lists")
	d := newDraft(ca)
	at := func(serial byte, date string) []byte {
		return element(0x30, []byte{2, 1, serial}, element(0x17, []byte(date)))
	}
	d.entries = entries(at(7, "261103000000Z"), at(5, "261102000000Z"), at(7, "261101000000Z"), at(7, "261103000000Z"))
	list := must[*certs.CRL](t)(certs.ParseCRL(d.sign(t, ca)))
	if list.Entries != 2 {
		t.Errorf("the list revokes %d certificates, want 2", list.Entries)
	}
	for serial, day := range map[int64]int{7: 1, 5: 2} {
		if r, found := list.Find(big.NewInt(serial)); !found || !r.Date.Equal(time.Date(2026, 11, day, 0, 0, 0, 0, time.UTC)) {
			t.Errorf("%d: found %t, revoked at %v, want on 2026-11-%02d", serial, found, r.Date, day)
		}
	}
}

// crypto/x509 reads no certificate whose serial number is negative.
func TestNegativeSerialNumbersAreSkipped(t *testing.T) {
	ca := root(t, "Lists")
	d := newDraft(ca)
	d.entries = entries(entry([]byte{0xff}), entry([]byte{1}), entry(bytes.Repeat([]byte{0x80}, 70)))
	list := must[*certs.CRL](t)(certs.ParseCRL(d.sign(t, ca)))
	if _, found := list.Find(big.NewInt(255)); found || list.Entries != 1 {
		t.Errorf("-1 was taken for 255 (%t), or counted (%d entries)", found, list.Entries)
	}
}

func TestFindAllocatesNothingOnAMiss(t *testing.T) {
	ca := root(t, "Lists")
	der, n := signedLargeList(t, ca, 1<<20)
	list := must[*certs.CRL](t)(certs.ParseCRL(der))
	miss := new(big.Int).SetBytes(largeSerial(n))
	if got := testing.AllocsPerRun(100, func() { list.Find(miss) }); got != 0 {
		t.Errorf("a miss allocates %v times", got)
	}
}
