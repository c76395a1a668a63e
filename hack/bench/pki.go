package main

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"

	"github.com/sidegate/sidegate/proxy/minica"
)

// The client that is let in, in the two forms that proxies write it.
const (
	clientSubject      = "CN=client.bench.example,O=Bench,C=BE"
	clientSlashSubject = "/C=BE/O=Bench/CN=client.bench.example"
)

// strangers are clients of the same CA that must be refused. TCP proxies cannot
// tell the second from ours: they know common names only.
var strangers = []string{
	"CN=other.bench.example,O=Bench,C=BE",
	"CN=client.bench.example,O=Other,C=BE",
}

// The names of the server certificates, as files.
const (
	serverP256 = "p256"
	serverRSA  = "rsa4096"
)

// A pki is what both ends of the connections are proved with. Everything is
// signed by one root directly, ECDSA P-256 but for one server's key.
type pki struct {
	roots     *x509.CertPool
	client    tls.Certificate
	strangers []tls.Certificate // as in the variable of that name
}

// newPKI makes a pki and writes what the servers need into dir: ca.pem, and a
// file with chain and key for each of servers.
func newPKI(dir string, servers ...string) (*pki, error) {
	ca, err := minica.New(minica.Options{Subject: "CN=Bench CA,O=Bench,C=BE"})
	if err != nil {
		return nil, fmt.Errorf("make the CA: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "ca.pem"), ca.PEM(), 0o644); err != nil {
		return nil, err
	}
	for _, name := range servers {
		if err := writeServer(ca, dir, name); err != nil {
			return nil, err
		}
	}
	p := &pki{roots: x509.NewCertPool()}
	p.roots.AddCert(ca.Leaf)
	for _, name := range append([]string{clientSubject}, strangers...) {
		cert, err := ca.Issue(minica.Options{Subject: name, Usage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
		if err != nil {
			return nil, fmt.Errorf("issue client certificate %q: %w", name, err)
		}
		p.strangers = append(p.strangers, cert.TLS())
	}
	p.client, p.strangers = p.strangers[0], p.strangers[1:]
	return p, nil
}

func writeServer(ca *minica.CA, dir, name string) error {
	var key crypto.Signer // nil: minica makes a P-256 one
	if name == serverRSA {
		large, err := rsa.GenerateKey(rand.Reader, 4096)
		if err != nil {
			return fmt.Errorf("generate RSA key: %w", err)
		}
		key = large
	}
	cert, err := ca.Issue(minica.Options{Subject: "CN=localhost", DNS: []string{"localhost"}, Key: key})
	if err != nil {
		return fmt.Errorf("issue server certificate %q: %w", name, err)
	}
	return os.WriteFile(filepath.Join(dir, name+".pem"), append(cert.ChainPEM(), cert.KeyPEM()...), 0o600)
}

// config is the TLS configuration of a client with cert. What is negotiated is
// the same with every proxy, or one would be charged for stronger cryptography.
// X25519 is the best key exchange that all of them know: with a Go server a Go
// client would choose X25519MLKEM768.
func (p *pki) config(cert tls.Certificate, protocol string) *tls.Config {
	return &tls.Config{
		Certificates:     []tls.Certificate{cert},
		RootCAs:          p.roots,
		ServerName:       "localhost",
		MinVersion:       tls.VersionTLS13,
		CurvePreferences: []tls.CurveID{tls.X25519},
		NextProtos:       []string{protocol},
	}
}
