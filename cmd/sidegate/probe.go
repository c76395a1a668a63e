package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sidegate/sidegate/cmd/sidegate/internal/probe"
)

const probeHelp = `sidegate probe - call a TLS server, tell what it presents, and whether it lets us in

Usage:
    sidegate probe URL|HOST:PORT [FLAG...]

It resolves, connects, shakes hands and sends one request, and tells: the address,
TLS version and key exchange, the certificates as sent and as verified, their
names and days left, whether a client certificate was asked for, of which CAs,
whether ours was accepted, and the HTTP status. What does not work is told in a
sentence, with how to mend it.

    --certificate DIR|FILE  presented if the server asks: a directory with tls.crt
                            and tls.key, or one file with key and chain
    --key FILE              its key, if that lies elsewhere
    --ca PATH               PEM file or directory of the CAs of the server; may be
                            repeated. Without it the roots of this system count,
                            as in a browser; sidegate run never trusts those
    --server-name NAME      what the certificate must be for, and SNI; the host of
                            the URL by default
    --connect ADDR:PORT     connect there instead, such as to one of several
                            servers, or before DNS is changed
    --method GET            of the request, which has no body
    --timeout 10s           for all of it
    --no-request            end after the handshake; with TLS 1.3 that waits up to a
                            second for a refusal
    --http2                 offer HTTP/2 before HTTP/1.1
    -o text|json            for people (the default) or scripts

The client certificate is presented to whoever asks in the handshake: it is no
secret. A request is sent only to a server that is verified, and no flag changes
that. Redirects are not followed, and proxies of the environment are not used.

With TLS 1.3 a server tells that it refuses a certificate only after the
handshake, so "accepted" is said when an answer came, and "not refused so far"
before. The exit code is 1 if there is a finding other than a note; 401, 403 and
5xx of an application are notes.
`

// probeServer is the command probe.
func probeServer(ctx context.Context, args []string, std streams) error {
	const see = "sidegate help probe"
	var o probe.Options
	fs := newFlags("probe")
	fs.StringVar(&o.Certificate, "certificate", "", "")
	fs.StringVar(&o.Key, "key", "", "")
	fs.Var((*texts)(&o.CA), "ca", "")
	fs.StringVar(&o.ServerName, "server-name", "", "")
	fs.StringVar(&o.Connect, "connect", "", "")
	fs.StringVar(&o.Method, "method", "", "")
	fs.DurationVar(&o.Timeout, "timeout", probe.DefaultTimeout, "")
	fs.BoolVar(&o.NoRequest, "no-request", false, "")
	fs.BoolVar(&o.HTTP2, "http2", false, "")
	format := fs.String("o", "text", "")
	targets, err := parseFlags(fs, args)
	switch {
	case err != nil:
		return err
	case len(targets) != 1:
		return misuseOf(see, fmt.Errorf("probe needs one URL or HOST:PORT, but got %d", len(targets)))
	case *format != "text" && *format != "json":
		return misuseOf(see, fmt.Errorf("-o %q is neither text nor json", *format))
	case o.Timeout == 0:
		return misuseOf(see, errors.New("--timeout is 0; write a time such as 10s"))
	}
	if err := refuseEmpty(fs); err != nil {
		return err
	}
	p, err := probe.New(targets[0], o)
	if err != nil {
		return misuseOf(see, err)
	}
	return tellProbe(std, p.Run(ctx), *format)
}

// tellProbe writes what was seen, and fails if that is not good.
func tellProbe(std streams, r *probe.Report, format string) error {
	write := func() error { return r.WriteText(std.out) }
	if format == "json" {
		e := json.NewEncoder(std.out)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		write = func() error { return e.Encode(r) }
	}
	if err := write(); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	if !r.Failed() {
		return nil
	}
	return errFindings
}
