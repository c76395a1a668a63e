package certs_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/minica"
)

func TestInspect(t *testing.T) {
	ca := root(t, "Root")
	leaf := issue(t, ca, "leaf")
	for name, c := range map[string]struct {
		data        []byte
		certs, keys int
		others      []string
		code        string
	}{
		"a certificate, its CA and its key": {slices.Concat(leaf.PEM(), ca.PEM(), leaf.KeyPEM()), 2, 1, nil, ""},
		"a certificate in DER":              {leaf.Leaf.Raw, 1, 0, nil, ""},
		"two keys":                          {slices.Concat(leaf.KeyPEM(), ca.KeyPEM()), 0, 2, nil, ""},
		"a request":                         {block("CERTIFICATE REQUEST", []byte("x")), 0, 0, []string{"CERTIFICATE REQUEST"}, ""},
		"a label that may be a secret":      {block("HUNTER TWO", []byte("x")), 0, 0, []string{"another kind"}, ""},
		"a key with a passphrase":           {slices.Concat(leaf.PEM(), block("ENCRYPTED PRIVATE KEY", []byte("x"))), 1, 0, nil, certs.CodeEncryptedKey},
		"nothing":                           {nil, 0, 0, nil, certs.CodeEmpty},
		"text":                              {[]byte("hello"), 0, 0, nil, certs.CodeNoPEM},
		"a certificate cut short":           {leaf.PEM()[:100], 0, 0, nil, certs.CodeBrokenPEM},
		"a certificate that is none":        {block("CERTIFICATE", []byte("x")), 0, 0, nil, certs.CodeBadCertificate},
		"too much":                          {make([]byte, 8<<20+1), 0, 0, nil, certs.CodeTooLarge},
	} {
		got := certs.Inspect("file", c.data)
		code := ""
		if len(got.Faults) > 0 {
			code = got.Faults[0].Code
		}
		if len(got.Certificates) != c.certs || len(got.Keys) != c.keys || !slices.Equal(got.Others, c.others) || code != c.code {
			t.Errorf("%s: %d certificates, %d keys, %q, %q", name, len(got.Certificates), len(got.Keys), got.Others, code)
		}
		for _, f := range got.Faults {
			if f.File != "file" || f.Fix == "" {
				t.Errorf("%s: %+v", name, f)
			}
		}
		if got.DER != (name == "a certificate in DER") {
			t.Errorf("%s: DER is %v", name, got.DER)
		}
	}
}

func TestReadFile(t *testing.T) {
	dir := t.TempDir()
	m := minica.Mount{Dir: filepath.Join(dir, "mount")}
	if err := m.Write(map[string][]byte{"tls.crt": []byte("first")}); err != nil {
		t.Fatal(err)
	}
	if data, err := certs.ReadFile(filepath.Join(m.Dir, "tls.crt")); string(data) != "first" || err != nil {
		t.Errorf("%q, %v", data, err)
	}
	large := filepath.Join(dir, "large")
	if err := os.WriteFile(large, make([]byte, 8<<20+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, code := range map[string]string{dir: certs.CodeNotAFile, filepath.Join(dir, "no"): certs.CodeMissing, large: certs.CodeTooLarge} {
		_, err := certs.ReadFile(path)
		if faults := certs.Faults(err); len(faults) != 1 || faults[0].Code != code {
			t.Errorf("%s: %v, want %s", path, err, code)
		}
	}
}

// Each warning has its word.
func TestOddities(t *testing.T) {
	ca := root(t, "Root")
	leaf := issue(t, ca, "leaf")
	old := must[*minica.CA](t)(minica.New(minica.Options{Subject: "CN=Old", NotAfter: time.Now().Add(-time.Hour)}))
	j := certs.Contents{
		"a.crt":   slices.Concat(ca.PEM(), leaf.PEM(), old.PEM()),
		"b.crt":   leaf.PEM(),
		"tls.crt": leaf.PEM(),
	}.JudgeCA(certs.ClientAuth, time.Now())
	var words []string
	for i, o := range j.Oddities {
		words = append(words, o.File+" "+o.Code)
		if j.Warnings[i] != o.File+": "+o.Problem {
			t.Errorf("warning %q, oddity %+v", j.Warnings[i], o)
		}
	}
	want := []string{"tls.crt left-out", "a.crt ca-not-ca", "b.crt left-out", "a.crt ca-expired"}
	if !slices.Equal(words, want) {
		t.Errorf("got %q, want %q", words, want)
	}
}
