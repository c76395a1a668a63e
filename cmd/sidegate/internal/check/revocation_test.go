package check_test

import (
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sidegate/sidegate/cmd/sidegate/internal/check"
	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/minica"
)

// list returns a revocation list in PEM.
func list(t *testing.T, ca *minica.CA, o minica.CRLOptions) []byte {
	t.Helper()
	pem, err := ca.CRLPEM(o)
	if err != nil {
		t.Fatal(err)
	}
	return pem
}

func revoking(c *minica.Cert) minica.CRLOptions {
	return minica.CRLOptions{Number: 7, Revoked: []minica.Revoked{{Serial: c.Leaf.SerialNumber, Reason: 1}}}
}

var stale = minica.CRLOptions{NextUpdate: time.Now().Add(-3 * time.Hour)}

var listCases = []struct {
	name, word string // word is empty where nothing is wrong
	severity   check.Severity
	look       func(w *world) check.Options
}{
	{"alone", "crl-unknown-issuer", check.Note, func(w *world) check.Options {
		return check.Options{Paths: []string{w.file("a.crl", list(w.t, w.root, minica.CRLOptions{}))}}
	}},
	{"beside its CA", "", "", func(w *world) check.Options {
		return check.Options{Paths: []string{w.file("a.crl", list(w.t, w.root, minica.CRLOptions{})), w.file("root.crt", w.root.PEM())}}
	}},
	{"under --client-ca", "", "", func(w *world) check.Options {
		return check.Options{Paths: []string{w.file("a.crl", list(w.t, w.root, minica.CRLOptions{}))}, ClientCA: []string{w.file("root.crt", w.root.PEM())}}
	}},
	{"of another CA than the trusted one", "crl-unknown-issuer", check.Warning, func(w *world) check.Options {
		return check.Options{Paths: []string{w.file("a.crl", list(w.t, ca(w.t, "CN=Other"), minica.CRLOptions{}))}, ClientCA: []string{w.file("root.crt", w.root.PEM())}}
	}},
	{"of an intermediate that is not at hand", "crl-unknown-issuer", check.Warning, func(w *world) check.Options {
		return check.Options{CRL: []string{w.file("a.crl", list(w.t, w.issuing, minica.CRLOptions{}))}, ClientCA: []string{w.file("root.crt", w.root.PEM())}}
	}},
	{"of an intermediate that is named as well", "crl-missing", check.Note, func(w *world) check.Options {
		return check.Options{CRL: []string{w.file("a.crl", list(w.t, w.issuing, minica.CRLOptions{}))}, ClientCA: []string{w.file("root.crt", w.root.PEM())},
			Paths: []string{w.file("issuing.crt", w.issuing.PEM())}}
	}},
	{"of another key of that name", "crl-issuer", check.Error, func(w *world) check.Options {
		twin := ca(w.t, "CN=Example Root,O=Example CA,C=BE")
		return check.Options{Paths: []string{w.file("a.crl", list(w.t, twin, minica.CRLOptions{})), w.file("root.crt", w.root.PEM())}}
	}},
	{"expired", "crl-stale", check.Error, func(w *world) check.Options {
		return check.Options{Paths: []string{w.file("a.crl", list(w.t, w.root, stale))}}
	}},
	{"expired, under --client-ca", "crl-stale", check.Error, func(w *world) check.Options {
		return check.Options{CRL: []string{w.file("a.crl", list(w.t, w.root, stale))}, ClientCA: []string{w.file("root.crt", w.root.PEM())}}
	}},
	{"of tomorrow", "crl-not-yet-valid", check.Error, func(w *world) check.Options {
		o := minica.CRLOptions{ThisUpdate: time.Now().Add(24 * time.Hour), NextUpdate: time.Now().Add(48 * time.Hour)}
		return check.Options{Paths: []string{w.file("a.crl", list(w.t, w.root, o))}}
	}},
	{"about to end", "expires-soon", check.Warning, func(w *world) check.Options {
		o := minica.CRLOptions{ThisUpdate: time.Now().Add(-10 * time.Hour), NextUpdate: time.Now().Add(50 * time.Minute)}
		return check.Options{Paths: []string{w.file("a.crl", list(w.t, w.root, o))}}
	}},
	{"cut short", "crl-malformed", check.Error, func(w *world) check.Options {
		der, err := w.root.CRL(minica.CRLOptions{})
		if err != nil {
			w.t.Fatal(err)
		}
		return check.Options{Paths: []string{w.file("a.crl", der[:len(der)-9])}}
	}},
	{"in DER, under another name", "crl-unknown-issuer", check.Note, func(w *world) check.Options {
		der, err := w.root.CRL(minica.CRLOptions{})
		if err != nil {
			w.t.Fatal(err)
		}
		return check.Options{Paths: []string{w.file("list.bin", der)}}
	}},
	{"superseded", "crl-superseded", check.Note, func(w *world) check.Options {
		return check.Options{CRL: []string{w.file("a.crl", list(w.t, w.root, minica.CRLOptions{}), list(w.t, w.root, minica.CRLOptions{Number: 2}))},
			ClientCA: []string{w.file("root.crt", w.root.PEM())}}
	}},
	{"a certificate instead", "crl-empty", check.Error, func(w *world) check.Options {
		return check.Options{CRL: []string{w.file("a.crl", w.root.PEM())}, ClientCA: []string{w.file("root.crt", w.root.PEM())}}
	}},
	{"in a directory, under a name that nobody looks at", "left-out", check.Warning, func(w *world) check.Options {
		w.file("crl/root.crl", list(w.t, w.root, minica.CRLOptions{}))
		w.file("crl/notes.txt", []byte("fetched every night"))
		more := w.file("crl/issuing.crl.txt", list(w.t, w.issuing, minica.CRLOptions{}))
		return check.Options{CRL: []string{filepath.Dir(more)}, ClientCA: []string{w.file("root.crt", w.root.PEM())}}
	}},
	{"of a CA that revokes itself", "anchor-revoked", check.Error, func(w *world) check.Options {
		return check.Options{CRL: []string{w.file("a.crl", list(w.t, w.root, revoking(&w.root.Cert)))}, ClientCA: []string{w.file("root.crt", w.root.PEM())}}
	}},
}

// A list without anything else, and beside the CA that signed it or did not.
func TestLists(t *testing.T) {
	for _, c := range listCases {
		t.Run(c.name, func(t *testing.T) {
			r := check.Run(c.look(newWorld(t)))
			if c.word == "" {
				if len(r.Findings) > 0 || len(r.Lists) != 1 || r.Lists[0].SignedBy != "CN=Example Root,O=Example CA,C=BE" {
					t.Errorf("%+v:\n%s", r.Lists, text(t, r))
				}
				return
			}
			if f := found(t, r, c.word); f.Severity != c.severity || f.Fix == "" {
				t.Errorf("%+v", f)
			}
		})
	}
}

// A list for an hour is not always about to end, whatever is asked for.
func TestWithinIsATenthOfAList(t *testing.T) {
	w := newWorld(t)
	hourly := w.file("a.crl", list(t, w.root, minica.CRLOptions{ThisUpdate: time.Now().Add(-30 * time.Minute), NextUpdate: time.Now().Add(30 * time.Minute)}))
	for within, want := range map[time.Duration]int{0: 0, time.Minute: 0, 720 * time.Hour: 0} {
		if r := check.Run(check.Options{Paths: []string{hourly}, Within: within}); r.Warnings != want {
			t.Errorf("--within %v:\n%s", within, text(t, r))
		}
	}
	ending := w.file("b.crl", list(t, w.root, minica.CRLOptions{ThisUpdate: time.Now().Add(-58 * time.Minute), NextUpdate: time.Now().Add(2 * time.Minute)}))
	for within, want := range map[time.Duration]int{0: 1, time.Minute: 0, 720 * time.Hour: 1} {
		if r := check.Run(check.Options{Paths: []string{ending}, Within: within}); r.Warnings != want {
			t.Errorf("--within %v, two minutes of an hour left:\n%s", within, text(t, r))
		}
	}
}

// A list may be larger than any file of certificates.
func TestLargeList(t *testing.T) {
	w := newWorld(t)
	o := minica.CRLOptions{}
	for i := range 260_000 {
		o.Revoked = append(o.Revoked, minica.Revoked{Serial: new(big.Int).Lsh(big.NewInt(int64(i+1)), 96)})
	}
	data := list(t, w.root, o)
	if len(data) < 9<<20 {
		t.Fatalf("the list has %d bytes", len(data))
	}
	r := check.Run(check.Options{Paths: []string{w.file("large.pem", data)}, ClientCA: []string{w.file("root.crt", w.root.PEM())}})
	if len(r.Findings) > 0 || len(r.Lists) != 1 || r.Lists[0].Entries != 260_000 {
		t.Errorf("%+v:\n%s", r.Lists, text(t, r))
	}
}

// The name of a CA moves no terminal.
func TestHostileList(t *testing.T) {
	w := newWorld(t)
	evil, err := minica.New(minica.Options{Change: func(c *x509.Certificate) { c.Subject.CommonName, c.RawSubject = "\x1b[31mred\r\nerror: x\u202e", nil }})
	if err != nil {
		t.Fatal(err)
	}
	r := check.Run(check.Options{Paths: []string{w.file("a.crl", list(t, evil, stale))}, ClientCA: []string{w.file("root.crt", w.root.PEM())}})
	out := text(t, r)
	found(t, r, "crl-stale")
	if strings.ContainsAny(out, "\x1b\r\u202e") || strings.Contains(out, "\nerror: x") {
		t.Errorf("%q", out)
	}
}

// A list says in the report what it is.
func TestListIsShown(t *testing.T) {
	w := newWorld(t)
	config := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: lists}\nbinaryData:\n  issuing.crl: " +
		base64.StdEncoding.EncodeToString(list(t, w.issuing, revoking(w.leaf))) + "\n"
	r := check.Run(check.Options{Paths: []string{w.file("lists.yaml", []byte(config)), w.file("issuing.crt", w.issuing.PEM())}})
	if len(r.Lists) != 1 {
		t.Fatalf("%+v:\n%s", r.Lists, text(t, r))
	}
	if l := r.Lists[0]; l.Number != "7" || l.Entries != 1 || !strings.HasSuffix(l.File, "lists.yaml: configmap/lists: issuing.crl") || !strings.HasSuffix(l.SignerFile, "issuing.crt") {
		t.Errorf("%+v", l)
	}
	for _, line := range []string{"  revocation list of CN=Example Issuing CA,O=Example CA,C=BE\n", "     number    7\n", "     entries   1\n", ", 23 hours left\n", "     signature good, of CN=Example Issuing CA,"} {
		if !strings.Contains(text(t, r), line) {
			t.Errorf("no %q in:\n%s", line, text(t, r))
		}
	}
}

// Who is withdrawn learns by which entry of which list; and the verdict is that of
// the sidecar's own verification.
func TestRevokedClient(t *testing.T) {
	for _, c := range []struct {
		name, reason, line string
		lists              func(w *world) []byte
	}{
		{"good", "", "admitted by", func(w *world) []byte {
			return list(t, w.issuing, minica.CRLOptions{Revoked: []minica.Revoked{{Serial: big.NewInt(1)}}})
		}},
		{"revoked", "revoked", "not admitted: revoked, by an entry of 20", func(w *world) []byte { return list(t, w.issuing, revoking(w.leaf)) }},
		{"its CA is revoked", "issuer-revoked", "for CN=Example Issuing CA,O=Example CA,C=BE", func(w *world) []byte { return list(t, w.root, revoking(&w.issuing.Cert)) }},
		{"the list has expired", "crl-expired", "not admitted: crl-expired", func(w *world) []byte { return list(t, w.issuing, stale) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			o := check.Options{Client: w.file("client.crt", w.leaf.ChainPEM()), ClientCA: []string{w.file("root.crt", w.root.PEM())},
				CRL: []string{w.file("a.crl", c.lists(w))}, Allow: allowing(t, leafDN)}
			r := check.Run(o)
			a := r.Clients[0]
			if a.Reason != c.reason || a.Admitted != (c.reason == "") || (a.Revoked != nil) != strings.HasSuffix(c.reason, "revoked") {
				t.Errorf("%+v", a)
			}
			if a.Revoked != nil && (a.Revoked.Number != "7" || a.Revoked.Reason != "keyCompromise" || !strings.HasSuffix(a.Revoked.File, "a.crl")) {
				t.Errorf("%+v", a.Revoked)
			}
			if !strings.Contains(text(t, r), c.line) {
				t.Errorf("no %q in:\n%s", c.line, text(t, r))
			}
			store, err := certs.Open(certs.Files{CA: o.ClientCA, CRL: o.CRL}, certs.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if _, err = store.Current().Verify([]*x509.Certificate{w.leaf.Leaf, w.issuing.Leaf}, time.Now()); (err == nil) != a.Verified {
				t.Errorf("the sidecar says %v, check says %+v", err, a)
			}
			if c.reason != "" && found(t, r, c.reason).Severity != check.Error {
				t.Errorf("%+v", r.Findings)
			}
		})
	}
}

// A CA that can vouch for nobody is named, each by itself.
func TestMuteCAs(t *testing.T) {
	w := newWorld(t)
	one := w.below(w.root, minica.Options{Subject: "CN=Servers CA", Usage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	two := w.below(w.root, minica.Options{Subject: "CN=Lists CA", Change: func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign }})
	for name, content := range map[string][][]byte{"among others": {w.root.PEM(), one.PEM(), two.PEM()}, "all": {one.PEM()}} {
		r := check.Run(check.Options{ClientCA: []string{w.file(name+".crt", content...)}})
		f := found(t, r, "ca-usage")
		if !strings.Contains(f.Fix, "clientCertificateUsage: clientOrServer") || len(r.Certificates) != len(content) {
			t.Errorf("%s: %+v:\n%s", name, f, text(t, r))
		}
		if name == "among others" && !strings.Contains(text(t, r), "its keyUsage lacks keyCertSign") {
			t.Errorf("%s", text(t, r))
		}
	}
}
