//go:build e2e

package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"testing"
	"time"

	"github.com/sidegate/sidegate/proxy/minica"
)

// The Subjects of two partners with certificates of the same CA.
const (
	allowedSubject = "CN=partner.example,O=Partner SA,C=BE"
	otherSubject   = "CN=other.example,O=Other,C=BE"
)

// serverName is who the gates say they are.
const serverName = "gate.example"

// parties are those who speak with each other in a story.
type parties struct {
	ca      *minica.CA // of the partners
	allowed *minica.Cert
	other   *minica.Cert
	servers *minica.CA // of the gates
}

func newParties(t *testing.T) *parties {
	t.Helper()
	p := &parties{ca: newCA(t, "CN=Partner CA"), servers: newCA(t, "CN=Server CA")}
	p.allowed = issue(t, p.ca, minica.Options{Subject: allowedSubject})
	p.other = issue(t, p.ca, minica.Options{Subject: otherSubject})
	return p
}

// server issues a new certificate for a gate.
func (p *parties) server(t *testing.T) *minica.Cert {
	t.Helper()
	return issue(t, p.servers, minica.Options{Subject: "CN=" + serverName, DNS: []string{serverName}, NotAfter: time.Now().AddDate(0, 6, 0)})
}

// as returns how a partner speaks TLS. It trusts the CA of the gates; nil is
// somebody without a certificate. Sessions are not resumed, so that every
// connection shows the certificate that is served.
func (p *parties) as(client *minica.Cert) *tls.Config {
	roots := x509.NewCertPool()
	roots.AddCert(p.servers.Leaf)
	c := &tls.Config{RootCAs: roots, ServerName: serverName, NextProtos: []string{"http/1.1"}}
	if client != nil {
		c.Certificates = []tls.Certificate{client.TLS()}
	}
	return c
}

func newCA(t *testing.T, subject string) *minica.CA {
	t.Helper()
	ca, err := minica.New(minica.Options{Subject: subject})
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

func issue(t *testing.T, ca *minica.CA, o minica.Options) *minica.Cert {
	t.Helper()
	c, err := ca.Issue(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
