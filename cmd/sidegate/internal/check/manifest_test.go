package check_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/sidegate/sidegate/cmd/sidegate/internal/check"
	"github.com/sidegate/sidegate/proxy/minica"
)

func secret(name string, crt, key []byte) string {
	return fmt.Sprintf("apiVersion: v1\nkind: Secret\ntype: kubernetes.io/tls\nmetadata: {name: %s, namespace: shop}\ndata:\n  tls.crt: %s\n  tls.key: %s\n",
		name, base64.StdEncoding.EncodeToString(crt), base64.StdEncoding.EncodeToString(key))
}

func TestManifest(t *testing.T) {
	w := newWorld(t)
	other := w.issue(minica.Options{Subject: "CN=other.example"})
	good, wrong := secret("good", w.leaf.ChainPEM(), w.leaf.KeyPEM()), secret("wrong", w.leaf.ChainPEM(), other.KeyPEM())
	trust := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: partner-ca}\ndata:\n  note: hello\n  ca.crt: |\n    " +
		strings.ReplaceAll(strings.TrimSpace(string(w.root.PEM())), "\n", "\n    ") + "\n"

	r := check.Run(check.Options{Paths: []string{w.file("good.yaml", []byte(good+"---\n"+trust))}})
	if r.Failed() || len(r.Certificates) != 3 {
		t.Errorf("%d certificates:\n%s", len(r.Certificates), text(t, r))
	}
	if c := r.Certificates[0]; !strings.HasSuffix(c.File, "good.yaml: shop/secret/good: tls.crt") || c.Role != "server" || c.Subject != leafDN {
		t.Errorf("%+v", c)
	}

	r = check.Run(check.Options{Paths: []string{w.file("both.yaml", []byte(good+"---\n"+wrong))}})
	f := found(t, r, "key-mismatch")
	if !strings.HasSuffix(f.File, "shop/secret/wrong: tls.key") || !strings.HasSuffix(f.Fix, "sidegate csr --renew CERT --key KEY") || r.Errors != 1 {
		t.Errorf("%s: %+v", r.Summary(), f)
	}
}

func TestManifestWithoutKey(t *testing.T) {
	w := newWorld(t)
	half := fmt.Sprintf("apiVersion: v1\nkind: Secret\ntype: kubernetes.io/tls\nmetadata: {name: half}\ndata: {tls.crt: %s}\n", base64.StdEncoding.EncodeToString(w.leaf.ChainPEM()))
	f := found(t, check.Run(check.Options{Paths: []string{w.file("half.yaml", []byte(half))}}), "missing")
	if !strings.HasSuffix(f.File, "half.yaml: secret/half: tls.key") {
		t.Errorf("%+v", f)
	}
	broken := "apiVersion: v1\nkind: Secret\nmetadata: {name: broken}\ndata: {tls.crt: '***'}\n"
	if f := found(t, check.Run(check.Options{Paths: []string{w.file("broken.yaml", []byte(broken))}}), "bad-manifest"); !strings.Contains(f.Problem, "base64") {
		t.Errorf("%+v", f)
	}
}

// What lies in a directory is found by its name, and by looking.
func TestDirectory(t *testing.T) {
	w := newWorld(t)
	w.file("mixed/server.crt", w.leaf.ChainPEM())
	w.file("mixed/server.key", w.leaf.KeyPEM())
	w.file("mixed/secret.yaml", []byte(secret("good", w.leaf.ChainPEM(), w.leaf.KeyPEM())))
	w.file("mixed/README", []byte("no certificate"))
	w.file("mixed/.hidden.crt", []byte("no certificate"))
	r := check.Run(check.Options{Paths: []string{w.dir + "/mixed"}})
	if r.Failed() || len(r.Certificates) != 4 || len(r.Keys) != 2 {
		t.Errorf("%d certificates, %d keys:\n%s", len(r.Certificates), len(r.Keys), text(t, r))
	}
	for _, k := range r.Keys {
		if k.Certificate != leafDN {
			t.Errorf("%+v is of nobody", k)
		}
	}
	w.file("nothing/README", []byte("no certificate"))
	found(t, check.Run(check.Options{Paths: []string{w.dir + "/nothing"}}), "no-certificate")
}
