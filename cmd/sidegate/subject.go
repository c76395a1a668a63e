package main

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/sidegate/sidegate/proxy/policy"
	"github.com/sidegate/sidegate/proxy/subject"
)

const subjectHelp = `sidegate subject - print the Subject of certificates, ready to paste into a rule

Usage:
    sidegate subject [-o text|yaml|json] [--all] FILE|DIR|HOST:PORT|-...

FILE is PEM, DER, or a Kubernetes manifest (YAML or JSON) with Secrets and
ConfigMaps, DIR a mounted TLS Secret, - is any such file on stdin, and HOST:PORT
is a TLS server, whose certificate is read and not verified. A file that exists
wins over a HOST:PORT of the same name.

    --all        every certificate, not only the first of each file; of a Secret
                 or ConfigMap every key that ends in .crt, .pem or .cer, and not
                 only tls.crt where there is one
    -o text      one Subject a line, in canonical form (the default)
    -o yaml      rules for "allow:" of the configuration
    -o json      an array of objects with source, subject, issuer, serial (hex),
                 fingerprint (SHA-256 of the certificate, hex), spkiSHA256 (of its
                 key), notAfter, dnsNames

The first certificate of a file is that of its holder; those after it belong to
CAs. A Subject that can be read in two ways is refused here, as it is when a
client presents it. The exit code is 1 if any argument could not be read, or any
Subject is refused or not there; the others are printed all the same.
`

// printSubjects is the command subject.
func printSubjects(ctx context.Context, args []string, std streams) error {
	fs := newFlags("subject")
	format := fs.String("o", "text", "")
	all := fs.Bool("all", false, "")
	sources, err := parseFlags(fs, args)
	if err != nil {
		return err
	}
	write, ok := subjectFormats[*format]
	switch {
	case !ok:
		return misuseOf("sidegate help subject", fmt.Errorf("-o %q is none of text, yaml and json", *format))
	case len(sources) == 0:
		return misuseOf("sidegate help subject", errors.New("subject needs a certificate: a file, HOST:PORT, or - for stdin"))
	}
	found := []identity{} // an array in JSON, even if there is nothing in it
	var errs []error
	for _, source := range sources {
		ids, err := identitiesIn(ctx, source, std.in, *all)
		found, errs = append(found, ids...), append(errs, err)
	}
	return errors.Join(append(errs, write(std.out, found))...)
}

// identitiesIn returns who the certificates of source are: of the first, or of
// all. The error says what could not be read or told.
func identitiesIn(ctx context.Context, source string, stdin io.Reader, all bool) ([]identity, error) {
	bundles, err := bundlesIn(ctx, source, stdin, all)
	errs := []error{err}
	var ids []identity
	for _, b := range bundles {
		if !all {
			b.certs = b.certs[:1]
		}
		for i, c := range b.certs {
			id, err := identify(c)
			if err != nil {
				errs = append(errs, fmt.Errorf("%q: certificate %d: %w", b.source, i+1, err))
				continue
			}
			id.Source, id.server = b.source, b.server
			ids = append(ids, id)
		}
	}
	return ids, errors.Join(errs...)
}

// An identity is what a certificate says about its holder, in the spelling of
// the identity headers.
type identity struct {
	Source      string    `json:"source"`
	Subject     string    `json:"subject"`
	Issuer      string    `json:"issuer"`
	Serial      string    `json:"serial"`
	Fingerprint string    `json:"fingerprint"`
	SPKISHA256  string    `json:"spkiSHA256"` // of the public key, as rules and deny entries have it
	NotAfter    time.Time `json:"notAfter"`
	DNSNames    []string  `json:"dnsNames"`
	server      bool      // a TLS server presented it, and nobody verified it
}

// identify reads a certificate. The error says why the Subject or the Issuer
// would be refused.
func identify(c *x509.Certificate) (identity, error) {
	holder, err := subject.FromDER(c.RawSubject)
	if a, ok := errors.AsType[*subject.AmbiguousError](err); ok && a.Reason == subject.Empty {
		return identity{}, errors.New("has no Subject; admit it by san, spkiSHA256 or certSHA256")
	}
	if err != nil {
		return identity{}, fmt.Errorf("the Subject would be refused: %w", err)
	}
	issuer, err := subject.FromDER(c.RawIssuer)
	if err != nil {
		return identity{}, fmt.Errorf("the Issuer would be refused: %w", err)
	}
	fingerprint, key := sha256.Sum256(c.Raw), sha256.Sum256(c.RawSubjectPublicKeyInfo)
	return identity{
		Subject:     holder.String(),
		Issuer:      issuer.String(),
		Serial:      policy.SerialOf(c),
		Fingerprint: hex.EncodeToString(fingerprint[:]),
		SPKISHA256:  hex.EncodeToString(key[:]),
		NotAfter:    c.NotAfter.UTC(),
		DNSNames:    append([]string{}, c.DNSNames...),
	}, nil
}

var subjectFormats = map[string]func(io.Writer, []identity) error{
	"text": writeSubjects,
	"yaml": writeRules,
	"json": writeIdentities,
}

func writeSubjects(w io.Writer, ids []identity) error {
	for _, id := range ids {
		if _, err := fmt.Fprintln(w, id.Subject); err != nil {
			return err
		}
	}
	return nil
}

// writeRules writes a list of rules. In single quotes YAML has no escapes but a
// doubled quote, so the backslashes of a name stay as they are. The Subject of a
// server that is called goes elsewhere, so that is said.
func writeRules(w io.Writer, ids []identity) error {
	if len(ids) == 0 {
		return nil
	}
	var b strings.Builder
	b.WriteString("allow:\n")
	for _, id := range ids {
		fmt.Fprintf(&b, "  # %q, expires %s\n", id.Source, id.NotAfter.Format(time.DateOnly))
		if id.server {
			b.WriteString("  # presented by that server and not verified; to call it, put this under serverSubject\n")
		}
		fmt.Fprintf(&b, "  - subject: '%s'\n", strings.ReplaceAll(id.Subject, "'", "''"))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func writeIdentities(w io.Writer, ids []identity) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(ids)
}
