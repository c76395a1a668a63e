package certs_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/minica"
)

// A verdict is the code of the error, or "good".
func verdictOn(t *testing.T, err error) string {
	t.Helper()
	var problem *certs.CRLError
	switch {
	case err == nil:
		return "good"
	case !errors.As(err, &problem):
		t.Fatalf("error %v of type %T, want a *CRLError", err, err)
	case !strings.HasPrefix(problem.Problem, "the revocation list "):
		t.Errorf("the problem is no sentence about the list: %q", problem.Problem)
	}
	return problem.Code
}

// A crlRow changes a good list, and says what becomes of it.
type crlRow struct {
	name   string
	change func(*crlDraft)
	want   string // the code, or "good"
	says   string // in the problem
}

// holdRows reads the list of each row, and checks the signature of those that are good.
func holdRows(t *testing.T, rows []crlRow) {
	t.Helper()
	ca := root(t, "Lists")
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			d := newDraft(ca)
			row.change(d)
			list, err := certs.ParseCRL(d.sign(t, ca))
			if got := verdictOn(t, err); got != row.want {
				t.Fatalf("the list is %s (%v), want %s", got, err, row.want)
			}
			if err != nil {
				if !strings.Contains(err.Error(), row.says) {
					t.Errorf("the problem is %q, want it to say %q", err, row.says)
				}
				return
			}
			if err := list.CheckSignatureFrom(ca.Leaf); err != nil {
				t.Errorf("it was read, but its signature is refused: %v", err)
			}
		})
	}
}

// The changes of most rows, and what they are made of.
var (
	one = []byte{1}
	yes = []byte{0xff}
)

func of(all ...[]byte) func(*crlDraft) { return func(d *crlDraft) { d.entries = entries(all...) } }
func with(all ...[]byte) func(*crlDraft) {
	return func(d *crlDraft) { d.extensions = extensions(all...) }
}

func number(content ...byte) []byte { return extension("2.5.29.20", nil, element(0x02, content)) }

// scope is a list with an issuingDistributionPoint.
func scope(flag []byte, fields ...[]byte) func(*crlDraft) {
	return with(extension("2.5.29.28", flag, element(0x30, fields...)))
}

func TestCRLVersions(t *testing.T) {
	holdRows(t, []crlRow{
		{"a list of nothing is good", func(*crlDraft) {}, "good", ""},
		{"a list of one is good", of(entry(one)), "good", ""},
		{"so is an element for entries that holds none", of(), "good", ""},
		{"so is version 1", func(d *crlDraft) { d.version, d.entries = nil, entries(entry(one)) }, "good", ""},
		{"version 1 knows no extensions", func(d *crlDraft) { d.version, d.extensions = nil, extensions(number(1)) }, "crl-malformed", "version"},
		{"nor does it in an entry", func(d *crlDraft) { d.version, d.entries = nil, entries(entry(one, reasonIs(1))) }, "crl-malformed", "entry 1"},
		{"version 1 that is written out is wrong", func(d *crlDraft) { d.version = []byte{2, 1, 0} }, "crl-malformed", "version"},
		{"there is no version 3", func(d *crlDraft) { d.version = []byte{2, 1, 2} }, "crl-malformed", "version"},
	})
}

func TestCRLIsForAllCertificatesOfItsCA(t *testing.T) {
	holdRows(t, []crlRow{
		{"a delta is refused", with(extension("2.5.29.27", critical, element(0x02, one))), "crl-delta", "delta"},
		{"a delta is refused when it does not insist", with(extension("2.5.29.27", nil, element(0x02, one))), "crl-delta", "delta"},
		{"a list for several CAs is refused", scope(critical, element(0x84, yes)), "crl-indirect", "other CAs"},
		{"an entry of another CA is refused", of(entry(one), entry(one, extension("2.5.29.29", critical, element(0x30)))), "crl-indirect", "entry 2"},
		{"also when it does not insist", of(entry(one, extension("2.5.29.29", nil, element(0x30)))), "crl-indirect", "entry 1"},
		{"a list of one distribution point is refused", scope(critical, element(0xa0, element(0xa0))), "crl-scoped", "to a distribution point"},
		{"a list of users only is refused", scope(critical, element(0x81, yes)), "crl-scoped", "to user certificates"},
		{"a list of CAs only is refused", scope(critical, element(0x82, yes)), "crl-scoped", "to CA certificates"},
		{"a list for some reasons is refused", scope(nil, element(0x83, []byte{6, 0x40})), "crl-scoped", "to some reasons"},
		{"a list of attribute certificates is refused", scope(nil, element(0x85, yes)), "crl-scoped", "to attribute certificates"},
		{"two limits are both named", scope(nil, element(0xa0), element(0x81, yes)), "crl-scoped", "to a distribution point, user certificates"},
		{"a scope that limits nothing is refused", scope(nil, element(0x81, []byte{0})), "crl-scoped", "one of several"},
		{"a scope that is none is malformed", scope(nil, element(0x86, yes)), "crl-malformed", "issuingDistributionPoint"},
	})
}

func TestCRLExtensions(t *testing.T) {
	holdRows(t, []crlRow{
		{"what nobody knows may be said", with(extension("1.2.3.4", nil, one)), "good", ""},
		{"but not insisted on", with(extension("1.2.3.4", critical, one)), "crl-critical-extension", "1.2.3.4"},
		{"a freshest list is not looked for", with(extension("2.5.29.46", critical, one)), "crl-critical-extension", "2.5.29.46"},
		{"what nobody knows may be said in an entry", of(entry(one, extension("1.2.3.4", nil, one))), "good", ""},
		{"but not insisted on there either", of(entry(one, extension("1.2.3.4", critical, one))), "crl-critical-extension", "1.2.3.4 in entry 1"},
		{"an extension that is twice in the list", with(number(1), number(1)), "crl-malformed", "2.5.29.20 twice"},
		{"an extension that is twice in an entry", of(entry(one, reasonIs(1), reasonIs(1))), "crl-malformed", "twice"},
		{"more extensions in an entry than anybody needs", of(entry(one, manyExtensions(17)...)), "crl-malformed", "one too many"},
		{"as many as one may have", of(entry(one, manyExtensions(16)...)), "good", ""},
		{"an empty list of extensions", with(), "crl-malformed", "empty"},
		{"an empty list of extensions in an entry", of(entry(one, []byte(nil))), "crl-malformed", "entry 1"},
		{"a flag that is neither true nor false", of(entry(one, extension("1.2.3.4", []byte{1, 1, 7}, one))), "crl-malformed", "entry 1"},
		{"a false flag that is written out is tolerated", of(entry(one, extension("1.2.3.4", []byte{1, 1, 0}, one))), "good", ""},
		{"something after the extensions, within their frame", func(d *crlDraft) {
			d.extensions = element(0xa0, element(0x30, number(1)), []byte{5, 0})
		}, "crl-malformed", "extensions"},
		{"something after the value of an extension", with(element(0x30, []byte{6, 3, 42, 3, 4}, element(0x04), []byte{5, 0})), "crl-malformed", "extension"},
		{"a critical number is understood", with(extension("2.5.29.20", critical, []byte{2, 1, 1})), "good", ""},
	})
}

func TestCRLEntries(t *testing.T) {
	holdRows(t, []crlRow{
		{"removeFromCRL belongs to a delta", of(entry(one, reasonIs(8))), "crl-malformed", "removeFromCRL"},
		{"a reason that is no number", of(entry(one, extension("2.5.29.21", nil, one))), "crl-malformed", "reason"},
		{"a reason that is two", of(entry(one, extension("2.5.29.21", nil, []byte{10, 1, 1, 10, 1, 1}))), "crl-malformed", "reason"},
		{"an entry without a serial number", of(element(0x30, element(0x17, []byte("261101120000Z")))), "crl-malformed", "serial number"},
		{"an entry whose serial number is padded", of(entry([]byte{0, 1})), "crl-malformed", "serial number"},
		{"an entry without a date", of(element(0x30, element(0x02, one))), "crl-malformed", "date"},
		{"an entry with more than its extensions", of(element(0x30, element(0x02, one), element(0x17, []byte("261101120000Z")), element(0x02, one))), "crl-malformed", "entry 1"},
		{"a serial number of 64 octets", of(entry(bytes.Repeat(one, 64))), "good", ""},
		{"a serial number of 65 octets", of(entry(bytes.Repeat(one, 65))), "crl-malformed", "64 octets"},
	})
}

func TestCRLNumbers(t *testing.T) {
	holdRows(t, []crlRow{
		{"a number of 20 octets", with(number(bytes.Repeat(one, 20)...)), "good", ""},
		{"a number of 21 octets", with(number(bytes.Repeat(one, 21)...)), "crl-malformed", "21 octets"},
		{"a negative number", with(number(0xff)), "crl-malformed", "negative"},
		{"a number with something after it", with(extension("2.5.29.20", nil, []byte{2, 1, 1, 0})), "crl-malformed", "no number"},
	})
}

func TestCRLFrame(t *testing.T) {
	holdRows(t, []crlRow{
		{"no end", func(d *crlDraft) { d.nextUpdate = nil }, "crl-no-next-update", "nextUpdate"},
		{"an end before its beginning", func(d *crlDraft) { d.nextUpdate = element(0x17, []byte("261031120000Z")) }, "crl-malformed", "2026-10-31T12:00:00Z"},
		{"no beginning", func(d *crlDraft) { d.thisUpdate, d.nextUpdate = nil, nil }, "crl-malformed", "thisUpdate"},
		{"two algorithms", func(d *crlDraft) { d.algorithm = element(0x30, sha1OID, []byte{5, 0}) }, "crl-malformed", "two signature algorithms"},
		{"an algorithm nobody knows", func(d *crlDraft) { d.algorithm = element(0x30, []byte{6, 2, 42, 3}); d.outside = d.algorithm }, "crl-signature", "not supported"},
		{"a name that is none", func(d *crlDraft) { d.issuer = element(0x30, []byte{2, 1, 1}) }, "crl-malformed", "cannot be decoded"},
		{"no name", func(d *crlDraft) { d.issuer = nil }, "crl-malformed", "no issuer"},
		{"something after the extensions", func(d *crlDraft) { d.after = []byte{5, 0} }, "crl-malformed", "after its extensions"},
		{"a frame that is larger than any list needs", with(extension("1.2.3.4", nil, make([]byte, 70000))), "crl-malformed", "beside its entries"},
	})
}

// sha1OID is ecdsa-with-SHA1.
var sha1OID = []byte{6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01}

func manyExtensions(n int) (all [][]byte) {
	for i := range n {
		all = append(all, extension("1.2.3."+big.NewInt(int64(i)).String(), nil, nil))
	}
	return all
}

func TestParseCRLSaysWhatTheListSays(t *testing.T) {
	ca := root(t, "Lists")
	from, until := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC), time.Date(2055, 2, 28, 23, 59, 59, 0, time.UTC)
	der := must[[]byte](t)(ca.CRL(minica.CRLOptions{Number: 7, ThisUpdate: from, NextUpdate: until,
		Revoked: []minica.Revoked{{Serial: big.NewInt(5)}, {Serial: big.NewInt(9)}}}))
	c := must[*certs.CRL](t)(certs.ParseCRL(der))

	if c.Issuer != "CN=Lists" || !bytes.Equal(c.RawIssuer, ca.Leaf.RawSubject) || !bytes.Equal(c.KeyID, ca.Leaf.SubjectKeyId) {
		t.Errorf("the list is of %q (%x), key %x", c.Issuer, c.RawIssuer, c.KeyID)
	}
	if c.Number.Int64() != 7 || c.Entries != 2 || c.Sum != sha256.Sum256(der) {
		t.Errorf("the list is number %v with %d entries and sum %x, want 7 with 2", c.Number, c.Entries, c.Sum)
	}
	if !c.ThisUpdate.Equal(from) || !c.NextUpdate.Equal(until) || c.NextUpdate.Location() != time.UTC {
		t.Errorf("the list is of %v to %v, want %v to %v", c.ThisUpdate, c.NextUpdate, from, until)
	}
}

// A list that arrives in part must never be taken for a shorter one.
func TestParseCRLRefusesEveryPartOfAList(t *testing.T) {
	ca := root(t, "Lists")
	der := must[[]byte](t)(ca.CRL(minica.CRLOptions{Revoked: []minica.Revoked{{Serial: big.NewInt(5), Reason: 1}}}))
	for n := range der {
		if _, err := certs.ParseCRL(der[:n]); verdictOn(t, err) != "crl-malformed" {
			t.Errorf("the first %d octets of %d are %v", n, len(der), err)
		}
	}
	for _, more := range [][]byte{{0}, {'\n'}, der} {
		if _, err := certs.ParseCRL(join(der, more)); verdictOn(t, err) != "crl-malformed" {
			t.Errorf("with %d more octets it is %v", len(more), err)
		}
	}
}

// What is not DER can be read in two ways.
func TestCRLIsStrictDER(t *testing.T) {
	whole := join([]byte{2, 1, 5}, element(0x17, []byte("261101120000Z"))) // the content of an entry, 18 octets
	long := func(length ...byte) func(*crlDraft) { return of(join([]byte{0x30}, length, whole)) }
	holdRows(t, []crlRow{
		{"a length as short as can be", long(18), "good", ""},
		{"a length that is open", of(join([]byte{0x30, 0x80}, whole, []byte{0, 0})), "crl-malformed", "entry 1"},
		{"a length in two octets that needs one", long(0x81, 18), "crl-malformed", "entry 1"},
		{"a length with a leading zero", long(0x82, 0, 18), "crl-malformed", "entry 1"},
		{"a length of five octets", long(0x85, 1, 0, 0, 0, 0), "crl-malformed", "entry 1"},
		{"a length beyond the end", long(0x84, 0xff, 0xff, 0xff, 0xff), "crl-malformed", "entry 1"},
		{"an integer of no octets", of(entry(nil)), "crl-malformed", "entry 1"},
		{"an extension named by nothing", of(entry(one, element(0x30, []byte{6, 0}, element(0x04)))), "crl-malformed", "no name"},
		{"an extension with a name of 65 octets", of(entry(one, element(0x30, element(0x06, bytes.Repeat(one, 65)), element(0x04)))), "crl-malformed", "no name"},
	})
}

func TestCRLTimes(t *testing.T) {
	ca := root(t, "Lists")
	tests := []struct {
		tag  byte
		text string
		want string // RFC 3339; empty: refused
	}{
		{0x17, "261101120000Z", "2026-11-01T12:00:00Z"},
		{0x17, "491231235959Z", "2049-12-31T23:59:59Z"},
		{0x17, "500101000000Z", "1950-01-01T00:00:00Z"},
		{0x18, "20500101000000Z", "2050-01-01T00:00:00Z"},
		{0x18, "20261101120000Z", "2026-11-01T12:00:00Z"}, // against §5.1.2.4 for issuers, but we must read it
		{0x18, "99991231235959Z", "9999-12-31T23:59:59Z"},
		{0x18, "00000101000000Z", "0000-01-01T00:00:00Z"},
		{0x17, "240229000000Z", "2024-02-29T00:00:00Z"},
		{0x17, "230229000000Z", ""},
		{0x17, "261301000000Z", ""},
		{0x17, "260001000000Z", ""},
		{0x17, "260100000000Z", ""},
		{0x17, "260101240000Z", ""},
		{0x17, "260101006000Z", ""},
		{0x17, "260101000060Z", ""},
		{0x17, "2601010000Z", ""},
		{0x17, "260101000000+0100", ""},
		{0x17, "260101000000z", ""},
		{0x17, "26010100000 Z", ""},
		{0x17, "-60101000000Z", ""},
		{0x18, "20260101000000.5Z", ""},
		{0x18, "260101000000Z", ""},
		{0x16, "260101000000Z", ""},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			d := newDraft(ca)
			d.entries = entries(element(0x30, []byte{2, 1, 5}, element(tt.tag, []byte(tt.text))))
			list, err := certs.ParseCRL(d.sign(t, ca))
			if tt.want == "" {
				if verdictOn(t, err) != "crl-malformed" {
					t.Errorf("the list is %v, want it refused", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if r, _ := list.Find(big.NewInt(5)); r.Date.Format(time.RFC3339) != tt.want {
				t.Errorf("revoked at %v, want %s", r.Date, tt.want)
			}
		})
	}
}

// What a list says must not write to the terminal of who reads the message.
func TestCRLErrorsAreSafeToShow(t *testing.T) {
	ca := root(t, "Lists")
	d := newDraft(ca)
	evil := "\x1b[2J\r\n\u202e"
	d.issuer = element(0x30, element(0x31, element(0x30, []byte{6, 3, 0x55, 4, 3}, element(0x0c, []byte(evil)))))
	list := must[*certs.CRL](t)(certs.ParseCRL(d.sign(t, ca)))
	for _, text := range []string{list.Issuer, list.CheckSignatureFrom(ca.Leaf).Error()} {
		if strings.ContainsAny(text, "\x1b\r\n\u202e") {
			t.Errorf("not escaped: %q", text)
		}
	}
}
