package partner

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sidegate/sidegate/proxy/minica"
)

// The files of the authority in its directory.
const (
	intermediateFile = "intermediate.crt"
	rootFile         = "root.crt"
	requestSuffix    = ".csr"
	maxRequest       = 64 << 10

	organization = "Rehearsal" // by which what it has issued is told from real certificates
)

// An authority signs the requests that are put into a directory, as a public CA
// does: by an intermediate, and without asking who it is, which a public CA does.
type authority struct {
	dir    string
	ca     *minica.CA
	signed map[string][]byte // requests by file, as they were when they were looked at
	say    func(format string, a ...any)
}

// newAuthority founds an authority and publishes its certificates in dir.
func newAuthority(dir string, say func(string, ...any)) (*authority, error) {
	root, err := minica.New(minica.Options{Subject: "CN=Rehearsal Root,O=" + organization + ",C=BE", NotAfter: time.Now().AddDate(10, 0, 0)})
	if err != nil {
		return nil, err
	}
	ca, err := root.NewCA(minica.Options{Subject: "CN=Rehearsal OV CA,O=" + organization + ",C=BE", NotAfter: time.Now().AddDate(5, 0, 0)})
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the directory of the partner: %w", err)
	}
	a := &authority{dir: dir, ca: ca, signed: map[string][]byte{}, say: say}
	return a, errors.Join(a.publish(rootFile, root.PEM()), a.publish(intermediateFile, ca.PEM()))
}

// publish writes a file whole: whoever waits for it never reads half of it. What
// is not from a rehearsal is never replaced: it may be the user's real certificate,
// with its key.
func (a *authority) publish(name string, data []byte) error {
	path := filepath.Join(a.dir, name)
	if !replaceable(path) {
		return fmt.Errorf("%q is there already, and not from a rehearsal: it is left as it is; use a folder of its own", name)
	}
	if err := replace(path, data); err != nil {
		return fmt.Errorf("publish %q: %w", name, err)
	}
	return nil
}

// replaceable reports whether path is free, or holds nothing but certificates that
// an authority of a rehearsal has issued.
func replaceable(path string) bool {
	info, err := os.Lstat(path)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	if !info.Mode().IsRegular() || info.Size() > maxRequest {
		return false
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return false
	}
	block, rest := pem.Decode(data)
	if block == nil || block.Type != "CERTIFICATE" || len(bytes.TrimSpace(rest)) > 0 {
		return false
	}
	c, err := x509.ParseCertificate(block.Bytes)
	return err == nil && len(c.Issuer.Organization) == 1 && c.Issuer.Organization[0] == organization
}

// replace puts a file in the place of path at once, through one that nobody else
// can have put there.
func replace(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".rehearsal-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(0o644), f.Close()) // certificates are public
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(f.Name()))
	}
	return err
}

// run signs what lies in the directory and what is put there until ctx is done.
func (a *authority) run(ctx context.Context) {
	look := time.NewTicker(200 * time.Millisecond)
	defer look.Stop()
	for {
		a.look()
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
	}
}

// look signs every request that is new or changed. One that cannot be signed is
// told of once.
func (a *authority) look() {
	requests, _ := filepath.Glob(filepath.Join(globEscape(a.dir), "*"+requestSuffix)) // the pattern is well-formed
	for _, path := range requests {
		data, err := readBounded(path)
		if err != nil || bytes.Equal(data, a.signed[path]) {
			continue
		}
		a.signed[path] = data
		name := filepath.Base(path)
		if err := a.sign(name, data); err != nil {
			a.say("%q is not signed: %v", name, err)
		}
	}
}

func globEscape(dir string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir)
}

func readBounded(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxRequest {
		return nil, errors.New("not a request")
	}
	return os.ReadFile(path)
}

// sign issues what the request in data asks for: Subject and names as they are,
// for 90 days, for both ends of a connection.
func (a *authority) sign(name string, data []byte) error {
	block, _ := pem.Decode(data)
	if block == nil || block.Type != "CERTIFICATE REQUEST" {
		return errors.New("it is no PEM certificate request; put here what \"sidegate csr\" writes")
	}
	request, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return fmt.Errorf("parse the request: %w", err)
	}
	if err := request.CheckSignature(); err != nil {
		return fmt.Errorf("the request is not signed by its own key: %w", err)
	}
	cert, err := a.ca.Issue(minica.Options{
		RawSubject: request.RawSubject, DNS: request.DNSNames, URIs: request.URIs, Emails: request.EmailAddresses, IPs: request.IPAddresses,
		NotAfter: time.Now().AddDate(0, 0, 90), Key: publicOnly{request.PublicKey},
	})
	if err != nil {
		return err
	}
	to := strings.TrimSuffix(name, requestSuffix) + ".crt"
	if to == intermediateFile || to == rootFile {
		return errors.New("the name is that of a certificate of the authority; choose another")
	}
	if err := a.publish(to, cert.PEM()); err != nil {
		return err
	}
	a.say("%q is signed: see %q, and %q that goes with it", name, to, intermediateFile)
	return nil
}
