package certs_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/minica"
)

func TestFaultsAreFoundInAnyError(t *testing.T) {
	_, err := certs.Open(certs.Files{Certificate: t.TempDir()}, certs.Options{})
	wrapped := errors.Join(errors.New("first"), fmt.Errorf("open listener %q: %w", ":8443", err))
	faults := certs.Faults(wrapped)
	if len(faults) != 2 || faults[0].Code != certs.CodeMissing || !errors.Is(faults[1], os.ErrNotExist) {
		t.Errorf("faults %v", faults)
	}
	if got := certs.Faults(errors.New("another")); got != nil {
		t.Errorf("faults %v in an error without any", got)
	}
}

func TestAFaultSaysWhichFieldLedToIt(t *testing.T) {
	ca := root(t, "Root")
	leaf := issue(t, ca, "gate")
	dir := plain(t, folder{"tls.crt": leaf.ChainPEM(), "tls.key": ca.KeyPEM(), "none": []byte("x")})
	in := func(name string) string { return filepath.Join(dir, name) }
	for _, test := range []struct {
		name  string
		files certs.Files
		want  []string // the fields, in the order of the faults
	}{
		{"a key in the directory of the certificate", certs.Files{Certificate: dir}, []string{certs.FieldCertificate}},
		{"a key with a path of its own", certs.Files{Certificate: in("tls.crt"), Key: in("tls.key")}, []string{certs.FieldKey}},
		{"nothing there", certs.Files{Certificate: in("gone"), CA: []string{in("gone"), in("lost")}}, []string{certs.FieldCertificate, certs.FieldCA, certs.FieldCA}},
		{"a key that is not there", certs.Files{Certificate: in("tls.crt"), Key: in("gone"), CA: []string{in("gone")}}, []string{certs.FieldKey, certs.FieldCA}},
		{"what is not PEM", certs.Files{Certificate: in("tls.crt"), Key: in("none"), CA: []string{in("none")}}, []string{certs.FieldCA, certs.FieldKey}},
		{"no CA", certs.Files{Certificate: dir, CA: []string{in("tls.crt"), dir}}, []string{certs.FieldCA, certs.FieldCA, certs.FieldCertificate}},
	} {
		_, err := certs.Open(test.files, certs.Options{})
		var got []string
		for _, f := range certs.Faults(err) {
			got = append(got, f.Field)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s\n%s", test.name, diff, texts(err))
		}
	}
}

// Of a path that is merely mistyped, everything in the root or in the working
// directory would be named as a neighbour.
func TestNeighboursAreNamedWhereThatHelps(t *testing.T) {
	dir := plain(t, folder{"other.crt": []byte("x")})
	t.Chdir(dir)
	for path, named := range map[string]bool{
		"gone.crt":                       false,
		"./gone.crt":                     false,
		filepath.Join(dir, "gone.crt"):   false,
		"/gone-for-good.crt":             false,
		filepath.Join(dir, "..", "gone"): true,
	} {
		_, err := certs.Open(certs.Files{CA: []string{path}}, certs.Options{})
		text := texts(err)
		if !strings.Contains(text, "does not exist") || strings.Contains(text, "the directory ") != named {
			t.Errorf("%s: %s", path, text)
		}
	}
}

func TestNamesInMessagesAreBounded(t *testing.T) {
	ca := root(t, "Root")
	long := issueWith(t, ca, minica.Options{Subject: "CN=" + strings.Repeat("x", 5000)})
	dir := plain(t, folder{"tls.crt": long.PEM(), "tls.key": ca.KeyPEM(), "ca.crt": root(t, "Other").PEM()})
	_, err := certs.Open(certs.Files{Certificate: dir}, certs.Options{})
	if n := len(err.Error()); n > 2000 {
		t.Errorf("a fault of %d bytes", n)
	}
	_, b, err := anchorsOf(t, certs.ClientAuth, filepath.Join(dir, "ca.crt"))
	if err != nil {
		t.Fatal(texts(err))
	}
	if _, err := b.Verify(presented(long), time.Now()); err == nil || len(err.Error()) > 2000 {
		t.Errorf("a refusal of %d bytes", len(err.Error()))
	}
}

// A key file can be damaged in ways that make its text look like a label.
func TestNothingOfAKeyFileIsQuoted(t *testing.T) {
	ca := root(t, "Root")
	leaf := issue(t, ca, "gate")
	good := pair(leaf).with("ca.crt", ca.PEM())
	key := string(leaf.KeyPEM())
	secret := strings.Split(key, "\n")[1][:24]
	for name, text := range map[string]string{
		"cut short":              key[:len(key)/2],
		"its text in the label":  strings.ReplaceAll(key, "PRIVATE KEY", secret),
		"a label of its text":    "-----BEGIN " + secret + "-----\nAAAA\n-----END " + secret + "-----\n",
		"half a label":           strings.ReplaceAll(key, "PRIVATE KEY", secret+" CERTIFICATE REQUEST"),
		"all on one line":        strings.ReplaceAll(key, "\n", " "),
		"called a certificate":   strings.ReplaceAll(key, "PRIVATE KEY", "CERTIFICATE"),
		"twice":                  key + key,
		"without its first line": strings.TrimPrefix(key, "-----BEGIN PRIVATE KEY-----\n"),
	} {
		for _, files := range []folder{good.with("tls.key", []byte(text)), good.with("tls.crt", []byte(text)), good.with("ca.crt", []byte(text))} {
			dir := plain(t, files)
			_, err := certs.Open(certs.Files{Certificate: dir, CA: []string{dir}}, certs.Options{})
			if err == nil {
				t.Errorf("%s: no fault", name)
			}
			if all := fmt.Sprint(err, texts(err)); strings.Contains(all, secret) {
				t.Errorf("%s: the text of the key is in %s", name, all)
			}
		}
	}
}
