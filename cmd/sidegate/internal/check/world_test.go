package check_test

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"

	"github.com/sidegate/sidegate/cmd/sidegate/internal/check"
	"github.com/sidegate/sidegate/proxy/minica"
)

// A world is what a partner's team has on disk: a certificate below an
// intermediate below a root.
type world struct {
	t             *testing.T
	dir           string
	root, issuing *minica.CA
	leaf          *minica.Cert
}

const leafDN = "CN=webhook.example,O=Example SA,C=BE"

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir()}
	w.root = ca(t, "CN=Example Root,O=Example CA,C=BE")
	w.issuing = w.below(w.root, minica.Options{Subject: "CN=Example Issuing CA,O=Example CA,C=BE"})
	w.leaf = w.issue(minica.Options{})
	return w
}

func ca(t *testing.T, subject string) *minica.CA {
	t.Helper()
	c, err := minica.New(minica.Options{Subject: subject})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (w *world) below(parent *minica.CA, o minica.Options) *minica.CA {
	w.t.Helper()
	c, err := parent.NewCA(o)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// issue issues a leaf below the intermediate, called webhook.example unless o
// says otherwise.
func (w *world) issue(o minica.Options) *minica.Cert {
	w.t.Helper()
	if o.Subject == "" && o.RawSubject == nil {
		o.Subject = leafDN
	}
	if o.DNS == nil {
		o.DNS = []string{"webhook.example"}
	}
	c, err := w.issuing.Issue(o)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// file writes a file and returns its path.
func (w *world) file(name string, parts ...[]byte) string {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, bytes.Join(parts, nil), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// mounted writes c as a TLS Secret is mounted, and returns the directory.
func (w *world) mounted(c *minica.Cert) string {
	w.t.Helper()
	w.file("tls/tls.crt", c.ChainPEM())
	return filepath.Dir(w.file("tls/tls.key", c.KeyPEM()))
}

// encode returns the PEM of certificates.
func encode(list ...*x509.Certificate) (out []byte) {
	for _, c := range list {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return out
}

// found returns the one Finding of r with the word.
func found(t *testing.T, r *check.Report, word string) check.Finding {
	t.Helper()
	for _, f := range r.Findings {
		if f.Word == word {
			return f
		}
	}
	t.Fatalf("no finding %q in:\n%s", word, text(t, r))
	return check.Finding{}
}

// text returns r as people read it.
func text(t *testing.T, r *check.Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
