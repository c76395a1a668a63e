package subject_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/sidegate/sidegate/proxy/subject"
)

// A refusal is text that Parse refuses, and the byte that it blames.
type refusal struct {
	name, text string
	at         int
}

func (r refusal) check(t *testing.T) {
	t.Helper()
	n, err := subject.Parse(r.text)
	e, ok := errors.AsType[*subject.ParseError](err)
	if !ok {
		t.Errorf("%s: %.80q: got %s, %v; want a ParseError", r.name, r.text, n, err)
		return
	}
	if e.At != r.at || e.Problem == "" || e.Fix == "" || e.Input != strings.TrimRight(r.text, "\r\n") || !n.IsZero() {
		t.Errorf("%s: %.80q: got %q at %d: %v; want it at %d", r.name, r.text, n, e.At, err, r.at)
	}
	line := err.Error()
	if len(line) > 700 || strings.ContainsAny(line, "\x00\n") || !strings.HasSuffix(line, e.Fix) {
		t.Errorf("%s: not one clear line: %q", r.name, line)
	}
}

func TestParseRefusesWhatIsNoAttribute(t *testing.T) {
	for _, r := range []refusal{
		{"nothing", "", 0},
		{"a label alone", "subject=", 8},
		{"no type", "test.example", 0},
		{"no type behind a comma", "O=Acme, Inc.,CN=a", 8},
		{"a separator at the end", "CN=a,", 5},
		{"a plus at the end", "CN=a+", 5},
		{"an empty RDN", "CN=a,,O=b", 5},
		{"a type nobody knows", "CN=a,FOO=b", 5},
		{"an OID that is none", "3.1=a", 0},
		{"an OID of one arc", "2=a", 0},
		{"an OID with a sign", "2.5.4.+3=a", 0},
		{"an OID without an arc", "2..4=a", 0},
		{"an OID beyond all use", "2.5." + strings.Repeat("9", 300) + "=a", 0},
		{"SN, which is surname or serialNumber", "CN=a,SN=b", 5},
		{"mail, which is one or the other", "mail=a", 0},
		{"a replacement character, then bytes that are not UTF-8", "O=\ufffd\xff", 5},
	} {
		r.check(t)
	}
}

func TestParseRefusesValues(t *testing.T) {
	for _, r := range []refusal{
		{"a quote within a value", `O=Acme "X"`, 7},
		{"a quote that is not closed", `CN=a,O="Acme`, 7},
		{"text behind a quote", `O="A"B`, 5},
		{"angle brackets", "O=a <b>", 4},
		{"a backslash at the end", `O=a\`, 3},
		{"a backslash before a letter", `O=a\xb`, 3},
		{"a backslash and half a byte", `O=a\4`, 3},
		{"hex of half a character", `O=\c3`, 2},
		{"hex of no value", "O=#", 2},
		{"hex of half a byte", "O=#050", 2},
		{"hex that is text", "O=#lead", 2},
		{"hex that is no DER", "O=#0403", 2},
		{"hex with more behind it", "O=#050000", 2},
		{"hex with a blank", "CN=a,O=#05 00", 7},
		{"bytes that are not UTF-8", "O=a\xff", 3},
		{"a bad escape in quotes", `O="a\x"`, 4},
	} {
		r.check(t)
	}
}

func TestParseRefusesWhatCannotBeDecided(t *testing.T) {
	for _, r := range []refusal{
		{"a blank on one side of =", "O= a", 1},
		{"a blank on the other side of =", "O =a", 2},
		{"blanks around some =", "C = BE, O=a", 9},
		{"blanks around = and none behind the comma", "C = BE,O = a", 0},
		{"a blank before the separator", "CN=a ,C=BE", 4},
		{"a blank on one side of +", "CN=a+ O=b", 4},
		{"commas with a blank and without", "O=Acme,CN=evil, CN=a", 14},
		{"commas and semicolons", "CN=a;O=b,C=BE", 8},
		{"quotes where OpenSSL writes none", `C=BE, O="A", CN=a`, 8},
		{"a backslash where OpenSSL writes none", `C=BE, O=A\42, CN=a`, 9},
		{"hex where OpenSSL writes none", `C=BE, 2.5.4.97=#130141, CN=a`, 15},
		{"an order nobody knows", "O=b, CN=a", 0},
		{"an order with a root at both ends", "C=BE, O=b, C=FR", 0},
		{"an order with a country and no holder", "C=BE, ST=x, L=y", 0},
		{"long names that begin with the leaf", "commonName=a, organizationName=b", 0},
		{"one short name among the long", "organizationName=b, OU=c, commonName=a", 0},
	} {
		r.check(t)
	}
}

func TestParseRefusesSlashes(t *testing.T) {
	for _, r := range []refusal{
		{"a slash in a value", "/O=A/S Maersk/CN=a", 5},
		{"an empty RDN between slashes", "/O=A//CN=a", 5},
		{"a slash at the end", "/O=A/", 5},
		{"a slash alone", "/", 1},
		{"a backslash in the slash form", `/O=A\/B/CN=a`, 4},
		{"a plus in the slash form", "/O=A+CN=a", 4},
		{"a quote in the slash form", `/O="A"`, 3},
		{"a hash in the slash form", "/O=#lead", 3},
		{"a blank at the edge of a slash", "/O=A /CN=a", 3},
		{"an unknown type between slashes", "/O=A/FOO=a", 5},
		{"a control character between slashes", "/O=A/CN=a\x00", 8},
	} {
		r.check(t)
	}
}

// What `openssl x509 -nameopt multiline` prints, pasted with its label or without.
func TestParseSaysWhatToWriteInsteadOfSeveralLines(t *testing.T) {
	const lines = "countryName               = BE\n    organizationName          = Acme SA\n    commonName                = a.example\n"
	for _, r := range []refusal{
		{"with the label", "subject=\n    " + lines, 43},
		{"without it", "    " + lines, 34},
		{"with the line ends of Windows", strings.ReplaceAll(lines, "\n", "\r\n"), 31},
	} {
		r.check(t)
		_, err := subject.Parse(r.text)
		if e, ok := errors.AsType[*subject.ParseError](err); !ok || !strings.Contains(e.Problem, "several lines") || e.Fix != "write what `sidegate subject FILE` prints" {
			t.Errorf("%s: %v", r.name, err)
		}
	}
	if _, err := subject.Parse("CN = a\nb"); err == nil || strings.Contains(err.Error(), "several lines") {
		t.Errorf("a line end in a value: %v", err)
	}
}

func TestParseRefusesWhatNoNameMayBe(t *testing.T) {
	for _, r := range []refusal{
		{"a NUL", "CN=a\x00b", 3},
		{"a NUL in hex", `CN=a\00b`, 3},
		{"a line end in quotes", "CN=\"a\nb\"", 3},
		{"a line end between RDNs", "CN=a,\nO=b", 5},
		{"the same attribute twice in an RDN", "CN=a+CN=a", 0},
		{"101 attributes", strings.Repeat("CN=a,", 100) + "CN=a", 0},
		{"a value of 17 KiB", "CN=" + strings.Repeat("a", 17<<10), 0},
		{"a value of 70 KiB", "CN=" + strings.Repeat("a", 70<<10), 0},
		{"text without end", strings.Repeat("a", 1<<20), 80 << 10},
	} {
		r.check(t)
	}
}
