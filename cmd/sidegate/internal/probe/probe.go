package probe

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/sidegate/sidegate/proxy/certs"
)

// Options are what a probe needs beyond its target. The zero Options are good: no
// client certificate, the roots of this system, one GET over HTTP/1.1, 10 s.
type Options struct {
	// Certificate is what is presented when the server asks: a directory with
	// tls.crt and tls.key, or a file. Key is its key, if that lies elsewhere.
	Certificate, Key string
	// CA are the files of the anchors for the server's certificate. Empty: the
	// roots of this system.
	CA []string
	// ServerName is sent as SNI, and the certificate must be for it. Empty: the
	// host of the target.
	ServerName string
	// Connect is the ADDR:PORT to connect to. Empty: that of the target.
	Connect string
	// Method is that of the request. Empty: GET.
	Method string
	// Timeout bounds the whole probe. 0: 10 s.
	Timeout time.Duration
	// NoRequest ends the probe after the handshake.
	NoRequest bool
	// HTTP2 offers HTTP/2 before HTTP/1.1.
	HTTP2 bool
}

// DefaultTimeout bounds a probe whose Options do not.
const DefaultTimeout = 10 * time.Second

// A Probe is ready to be run, as often as wanted, also concurrently.
type Probe struct {
	o      Options
	url    *url.URL
	bundle *certs.Bundle
	source map[string]string // the file of each anchor, by its DER
	system bool
	now    func() time.Time
}

// New reads the target, which is an https URL or HOST:PORT, and all files. Every
// error lies in what the user wrote or named.
func New(target string, o Options) (*Probe, error) {
	u, err := parseTarget(target)
	errs := []error{err, o.check()}
	p := &Probe{o: o, url: u, system: len(o.CA) == 0, now: time.Now}
	errs = append(errs, p.open())
	return p, errors.Join(errs...)
}

// check says what is wrong with o, files apart.
func (o *Options) check() error {
	var errs []error
	if o.Connect != "" {
		if err := checkAddress(o.Connect); err != nil {
			errs = append(errs, fmt.Errorf("--connect %w", err))
		}
	}
	if o.ServerName != "" {
		if err := checkHost(o.ServerName); err != nil {
			errs = append(errs, fmt.Errorf("--server-name %w", err))
		}
	}
	if strings.Trim(o.Method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" || o.Method == "CONNECT" {
		errs = append(errs, fmt.Errorf("--method %q is not a method that can be probed; write one such as GET, HEAD or POST", o.Method))
	}
	if o.Timeout < 0 {
		errs = append(errs, errors.New("--timeout is negative"))
	}
	if o.Key != "" && o.Certificate == "" {
		errs = append(errs, errors.New("--key needs --certificate: the certificate of that key"))
	}
	return errors.Join(errs...)
}

// open reads our certificate and the anchors, as the sidecar would for an
// outgoing connection.
func (p *Probe) open() error {
	store, err := certs.Open(certs.Files{Certificate: p.o.Certificate, Key: p.o.Key, CA: p.o.CA}, certs.Options{Usage: certs.ServerAuth})
	if err != nil {
		var errs []error
		for _, f := range certs.Faults(err) {
			errs = append(errs, fmt.Errorf("%w: %s", f, f.Fix))
		}
		return errors.Join(errs...)
	}
	p.bundle, p.source = store.Current(), map[string]string{}
	for _, item := range p.bundle.Items {
		p.source[string(item.Cert.Raw)] = item.File
	}
	return nil
}

// serverName returns what the server's certificate has to be for.
func (p *Probe) serverName() string {
	if p.o.ServerName != "" {
		return p.o.ServerName
	}
	return p.url.Hostname()
}

// trust names what the server is verified against.
func (p *Probe) trust() string {
	if p.system {
		return "the roots of this system"
	}
	return "the CA files given"
}

// Run calls the server once. It ends with the timeout, or with ctx. It never
// panics and never returns nil, whatever the server sends.
func (p *Probe) Run(ctx context.Context) *Report {
	timeout := p.o.Timeout
	if timeout == 0 {
		timeout = DefaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	r := &run{Probe: p, timeout: timeout, Report: Report{
		Target: p.url.String(), ServerName: p.serverName(), Trust: "files",
		Addresses: []Address{}, Chain: []Cert{}, Findings: []Finding{},
	}}
	if p.system {
		r.Trust = "system"
	}
	if conn := r.dial(ctx); conn != nil {
		defer conn.Close()
		// Whatever waits for the server ends with ctx.
		defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
		r.talk(ctx, conn)
	}
	r.sort()
	return &r.Report
}

// A run is one probe under way.
type run struct {
	*Probe
	Report
	timeout time.Duration
	sent    []*x509.Certificate // as the server sent them
	ours    offer
}

// talk does what is done over a connection.
func (r *run) talk(ctx context.Context, conn net.Conn) {
	c := r.handshake(ctx, conn)
	verified := r.judge()
	switch {
	case c == nil:
		return
	case r.o.NoRequest:
		r.request = requestUnwanted
		r.await(c)
	case !verified:
		r.request = requestWithheld
		r.await(c)
	default:
		r.request = requestSent
		r.ask(ctx, c)
	}
	r.tellAccepted()
}
