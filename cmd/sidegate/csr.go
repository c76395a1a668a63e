package main

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"os"

	"github.com/sidegate/sidegate/cmd/sidegate/internal/csr"
)

const csrHelp = `sidegate csr - make a private key and the request for a certificate of it

Usage:
    sidegate csr --subject DN --dns NAME... --key FILE [--out FILE] [--key-type TYPE]
                 [--ip ADDRESS...] [--email MAILBOX...] [--uri URI...]
    sidegate csr --renew CERT --key FILE [--out FILE] ...

A CA turns the request (PKCS #10) into a certificate. It is shown in words on
stderr before anything is written.

    --subject DN     the name of the holder, in any usual rendering, such as
                     "CN=webhook.example.com,O=Example SA,L=Brussels,C=BE";
                     O is the legal name of the company, if the CA checks it
    --dns NAME       a host name, or *.NAME; write --dns before each. Without any,
                     a common name that is a host name becomes one
    --ip ADDRESS     an IP address; --email MAILBOX and --uri URI likewise
    --renew CERT     take the Subject, byte for byte, and these names from a
                     certificate: a file, a directory with tls.crt, or - for stdin.
                     --subject replaces the one; --dns, --ip, --email and --uri, as
                     soon as one is given, replace all of the other
    --key FILE       the private key. If FILE exists, that key is used and left as it
                     is; if not, a new one is made there, with mode 0600. To replace
                     the key at renewal, name a new file
    --key-type TYPE  ecdsa-p256 (the default), ecdsa-p384, rsa-2048, rsa-3072,
                     rsa-4096 or ed25519. With --renew the default is the type of the
                     current certificate's key. ECDSA P-256 makes the cheapest
                     handshakes; RSA is for a CA or a partner that asks for it
    --out FILE       where the request goes instead of stdout (-)

No file is ever overwritten. The exit code is 2 if something is wrong with what
was asked for, and then nothing was written; 1 if it could not be written.
`

// makeRequest is the command csr.
func makeRequest(ctx context.Context, args []string, std streams) error {
	o, renew, err := parseRequest(args)
	if err != nil {
		return err
	}
	if renew != "" {
		if o.Current, err = certificateToRenew(ctx, renew, std.in); err != nil {
			return misuse(err)
		}
	}
	request, err := csr.Make(o)
	if err != nil {
		return misuseOf("sidegate help csr", err)
	}
	if _, err := io.WriteString(std.err, request.Words()); err != nil {
		return fmt.Errorf("show the request: %w", err)
	}
	if err := request.Write(std.out); err != nil {
		return err
	}
	_, err = io.WriteString(std.err, request.Done())
	return err
}

// parseRequest reads the arguments; renew is what --renew names.
func parseRequest(args []string) (o csr.Options, renew string, err error) {
	fs := newFlags("csr")
	fs.StringVar(&o.Subject, "subject", "", "")
	fs.StringVar(&renew, "renew", "", "")
	fs.StringVar(&o.KeyFile, "key", "", "")
	fs.StringVar(&o.KeyType, "key-type", "", "")
	fs.StringVar(&o.Out, "out", "", "")
	fs.Var((*texts)(&o.Names.DNS), "dns", "")
	fs.Var((*texts)(&o.Names.IP), "ip", "")
	fs.Var((*texts)(&o.Names.Email), "email", "")
	fs.Var((*texts)(&o.Names.URI), "uri", "")
	operands, err := parseFlags(fs, args)
	if err == nil {
		err = refuseEmpty(fs)
	}
	if o.Out == "-" {
		o.Out = ""
	}
	if err == nil && len(operands) > 0 {
		err = misuseOf("sidegate help csr", fmt.Errorf("csr takes flags only, but got %q; write --dns before each name, and a Subject in quotes", operands[0]))
	}
	return o, renew, err
}

// certificateToRenew returns the certificate of a holder that source begins
// with. A server is no source: who answers there is not verified.
func certificateToRenew(ctx context.Context, source string, stdin io.Reader) (*x509.Certificate, error) {
	if _, err := os.Stat(source); source != "-" && err != nil {
		return nil, fmt.Errorf("--renew: find the certificate: %w", err)
	}
	certs, err := certificatesIn(ctx, source, stdin)
	if err != nil {
		return nil, fmt.Errorf("--renew: %w", err)
	}
	if certs[0].IsCA && len(certs) > 1 { // alone it is one that signed itself, as openssl makes them
		return nil, fmt.Errorf("--renew: the first certificate of %q is that of a CA; put the one that is to be renewed first", source)
	}
	return certs[0], nil
}
