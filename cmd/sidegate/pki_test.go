package main

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sidegate/sidegate/proxy/minica"
)

// The Subjects of the certificates that tests speak with.
const (
	serverDN  = "CN=gate.example,O=Gate SA,C=BE"
	partnerDN = `CN=partner.example,O=Partner\, Inc.,C=BE`
	otherDN   = "CN=other.example,O=Other SA,C=BE"
)

// A pki is a CA and the certificates that it issued, by the name of the
// directory that each is written to.
type pki struct {
	ca    *minica.CA
	certs map[string]*minica.Cert
}

func newPKI() *pki {
	p := &pki{ca: must(minica.New(minica.Options{Subject: "CN=Test CA,C=BE"})), certs: map[string]*minica.Cert{}}
	p.issue("tls", serverOptions())
	p.issue("partner", minica.Options{Subject: partnerDN, DNS: []string{"partner.example", "www.partner.example"}})
	p.issue("other", minica.Options{Subject: otherDN})
	p.issue("ambiguous", minica.Options{RawSubject: twoLines()})
	p.issue("nameless", minica.Options{RawSubject: []byte{0x30, 0}, DNS: []string{"nameless.example"}})
	return p
}

func serverOptions() minica.Options {
	return minica.Options{Subject: serverDN, DNS: []string{"localhost"}, IPs: []net.IP{net.IPv4(127, 0, 0, 1)}}
}

func (p *pki) issue(name string, o minica.Options) *minica.Cert {
	p.certs[name] = must(p.ca.Issue(o))
	return p.certs[name]
}

// twoLines is a Subject whose common name looks like two in a log.
func twoLines() []byte {
	return must(asn1.Marshal(pkix.RDNSequence{{{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: "a\nCN=b"}}}))
}

// write writes ca/ca.crt, a TLS Secret for each certificate, and partner.der.
func (p *pki) write(dir string) error {
	files := map[string][]byte{"ca/ca.crt": p.ca.PEM(), "partner.der": p.certs["partner"].Leaf.Raw}
	for name, c := range p.certs {
		files[name+"/tls.crt"], files[name+"/tls.key"] = c.ChainPEM(), c.KeyPEM()
	}
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// client returns an HTTP/1.1 client that presents c. It keeps connections alive
// and resumes no sessions, so that it sees the certificate that is served.
func (p *pki) client(c *minica.Cert) *http.Client {
	roots := x509.NewCertPool()
	roots.AddCert(p.ca.Leaf)
	return &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{
		RootCAs:      roots,
		ServerName:   "localhost",
		Certificates: []tls.Certificate{c.TLS()},
	}}}
}

func fetch(c *http.Client, url string) (status int, body string, err error) {
	res, err := c.Get(url)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return res.StatusCode, string(b), err
}

// must is for what cannot fail unless the test itself is wrong.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// eventually waits until ok, and fails the test if it takes ten seconds.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("never saw %s", what)
		}
	}
}
