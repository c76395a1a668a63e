package certs_test

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/minica"
)

func crlPEM(der ...[]byte) (all []byte) {
	for _, one := range der {
		all = append(all, pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: one})...)
	}
	return all
}

// numbered is a list of a CA, with this number and these revoked.
func numbered(t *testing.T, ca *minica.CA, number int64, all ...*x509.Certificate) []byte {
	t.Helper()
	return must[[]byte](t)(ca.CRL(minica.CRLOptions{Number: number, Revoked: revoked(all...)}))
}

// held returns the lists of b as issuer and file, without directories.
func held(b *certs.Bundle) (all []string) {
	for _, c := range b.CRLs {
		all = append(all, c.Issuer+" in "+filepath.Base(c.File))
	}
	return all
}

// odds returns code and file of what is odd about b.
func odds(b *certs.Bundle) (all []string) {
	for _, o := range b.Oddities {
		all = append(all, o.Code+" "+filepath.Base(o.File))
	}
	return all
}

func TestListsOfADirectory(t *testing.T) {
	one, two, three, four := root(t, "One"), root(t, "Two"), root(t, "Three"), root(t, "Four")
	dir := plain(t, folder{
		"one.crl":     numbered(t, one, 1),
		"two.pem":     crlPEM(numbered(t, two, 1)),
		"THREE.CRL":   numbered(t, three, 1),
		"0a1b2c3d.r0": join([]byte("Issuer: Four\n"), crlPEM(numbered(t, four, 1)), four.PEM()),
		"one-ca.pem":  one.PEM(),
		"ca.der":      one.Leaf.Raw,
		"notes.txt":   []byte("not a list"),
		"x.rx":        []byte("not a list"),
		".hidden.crl": []byte("not a list"),
	})
	if err := os.Mkdir(filepath.Join(dir, "old.crl"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("one.crl", filepath.Join(dir, "copy.r1")); err != nil { // as openssl rehash does
		t.Fatal(err)
	}
	store, err := certs.Open(certs.Files{CRL: []string{dir}}, certs.Options{})
	if err != nil {
		t.Fatal(texts(err))
	}
	b := store.Current()
	// A list under two names is one list.
	want := []string{"CN=Four in 0a1b2c3d.r0", "CN=Three in THREE.CRL", "CN=One in copy.r1", "CN=Two in two.pem"}
	if diff := cmp.Diff(want, held(b)); diff != "" {
		t.Errorf("lists; -want +got:\n%s", diff)
	}
	left := slices.DeleteFunc(odds(b), func(o string) bool { return strings.HasPrefix(o, certs.CodeCRLUnknownIssuer) })
	if diff := cmp.Diff([]string{"left-out ca.der", "left-out one-ca.pem"}, left); diff != "" {
		t.Errorf("oddities; -want +got:\n%s\n%s", diff, b.Warnings)
	}
}

func TestListFilesThatCannotBeUsed(t *testing.T) {
	ca := root(t, "Root")
	good := numbered(t, ca, 1)
	leaf := issue(t, ca, "gate")
	for _, test := range []struct {
		name, want, says string
		data             []byte
	}{
		{"nothing", certs.CodeEmpty, "is empty", []byte(" \n")},
		{"a web page", certs.CodeNoPEM, "neither PEM nor", []byte("<html>404</html>")},
		{"a short SEQUENCE", certs.CodeNoPEM, "neither PEM nor", []byte{0x30, 3, 2, 1, 1}},
		{"a certificate", certs.CodeCRLEmpty, "only certificates", ca.PEM()},
		{"a certificate in DER", certs.CodeCRLEmpty, "only certificates", ca.Leaf.Raw},
		{"a private key", certs.CodeCRLEmpty, "only a private key", leaf.KeyPEM()},
		{"a certificate and its key", certs.CodeCRLEmpty, "certificates and a private key", join(leaf.ChainPEM(), leaf.KeyPEM())},
		{"a request", certs.CodeCRLEmpty, `"CERTIFICATE REQUEST"`, block("CERTIFICATE REQUEST", request(t, leaf))},
		{"what nobody knows", certs.CodeCRLEmpty, "another kind", block("SECRET WORDS", []byte("x"))},
		{"a list cut short", certs.CodeBrokenPEM, "line 1", crlPEM(good)[:100]},
		{"a list in DER cut short", certs.CodeCRLMalformed, "the revocation list", good[:len(good)-1]},
		{"a list and something else", certs.CodeWrongPEM, `"PKCS7"`, join(crlPEM(good), block("PKCS7", good))},
		{"a good list and a damaged one", certs.CodeCRLMalformed, "list 2 of the file: ", crlPEM(good, append(good[:len(good):len(good)], 0))},
	} {
		dir := plain(t, folder{"file.crl": test.data})
		_, err := certs.Open(certs.Files{CRL: []string{filepath.Join(dir, "file.crl")}}, certs.Options{})
		if got := codes(t, err, dir); len(got) != 1 || got[0] != test.want+" file.crl" || !strings.Contains(texts(err), test.says) {
			t.Errorf("%s: %q\n%s\nwant %s and %q", test.name, got, texts(err), test.want, test.says)
		}
		if f := certs.Faults(err); len(f) > 0 && f[0].Field != certs.FieldCRL {
			t.Errorf("%s: the field is %q", test.name, f[0].Field)
		}
	}
}

func TestListFilesThatCannotBeRead(t *testing.T) {
	dir := plain(t, folder{"large.crl": nil})
	if err := os.Truncate(filepath.Join(dir, "large.crl"), certs.MaxListFile+1); err != nil {
		t.Fatal(err)
	}
	_, err := certs.Open(certs.Files{CRL: []string{filepath.Join(dir, "large.crl"), filepath.Join(dir, "none.crl")}}, certs.Options{})
	if diff := cmp.Diff([]string{"too-large large.crl", "missing none.crl"}, codes(t, err, dir)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if !strings.Contains(texts(err), "128 MiB") {
		t.Errorf("the bound is not named: %s", texts(err))
	}
}

func TestListsTogetherAreBounded(t *testing.T) {
	dir := plain(t, folder{"a.crl": nil, "b.crl": nil, "c.crl": numbered(t, root(t, "Root"), 1)})
	for _, sparse := range []string{"a.crl", "b.crl"} {
		if err := os.Truncate(filepath.Join(dir, sparse), certs.MaxListFile); err != nil {
			t.Fatal(err)
		}
	}
	_, err := certs.Open(certs.Files{CRL: []string{dir}}, certs.Options{})
	if got := codes(t, err, dir); !slices.Contains(got, "too-large c.crl") || slices.Contains(got, "too-large b.crl") {
		t.Errorf("%q, want the third to be too large", got)
	}
	if !strings.Contains(texts(err), "256 MiB") {
		t.Errorf("the bound is not named: %s", texts(err))
	}
}

// A private key beside a list is told, and the list counts.
func TestAKeyBesideAListIsTold(t *testing.T) {
	ca := root(t, "Root")
	dir := plain(t, folder{"all.pem": join(crlPEM(numbered(t, ca, 1), numbered(t, root(t, "Other"), 1)), ca.PEM(), issue(t, ca, "gate").KeyPEM())})
	store, err := certs.Open(certs.Files{CRL: []string{filepath.Join(dir, "all.pem")}}, certs.Options{})
	if err != nil {
		t.Fatal(texts(err))
	}
	if b := store.Current(); len(b.CRLs) != 2 || !slices.Contains(odds(b), "stray-key all.pem") {
		t.Errorf("lists %q, oddities %q", held(b), odds(b))
	}
}

func TestOddListsAreTold(t *testing.T) {
	for _, test := range []struct {
		name string
		lies func(w *revoking)
		o    certs.Options
		want string
		says string
	}{
		{"an older list of a CA", func(w *revoking) {
			w.listWith(w.root, minica.CRLOptions{Number: 2})
			w.listWith(w.root, minica.CRLOptions{Number: 1})
		}, certs.Options{}, "crl-superseded 1.crl", "0.crl"},
		{"a list of nobody", func(w *revoking) { w.list(w.stranger) }, certs.Options{}, "crl-unknown-issuer 0.crl", `"CN=Stranger"`},
		{"a list that has expired", func(w *revoking) { w.expired(w.root) }, certs.Options{}, "crl-stale 0.crl", "every client of that CA is refused"},
		{"a list that has expired, strict", func(w *revoking) { w.expired(w.root) }, certs.Options{CRLPolicy: certs.CRLStrict, CRLGrace: day}, "crl-stale 0.crl", "crlPolicy: strict"},
		{"a list within its grace", func(w *revoking) { w.expired(w.root) }, certs.Options{CRLGrace: day}, "crl-stale 0.crl", "counts until"},
		{"an anchor that is revoked", func(w *revoking) { w.trusted = cas(w.root, w.issuing); w.list(w.root, w.issuing.Leaf) }, certs.Options{},
			"anchor-revoked ca.pem", "no client below it passes"},
		{"a list that has gone", func(w *revoking) {
			w.trusted = cas(w.root, w.stranger)
			w.list(w.root)
			w.earlier, w.files = w.files, nil
			w.list(w.stranger)
		}, certs.Options{}, "crl-gone 0.crl", "passes unchecked"},
		{"a list that has gone, strict", func(w *revoking) {
			w.trusted = cas(w.root, w.stranger)
			w.list(w.root)
			w.earlier, w.files = w.files, nil
			w.list(w.stranger)
		}, certs.Options{CRLPolicy: certs.CRLStrict}, "", ""},
	} {
		w := newRevoking(t)
		test.lies(w)
		b := w.bundle(test.o)
		want := []string{test.want}
		if test.want == "" {
			want = nil
		}
		if diff := cmp.Diff(want, odds(b)); diff != "" || !strings.Contains(strings.Join(b.Warnings, "\n"), test.says) {
			t.Errorf("%s; -want +got:\n%s\n%s\nwant %q", test.name, diff, b.Warnings, test.says)
		}
	}
}

func TestFilesAreSettledAfterAWhile(t *testing.T) {
	now := time.Now()
	for _, test := range []struct {
		name              string
		modified, changed time.Duration // before it was read
		want              bool
	}{
		{"long ago", time.Hour, time.Hour, true},
		{"three seconds ago", 3 * time.Second, 3 * time.Second, true},
		{"a second ago", time.Second, time.Second, false},
		{"modified long ago, it says, but changed now", time.Hour, 0, false},
		{"modified in the future, it says", -time.Hour, time.Hour, false},
	} {
		if got := certs.Settled(now.Add(-test.modified), now.Add(-test.changed), now); got != test.want {
			t.Errorf("%s: %t, want %t", test.name, got, test.want)
		}
	}
}
