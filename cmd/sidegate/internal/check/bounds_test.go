package check_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sidegate/sidegate/cmd/sidegate/internal/check"
	"github.com/sidegate/sidegate/proxy/minica"
)

// Whatever is not looked at is an error: it may be what is wrong.
func TestNothingIsLeftOutSilently(t *testing.T) {
	w := newWorld(t)
	old := w.issue(minica.Options{NotAfter: time.Now().Add(-time.Hour)})
	var stream, keys bytes.Buffer
	for i := range 1001 {
		fmt.Fprintf(&stream, "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c%d}\n", i)
		w.file(fmt.Sprintf("many/%04d.crt", i), w.root.PEM())
	}
	encoded := base64.StdEncoding.EncodeToString(old.PEM())
	fmt.Fprintf(&stream, "---\napiVersion: v1\nkind: Secret\nmetadata: {name: last}\ndata: {tls.crt: %s}\n", encoded)
	keys.WriteString("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: keys}\nbinaryData:\n")
	root := base64.StdEncoding.EncodeToString(w.root.Leaf.Raw)
	for i := range 1001 {
		fmt.Fprintf(&keys, "  k%04d: %s\n", i, root)
	}
	for name, path := range map[string]string{
		"manifests":            w.file("stream.yaml", stream.Bytes()),
		"keys of a ConfigMap":  w.file("keys.yaml", keys.Bytes()),
		"files in a directory": w.dir + "/many",
	} {
		if f := found(t, check.Run(check.Options{Paths: []string{path}}), "too-large"); f.Severity != check.Error || !strings.Contains(f.Problem, "1000") {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

// PEM is PEM, whatever stands in the comments before it.
func TestPEMThatSpeaksOfManifests(t *testing.T) {
	w := newWorld(t)
	path := w.file("server.crt", []byte("# from the Secret: apiVersion v1, kind Secret\n"), w.leaf.ChainPEM())
	if r := check.Run(check.Options{Paths: []string{path}}); len(r.Findings) > 0 || len(r.Certificates) != 2 {
		t.Error(text(t, r))
	}
}

// withKey is the world's leaf with another public key.
func withKey(w *world, public any) *minica.Cert {
	w.t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, w.leaf.Leaf, w.issuing.Leaf, public, w.issuing.Key)
	if err != nil {
		w.t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		w.t.Fatal(err)
	}
	return &minica.Cert{Leaf: c, Chain: []*x509.Certificate{w.issuing.Leaf}, Key: w.leaf.Key}
}

// pss is a certificate with an RSA key of id-RSASSA-PSS (RFC 4055 §3.1), made by
// OpenSSL.
const pss = `-----BEGIN CERTIFICATE-----
MIIDiTCCAjygAwIBAgIUFrg3H0p0S2FzDoyw5vrPis6PV10wQgYJKoZIhvcNAQEK
MDWgDzANBglghkgBZQMEAgEFAKEcMBoGCSqGSIb3DQEBCDANBglghkgBZQMEAgEF
AKIEAgIA3jAWMRQwEgYDVQQDDAtwc3MuZXhhbXBsZTAgFw0yNjExMjMyMzE0MDJa
GA8yMTI2MTAzMDIzMTQwMlowFjEUMBIGA1UEAwwLcHNzLmV4YW1wbGUwggEgMAsG
CSqGSIb3DQEBCgOCAQ8AMIIBCgKCAQEAqlMGMYyBenjeYZVGgZEhhjbU1EFlkGP/
oyMBXWjn7tlTtE76ia/1R5lIcSKVJSwtCGywtDVXjb89OpDXSY3wgxT540Hgl+HH
o7xjNTRkdLHefquyfCnpkkp/9YE8b2uWJABIfjLNOwLYNrXkG6q9pvqJwgizuwKB
w4eFFnPftdcih6Xt6sEixkacI0Y9N4Qvh7dEgavlFEgeLtOWBDRvbUEpg5D+mm0a
bFu/8Swr5bkdBIOeWDI7jdAPS8XLT3dMFJZTFQn6mIgu/8Ho6njH/eC1dZzUYw9o
WZmMm3zVDYoUGGploJ380Lfg9/+Cd+zyS+woE9Lo3CDPZGUJ34stCwIDAQABo2Uw
YzAdBgNVHQ4EFgQUiI/aNkp8VyIMzjoSOLSvpR/VYdowHwYDVR0jBBgwFoAUiI/a
Nkp8VyIMzjoSOLSvpR/VYdowCQYDVR0TBAIwADAWBgNVHREEDzANggtwc3MuZXhh
bXBsZTBCBgkqhkiG9w0BAQowNaAPMA0GCWCGSAFlAwQCAQUAoRwwGgYJKoZIhvcN
AQEIMA0GCWCGSAFlAwQCAQUAogQCAgDeA4IBAQAvXW1qLpsNtoEhaPoHChb75Wu0
1GZLEfh1yXb/x817QK33T81yBGawe3YZgMSAUPM9yTcYKqNstC3OmSvn5CnRkjQZ
rG1Z2/7HpuM2tY3VVt3DJz9vTPIA6rzUUnOb1LqvRcW/G80aZ0G3bD9BcKBcVpOp
lJFItzMAlcKbkA/zGqlPmHK0R5SSrLgHYUXA/8J6PVCqltOqB/aLa4dxo0G9JsGU
/ZFDcdYr+XlVR+RTD9EzmXNmA8QpJj0FnpgJ8+pS4NPz+rDmisOW56G4/8yQEb3W
cz3n6ZRlA8TnyCROUNiGAFI2ZiPm08qvZSifOsIC2z9ms52x7Dzx3BEHoRb2
-----END CERTIFICATE-----
`

// A client whose key the sidecar cannot use in a handshake is not admitted, even
// if its CA and its Subject are right.
func TestClientWithKeyThatTLSCannotUse(t *testing.T) {
	w := newWorld(t)
	curve, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for want, c := range map[string]*minica.Cert{
		"weak-key":      withKey(w, &curve.PublicKey),
		"oversized-key": {Leaf: oversized(t, w), Chain: []*x509.Certificate{w.issuing.Leaf}},
	} {
		path := w.file("client.crt", encode(c.Leaf), encode(c.Chain...))
		r := check.Run(check.Options{Client: path, ClientCA: []string{w.file("clients/ca.crt", w.root.PEM())}, Allow: allowing(t, leafDN)})
		a := r.Clients[0]
		if len(a.Rules) > 0 || a.Admitted || !a.Verified || a.Reason != want || !strings.Contains(text(t, r), "not admitted: "+want) {
			t.Errorf("%s: %+v\n%s", want, a, text(t, r))
		}
		if f := found(t, r, want); f.Severity != check.Error {
			t.Errorf("%+v", f)
		}
	}
}

// A key of which Go does not know the algorithm at all, as RSA-PSS and Ed448.
func TestKeyOfUnknownAlgorithm(t *testing.T) {
	block, _ := pem.Decode([]byte(pss))
	w := newWorld(t)
	r := check.Run(check.Options{Paths: []string{w.file("pss.crt", pem.EncodeToMemory(block))}})
	if f := found(t, r, "unsupported-key"); f.Severity != check.Error || !strings.Contains(f.Problem, "RSA-PSS") {
		t.Errorf("%+v", f)
	}
}
