package subject_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sidegate/sidegate/proxy/subject"
)

func TestLookAlikesAreNotEqual(t *testing.T) {
	acme, a, b := pair(o, utf8String("Acme")), pair(cn, utf8String("a")), pair(cn, utf8String("b"))
	text := func(s string) []byte { return only(utf8String(s)) }
	tests := []struct {
		name        string
		left, right []byte
	}{
		{"a multi-valued RDN and two RDNs", sequence(set(acme, a)), sequence(set(acme), set(a))},
		{"two RDNs in either order", sequence(set(acme), set(a)), sequence(set(a), set(acme))},
		{"two common names and the last of them", sequence(set(acme), set(a), set(b)), sequence(set(acme), set(b))},
		{"an attribute once and in two RDNs", sequence(set(acme)), sequence(set(acme), set(acme))},
		{"which RDN an attribute shares", sequence(set(acme, a), set(b)), sequence(set(b), set(acme, a))},
		{"a comma in a value and a separator", text("A,CN=x"), sequence(set(pair(cn, utf8String("x"))), set(pair(o, utf8String("A"))))},
		{"a plus in a value and a multi-valued RDN", text("A+CN=x"), sequence(set(pair(o, utf8String("A")), pair(cn, utf8String("x"))))},
		{"text that looks like hex, and the binary value", text("#0403020102"), only([]byte{4, 3, 2, 1, 2})},
		{"text that looks like an escape, and what it would be", text(`\41`), text("A")},
		{"a value with quotes and without", text(`"A"`), text("A")},
		{"an escaped backslash and none", text(`A\\`), text(`A\`)},
		{"upper and lower case", text("ACME"), text("Acme")},
		{"one blank and two", text("A  B"), text("A B")},
		{"a blank at the end", text("A "), text("A")},
		{"a blank at the start", text(" A"), text("A")},
		{"a blank and a no-break space", text("A B"), text("A\u00a0B")},
		{"composed and decomposed", text("\u00e9"), text("e\u0301")},
		{"Latin and Cyrillic", text("a"), text("\u0430")},
		{"a value and an empty one", text("A"), text("")},
		{"two types", sequence(set(pair(o, utf8String("A")))), sequence(set(pair(ou, utf8String("A"))))},
		{"two OIDs without a name", sequence(set(pair("\x2a\x03", utf8String("A")))), sequence(set(pair("\x2a\x04", utf8String("A"))))},
		{"an OID and it as the start of another", sequence(set(pair("\x2a\x03", utf8String("A")))), sequence(set(pair("\x2a\x03\x01", utf8String("A"))))},
		{"a number and its digits", only([]byte{2, 1, 5}), text("5")},
		{"two numbers", only([]byte{2, 1, 5}), only([]byte{2, 1, 6})},
		{"a NULL and an empty text", only([]byte{5, 0}), text("")},
		{"an octet string and a text", only([]byte{4, 1, 'A'}), text("A")},
	}
	for _, test := range tests {
		left, right := mustRead(t, test.left), mustRead(t, test.right)
		if left == right {
			t.Errorf("%s: both are %s", test.name, left)
		}
		for _, n := range []subject.Name{left, right} {
			if got := mustParse(t, n.String()); got != n {
				t.Errorf("%s: %s parses to %s", test.name, n, got)
			}
			if got := mustRead(t, n.DER()); got != n {
				t.Errorf("%s: the DER of %s reads %s", test.name, n, got)
			}
		}
	}
}

func TestWhatMakesNoDifference(t *testing.T) {
	same := func(what string, left, right subject.Name) {
		t.Helper()
		if left != right {
			t.Errorf("%s: %s and %s", what, left, right)
		}
	}
	acme := mustParse(t, "O=Acme")
	for _, tag := range []byte{0x0c, 0x13, 0x14, 0x16, 0x1a} {
		same("the string type", mustRead(t, only(tlv(tag, []byte("Acme")))), acme)
	}
	same("the string type", mustRead(t, only(tlv(0x1e, []byte("\x00A\x00c\x00m\x00e")))), acme)

	x, y := pair(cn, utf8String("a")), pair(o, utf8String("b"))
	same("the order in a SET", mustRead(t, sequence(set(x, y))), mustRead(t, sequence(set(y, x))))
	same("the order around a plus", mustParse(t, "CN=a+O=b"), mustParse(t, "O=b+CN=a"))
	same("the order of two values of a type", mustParse(t, "CN=a+CN=b"), mustParse(t, "CN=b+CN=a"))
	same("the name of a type", mustParse(t, "2.5.4.10=Acme"), acme)
}

// What is as large as may be comes back from text and DER like the rest.
func TestTheLargestNames(t *testing.T) {
	longOID := pair(strings.Repeat("\x7f", 64), utf8String("a"))
	jurisdiction := pair("\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x02", utf8String(""))
	for what, der := range map[string][]byte{
		"types":  sequence(bytes.Repeat(set(longOID), 100)),
		"names":  sequence(bytes.Repeat(set(jurisdiction), 100)),
		"text":   only(utf8String(strings.Repeat("é", 8170))),
		"binary": only(tlv(4, make([]byte, 16350))),
	} {
		n := mustRead(t, der)
		if mustParse(t, n.String()) != n || mustRead(t, n.DER()) != n {
			t.Errorf("%s: another name comes back", what)
		}
	}
}

func TestSortingByOIDIsByArc(t *testing.T) {
	n := mustParse(t, "2.5.4.100=d+2.5.4.11=c+CN=b+UID=a+1.2.840.1=x+2.5.4=w")
	const want = "UID=a+1.2.840.1=x+2.5.4=w+CN=b+OU=c+2.5.4.100=d"
	if diff := cmp.Diff(want, n.String()); diff != "" {
		t.Error(diff)
	}
}
