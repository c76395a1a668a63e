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
	"maps"
	"net"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sidegate/sidegate/proxy/config"
)

// Bounds of what a certificate is looked for in, and for how long.
const (
	maxCertificates = 8 << 20
	dialTimeout     = 10 * time.Second
)

// A bundle is the certificates that lie, or are sent, together: at least one.
type bundle struct {
	source string // as the user wrote it; of a manifest, the object and its key
	server bool   // a TLS server sent them, and nobody verified them
	certs  []*x509.Certificate
}

// certificatesIn returns the certificates of source, where all of them belong
// together: a manifest has to hold those of one holder alone.
func certificatesIn(ctx context.Context, source string, stdin io.Reader) ([]*x509.Certificate, error) {
	found, err := bundlesIn(ctx, source, stdin, false)
	switch {
	case err != nil:
		return nil, err
	case len(found) > 1:
		return nil, fmt.Errorf("read certificate %q: there are several in it, as %q and %q; leave the one that is meant", source, found[0].source, found[1].source)
	}
	return found[0].certs, nil
}

// bundlesIn returns the certificates of source: a file, a directory with tls.crt,
// HOST:PORT, or "-" for stdin. All of them are one bundle, but for the Secrets
// and ConfigMaps of a manifest: there each key is one, and all says whether that
// is so beside tls.crt, too. What could be read is returned in spite of an error,
// and without one there is something.
func bundlesIn(ctx context.Context, source string, stdin io.Reader, all bool) ([]bundle, error) {
	if source == "-" {
		return readCertificates("stdin", source, stdin, all)
	}
	file := source
	info, err := os.Stat(file)
	if err == nil && info.IsDir() {
		file = filepath.Join(file, "tls.crt")
	}
	f, err := os.Open(file)
	if err == nil {
		defer f.Close()
		return readCertificates(file, source, f, all)
	}
	if host, port, splits := net.SplitHostPort(source); splits == nil && host != "" && port != "" && errors.Is(err, fs.ErrNotExist) {
		certs, err := presentedBy(ctx, source)
		if err != nil {
			return nil, err
		}
		return []bundle{{source: source, server: true, certs: certs}}, nil
	}
	return nil, fmt.Errorf("read certificate: %w", err)
}

// readCertificates reads PEM, of which only certificates count, DER, or a
// manifest. Its name is for errors.
func readCertificates(name, source string, r io.Reader, all bool) ([]bundle, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxCertificates+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read certificate %q: %w", name, err)
	case len(data) > maxCertificates:
		return nil, fmt.Errorf("read certificate %q: it is larger than %d MiB", name, maxCertificates>>20)
	}
	ders := encodedIn(data) // the PEM in a manifest is indented or encoded, so this finds none there
	if len(ders) == 0 && config.LooksLikeManifest(data) {
		return manifestCertificates(name, data, all)
	}
	if len(ders) == 0 {
		return nil, fmt.Errorf("read certificate %q: there is none in it, neither PEM nor DER", name)
	}
	certs, err := parseCertificates(name, ders)
	if err != nil {
		return nil, err
	}
	return []bundle{{source: source, certs: certs}}, nil
}

// encodedIn returns the DER of the certificates in data, which is PEM or DER.
func encodedIn(data []byte) (ders [][]byte) {
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			ders = append(ders, block.Bytes)
		}
	}
	if len(ders) == 0 && len(data) > 0 && data[0] == 0x30 { // the tag of a DER SEQUENCE
		ders = [][]byte{data}
	}
	return ders
}

// manifestCertificates returns those of each Secret and ConfigMap in data.
func manifestCertificates(name string, data []byte, all bool) (found []bundle, err error) {
	manifests, err := config.Manifests(data)
	var errs []error
	if err != nil {
		errs = append(errs, fmt.Errorf("read manifest %q: %w", name, err))
	}
	for _, m := range manifests {
		of := len(found)
		for _, key := range certificateKeys(m.Files, all) {
			source := sourceOf(m) + " " + key
			ders := encodedIn(m.Files[key])
			if len(ders) == 0 {
				continue
			}
			certs, err := parseCertificates(source, ders)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			found = append(found, bundle{source: source, certs: certs})
		}
		if len(found) == of && len(errs) == 0 {
			errs = append(errs, fmt.Errorf("read manifest %q: there is no certificate in %q; it would lie under tls.crt, or a key that ends in .crt, .pem or .cer, and has the keys %q",
				name, sourceOf(m), slices.Sorted(maps.Keys(m.Files))))
		}
	}
	if len(manifests) == 0 && err == nil {
		errs = append(errs, fmt.Errorf("read manifest %q: there is neither a Secret nor a ConfigMap in it", name))
	}
	return found, errors.Join(errs...)
}

// sourceOf names the object of a manifest as secret/namespace/name.
func sourceOf(m config.Manifest) string {
	return strings.ToLower(m.Kind) + "/" + path.Join(m.Namespace, m.Name)
}

// certificateKeys returns the keys under which certificates are looked for. The
// holder's is under tls.crt; where there is none, each file of certificates is
// somebody's.
func certificateKeys(files map[string][]byte, all bool) []string {
	if _, ok := files["tls.crt"]; ok && !all {
		return []string{"tls.crt"}
	}
	var keys []string
	for _, key := range slices.Sorted(maps.Keys(files)) {
		if slices.Contains([]string{".crt", ".pem", ".cer"}, path.Ext(key)) {
			keys = append(keys, key)
		}
	}
	return keys
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
