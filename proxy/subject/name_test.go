package subject_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sidegate/sidegate/proxy/subject"
)

func TestNewTakesRDNsAsTheyAreWritten(t *testing.T) {
	given := [][]subject.Attribute{
		{{Type: "cn", Value: `a\b`}, {Type: "userId", Value: "u"}},
		{{Type: "OID.2.5.4.10", Value: "#0500"}},
		{{Type: "title", Value: "#0500", Binary: true}},
		{{Type: "C", Value: "#13024245", Binary: true}}, // text after all
	}
	n, err := subject.New(given)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := n.String(), `UID=u+CN=a\\b,O=\#0500,2.5.4.12=#0500,C=BE`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	want := []subject.Attribute{
		{Type: "UID", Value: "u"}, {Type: "CN", Value: `a\b`}, {Type: "O", Value: "#0500"},
		{Type: "2.5.4.12", Value: "#0500", Binary: true}, {Type: "C", Value: "BE"},
	}
	if diff := cmp.Diff(want, n.Attributes()); diff != "" {
		t.Errorf("attributes: %s", diff)
	}
	if given[0][0].Type != "cn" {
		t.Errorf("New changed what it was given: %v", given)
	}
}

func TestNewRefuses(t *testing.T) {
	attribute := func(typ, value string) []subject.Attribute { return []subject.Attribute{{Type: typ, Value: value}} }
	for name, test := range map[string]struct {
		rdns   [][]subject.Attribute
		reason subject.Reason // empty: a ParseError
	}{
		"no RDN":             {nil, subject.Empty},
		"an empty RDN":       {[][]subject.Attribute{attribute("CN", "a"), nil}, subject.EmptyRDN},
		"an unknown type":    {[][]subject.Attribute{attribute("FOO", "a")}, ""},
		"no type":            {[][]subject.Attribute{attribute("", "a")}, ""},
		"a type with blanks": {[][]subject.Attribute{attribute("CN ", "a")}, ""},
		"a control":          {[][]subject.Attribute{attribute("CN", "a\n")}, subject.BadRune},
		"no UTF-8":           {[][]subject.Attribute{attribute("CN", "a\xff")}, subject.BadString},
		"binary, not hex":    {[][]subject.Attribute{{{Type: "CN", Value: "a", Binary: true}}}, subject.NotDER},
		"binary without #":   {[][]subject.Attribute{{{Type: "CN", Value: "0500", Binary: true}}}, subject.NotDER},
		"a pair twice":       {[][]subject.Attribute{append(attribute("CN", "a"), attribute("2.5.4.3", "a")...)}, subject.Repeated},
	} {
		n, err := subject.New(test.rdns)
		ambiguous, isAmbiguous := errors.AsType[*subject.AmbiguousError](err)
		_, isParse := errors.AsType[*subject.ParseError](err)
		if !n.IsZero() || isAmbiguous != (test.reason != "") || isParse == isAmbiguous {
			t.Errorf("%s: got %q, %v", name, n, err)
		} else if isAmbiguous && ambiguous.Reason != test.reason {
			t.Errorf("%s: got the reason %s, want %s", name, ambiguous.Reason, test.reason)
		}
	}
}

func TestLongNames(t *testing.T) {
	for typ, want := range map[string]string{
		"CN": "commonName", "UID": "userId", "DC": "domainComponent", "serialNumber": "serialNumber",
		"2.5.4.4": "surname", "jurisdictionC": "jurisdictionCountryName", "1.2.3.4": "1.2.3.4",
	} {
		a, err := subject.NewAttribute(typ, "x")
		if err != nil {
			t.Fatal(err)
		}
		if got := a.LongName(); got != want {
			t.Errorf("%s is called %s, want %s", typ, got, want)
		}
	}
	if got := (subject.Attribute{Type: "no type"}).LongName(); got != "no type" {
		t.Errorf("what is no type is called %q", got)
	}
}

func TestNewAttribute(t *testing.T) {
	for _, test := range []struct{ typ, value, want string }{
		{"o", "Acme, Inc.", "O"},
		{"organizationName", "Acme", "O"},
		{"2.5.4.10", "Acme", "O"},
		{"SERIALNUMBER", "1", "serialNumber"},
		{"jurisdictionc", "BE", "jurisdictionCountryName"},
		{"dnQualifier", "1", "2.5.4.46"},
		{"1.2.3.4", "x", "1.2.3.4"},
		{"O", "#130141", "O"},
		{"O", " ", "O"},
	} {
		got, err := subject.NewAttribute(test.typ, test.value)
		want := subject.Attribute{Type: test.want, Value: test.value}
		if err != nil || got != want {
			t.Errorf("%s, %q: got %v, %v", test.typ, test.value, got, err)
			continue
		}
		n, err := subject.New([][]subject.Attribute{{got}})
		if err != nil || n.Attributes()[0] != got {
			t.Errorf("%s, %q: in a name it is %v, %v", test.typ, test.value, n.Attributes(), err)
		}
	}
	if a, err := subject.NewAttribute("SN", "1"); !errors.As(err, new(*subject.ParseError)) {
		t.Errorf("SN: got %v, %v", a, err)
	}
}

func TestDERChoosesTheStringTypeOfTheCAs(t *testing.T) {
	for text, tag := range map[string]byte{
		"C=BE": 0x13, "C=É": 0x0c, "C=a*": 0x0c, "serialNumber=0630.675.588": 0x13, "serialNumber=a_b": 0x0c,
		"jurisdictionC=BE": 0x13, "dnQualifier=a=b": 0x13,
		"emailAddress=a@b": 0x16, "emailAddress=é@b": 0x0c, "DC=com": 0x16, "DC=é": 0x0c,
		"CN=a": 0x0c, "O=Acme": 0x0c, "1.2.3=a": 0x0c, "CN=#0500": 0x05,
	} {
		der := mustParse(t, text).DER()
		value := der[6:] // behind SEQUENCE, SET and SEQUENCE, each with a length of one byte
		value = value[2+int(value[1]):]
		if value[0] != tag {
			t.Errorf("%s: got tag %#02x in %x, want %#02x", text, value[0], der, tag)
		}
	}
}

func TestDERSortsASet(t *testing.T) {
	want := sequence(set(pair(o, utf8String("b"))), set(pair(cn, utf8String("z")), pair(cn, utf8String("aa"))))
	if got := mustParse(t, "CN=aa+CN=z,O=b").DER(); string(got) != string(want) {
		t.Errorf("got  %x\nwant %x", got, want)
	}
	// Lengths of one, two and three bytes.
	for _, n := range []int{10, 200, 300, 16<<10 - 30} {
		name := mustParse(t, "O="+strings.Repeat("a", n))
		if got, want := name.DER(), only(utf8String(strings.Repeat("a", n))); string(got) != string(want) {
			t.Errorf("%d: got %x", n, got[:20])
		}
	}
}

func TestZeroName(t *testing.T) {
	var zero subject.Name
	if !zero.IsZero() || zero.String() != "" || zero.DER() != nil || zero.Attributes() != nil {
		t.Errorf("zero name: %q %x %v", zero, zero.DER(), zero.Attributes())
	}
	if text, err := zero.MarshalText(); err != nil || len(text) != 0 {
		t.Errorf("MarshalText: %q, %v", text, err)
	}
	if err := zero.UnmarshalText(nil); err == nil {
		t.Error("empty text became a name")
	}
}

func TestTextMarshaling(t *testing.T) {
	type rule struct{ Subject subject.Name }
	var r rule
	if err := json.Unmarshal([]byte(`{"Subject": "C = BE, CN = a"}`), &r); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(r)
	if got, want := string(out), `{"Subject":"CN=a,C=BE"}`; err != nil || got != want {
		t.Errorf("got %s, %v; want %s", got, err, want)
	}
	before := r
	if err := json.Unmarshal([]byte(`{"Subject": "nobody"}`), &r); err == nil || r != before {
		t.Errorf("a faulty text gave %v, %v", r, err)
	}
}

func TestComparingAndPrintingAllocateNothing(t *testing.T) {
	a, b := mustParse(t, "CN=a,O=b"), mustParse(t, "CN=a,O=c")
	var same bool
	var length int
	if n := testing.AllocsPerRun(100, func() { same = a == b || a.IsZero(); length = len(a.String()) }); n != 0 || same || length != 8 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkFromDER(b *testing.B) {
	for b.Loop() {
		if _, err := subject.FromDER(good); err != nil {
			b.Fatal(err)
		}
	}
}
