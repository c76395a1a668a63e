package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Bounds of what a certificate is looked for in, and for how long.
const (
	maxCertificates = 8 << 20
	dialTimeout     = 10 * time.Second
)

// certificatesIn returns the certificates of source, at least one: a file, a
// directory with tls.crt, HOST:PORT, or "-" for stdin.
func certificatesIn(ctx context.Context, source string, stdin io.Reader) ([]*x509.Certificate, error) {
	if source == "-" {
		return readCertificates("stdin", stdin)
	}
	path := source
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		path = filepath.Join(path, "tls.crt")
	}
	f, err := os.Open(path)
	if err == nil {
		defer f.Close()
		return readCertificates(path, f)
	}
	if host, port, splits := net.SplitHostPort(source); splits == nil && host != "" && port != "" && errors.Is(err, fs.ErrNotExist) {
		return presentedBy(ctx, source)
	}
	return nil, fmt.Errorf("read certificate: %w", err)
}

// readCertificates reads PEM, of which only certificates count, or DER.
func readCertificates(name string, r io.Reader) ([]*x509.Certificate, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxCertificates+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read certificate %q: %w", name, err)
	case len(data) > maxCertificates:
		return nil, fmt.Errorf("read certificate %q: it is larger than %d MiB", name, maxCertificates>>20)
	}
	var ders [][]byte
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			ders = append(ders, block.Bytes)
		}
	}
	if len(ders) == 0 && len(data) > 0 && data[0] == 0x30 { // the tag of a DER SEQUENCE
		ders = [][]byte{data}
	}
	if len(ders) == 0 {
		return nil, fmt.Errorf("read certificate %q: there is none in it, neither PEM nor DER", name)
	}
	return parseCertificates(name, ders)
}

func parseCertificates(name string, ders [][]byte) ([]*x509.Certificate, error) {
	var certs []*x509.Certificate
	for i, der := range ders {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("parse certificate %d of %q: %w", i+1, name, err)
		}
		certs = append(certs, c)
	}
	return certs, nil
}

// presentedBy returns the certificates that a TLS server presents.
func presentedBy(ctx context.Context, addr string) ([]*x509.Certificate, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	host, _, _ := net.SplitHostPort(addr)
	var presented [][]byte
	dialer := tls.Dialer{Config: &tls.Config{
		ServerName: host,
		// Nothing is sent and nothing that is read is trusted: whoever pastes the
		// result into a rule has to know whom it came from.
		InsecureSkipVerify: true, //nolint:gosec // see above
		VerifyPeerCertificate: func(raw [][]byte, _ [][]*x509.Certificate) error {
			presented = raw
			return nil
		},
	}}
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err == nil {
		_ = conn.Close()
	}
	// A server that wants a certificate from us ends the handshake, but not
	// before it has presented its own.
	if len(presented) == 0 {
		if err == nil {
			err = errors.New("the server presented no certificate")
		}
		return nil, fmt.Errorf("read certificate of %q: %w", addr, err)
	}
	return parseCertificates(addr, presented)
}
