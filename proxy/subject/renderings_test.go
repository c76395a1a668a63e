package subject_test

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sidegate/sidegate/proxy/subject"
)

// A vector is one section of testdata/renderings.txt.
type vector struct {
	name, canonical string
	der             []byte
	renderings      []rendering
}

type rendering struct{ verdict, tool, text string }

func readVectors(t testing.TB) []*vector {
	t.Helper()
	text, err := os.ReadFile("testdata/renderings.txt")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []*vector
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		name, isHead := strings.CutPrefix(line, "== ")
		columns := strings.SplitN(line, " | ", 3)
		switch {
		case line == "" || line[0] == '#':
		case isHead:
			vectors = append(vectors, &vector{name: name})
		case columns[0] == "canonical":
			vectors[len(vectors)-1].canonical = columns[1]
		case columns[0] == "der":
			vectors[len(vectors)-1].der = fromHex(t, columns[1])
		default:
			v := vectors[len(vectors)-1]
			v.renderings = append(v.renderings, rendering{columns[0], columns[1], columns[2]})
		}
	}
	return vectors
}

func readCertificate(t *testing.T, file string) *x509.Certificate {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		t.Fatalf("%s has no PEM", file)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func TestEveryRenderingIsTheNameOrRefused(t *testing.T) {
	vectors := readVectors(t)
	files, err := filepath.Glob("testdata/dn-vectors/*.pem")
	if err != nil || len(files) != len(vectors) {
		t.Fatalf("%d certificates for %d vectors (%v)", len(files), len(vectors), err)
	}
	for _, v := range vectors {
		t.Run(v.name, func(t *testing.T) {
			cert := readCertificate(t, filepath.Join("testdata/dn-vectors", v.name+".pem"))
			if !bytes.Equal(cert.RawSubject, v.der) {
				t.Errorf("the certificate has the subject %x, the table %x", cert.RawSubject, v.der)
			}
			name := mustRead(t, cert.RawSubject)
			if name.String() != v.canonical {
				t.Errorf("canonical form\n got %s\nwant %s", name, v.canonical)
			}
			if mustParse(t, v.canonical) != name {
				t.Errorf("the canonical form parses to another name")
			}
			if len(v.renderings) < 6 {
				t.Errorf("only %d renderings", len(v.renderings))
			}
			for _, r := range v.renderings {
				r.check(t, name)
			}
		})
	}
}

func (r rendering) check(t *testing.T, want subject.Name) {
	t.Helper()
	got, err := subject.Parse(r.text)
	verdict := "same"
	if _, refused := errors.AsType[*subject.ParseError](err); refused {
		verdict = "refused"
	} else if got != want {
		verdict = "other"
	}
	if verdict != r.verdict {
		t.Errorf("%s: got %s, want %s\ntext %s\nname %s\nerr  %v", r.tool, verdict, r.verdict, r.text, got, err)
	}
}

// The subject that a Belgian payment provider publishes: no tool prints it so.
func TestPartnersPublishedText(t *testing.T) {
	const published = "CN=test.digiteal.eu,O=Digiteal SA,STREET=Rue Emile Francqui 6,L=Mont-Saint-Guibert,ST=Brabant wallon,C=BE," +
		"1.3.6.1.4.1.311.60.2.1.3=BE,SERIALNUMBER=0630.675.588,BusinessCategory=Private Organization,organizationIdentifier=VATBE-0630675588"
	cert := readCertificate(t, "testdata/dn-vectors/02-ev-qwac.pem")
	issued := swapValue(t, cert.RawSubject, "test.example.eu", "test.digiteal.eu")
	if got, want := mustParse(t, published), mustRead(t, issued); got != want {
		t.Errorf("published %s\n   issued %s", got, want)
	}
}

// swapValue replaces a value by one that is a byte longer, and mends the three
// lengths around it.
func swapValue(t *testing.T, der []byte, from, to string) []byte {
	t.Helper()
	at := bytes.Index(der, []byte(from))
	if at < 0 || len(to) != len(from)+1 {
		t.Fatal("no such value")
	}
	out := bytes.Clone(der)
	for _, length := range []int{2, at - 10, at - 8, at - 1} { // of SEQUENCE (81 xx), SET, SEQUENCE, value
		out[length]++
	}
	return bytes.Replace(out, []byte(from), []byte(to), 1)
}
