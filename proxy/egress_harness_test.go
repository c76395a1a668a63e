package proxy_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"

	"github.com/sidegate/sidegate/proxy"
	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/metric"
	"github.com/sidegate/sidegate/proxy/minica"
)

const ourDN = "CN=webhook.our.example,O=Our Company SA,C=BE"

// An outlet is a running egress before a partner's server: real files, real TLS,
// real sockets.
type outlet struct {
	t     *testing.T
	out   *proxy.Egress
	mount minica.Mount
	set   proxy.EgressSettings
	clock func() time.Time // nil: the real one
	waits time.Duration    // for a partner that takes nothing; 0: as long as it is
	reg   *metric.Registry
	logs  *logBuffer
	addr  string
	app   *http.Client

	partner            *partner
	serverCA, clientCA *minica.CA
	own                *minica.Cert
}

// A partner is the server that an outlet leads to. It notes what it sees.
type partner struct {
	app
	addr string
	tls  *tls.Config
	http http.Server

	connMu sync.Mutex
	open   map[net.Conn]http.ConnState
}

// openOutlet starts an egress whose partner takes every client certificate, after
// the options have changed what they like.
func openOutlet(t *testing.T, opts ...func(o *outlet)) *outlet {
	t.Helper()
	o := &outlet{t: t, reg: new(metric.Registry), logs: &logBuffer{}}
	o.serverCA, o.clientCA = newCA(t, "CN=Partner CA,O=Trust,C=BE"), newCA(t, "CN=Our CA")
	o.own = issue(t, o.clientCA, minica.Options{Subject: ourDN, DNS: []string{"webhook.our.example"}})
	server := o.serverCert(minica.Options{})
	o.partner = &partner{open: make(map[net.Conn]http.ConnState), tls: &tls.Config{
		Certificates: []tls.Certificate{server.TLS()}, ClientAuth: tls.RequireAnyClientCert, NextProtos: []string{"http/1.1"}}}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o.partner.addr = ln.Addr().String()
	o.set = proxy.EgressSettings{Upstream: &url.URL{Scheme: "https", Host: o.partner.addr}, ServerName: "api.partner.example", LogRequests: true}
	for _, opt := range opts {
		opt(o)
	}
	o.partner.serve(t, ln)
	o.mount = minica.Mount{Dir: filepath.Join(t.TempDir(), "mount")}
	o.start()
	return o
}

// serverCert issues a certificate for the partner's server.
func (o *outlet) serverCert(opt minica.Options) *minica.Cert {
	if opt.Subject == "" {
		opt.Subject = "CN=api.partner.example,O=Partner SA,C=BE"
	}
	if opt.DNS == nil {
		opt.DNS = []string{"api.partner.example"}
	}
	return issue(o.t, o.serverCA, opt)
}

// serving makes c the partner's certificate.
func (o *outlet) serving(c *minica.Cert) { o.partner.tls.Certificates = []tls.Certificate{c.TLS()} }

func (p *partner) serve(t *testing.T, ln net.Listener) {
	quiet := log.New(io.Discard, "", 0) //nolint:forbidigo // net/http takes nothing else
	p.http = http.Server{Handler: p, TLSConfig: p.tls, ErrorLog: quiet, Protocols: new(http.Protocols),
		ConnState: func(c net.Conn, s http.ConnState) {
			p.connMu.Lock()
			defer p.connMu.Unlock()
			if p.open[c] = s; s == http.StateClosed || s == http.StateHijacked {
				delete(p.open, c)
			}
		}}
	p.http.Protocols.SetHTTP1(true)
	for _, proto := range p.tls.NextProtos {
		if proto == "h2" {
			p.http.Protocols.SetHTTP2(true)
		}
	}
	var running sync.WaitGroup
	running.Go(func() { _ = p.http.ServeTLS(ln, "", "") })
	t.Cleanup(func() { _ = p.http.Close(); running.Wait() })
}

// serials returns the serial numbers of the client certificates of open connections.
func (p *partner) serials() (serials []string) {
	p.connMu.Lock()
	defer p.connMu.Unlock()
	for c := range p.open {
		if cs := c.(*tls.Conn).ConnectionState(); len(cs.PeerCertificates) > 0 {
			serials = append(serials, cs.PeerCertificates[0].SerialNumber.String())
		}
	}
	return serials
}

// bundle reads the certificate c as an egress does.
func (o *outlet) bundle(c *minica.Cert) *certs.Bundle {
	o.t.Helper()
	if err := o.mount.Write(map[string][]byte{"tls.crt": c.ChainPEM(), "tls.key": c.KeyPEM(), "ca.crt": o.serverCA.PEM()}); err != nil {
		o.t.Fatal(err)
	}
	store, err := certs.Open(certs.Files{Certificate: o.mount.Dir, CA: []string{filepath.Join(o.mount.Dir, "ca.crt")}},
		certs.Options{Usage: certs.ServerAuth, Log: logr.Discard()})
	if err != nil {
		o.t.Fatal(err)
	}
	return store.Current()
}

// configure replaces the settings, as a configuration reload does.
func (o *outlet) configure(change func(o *outlet)) {
	o.t.Helper()
	u := *o.set.Upstream
	o.set.Upstream = &u
	change(o)
	s := o.set
	if err := o.out.SetSettings(&s); err != nil {
		o.t.Fatal(err)
	}
}

func (o *outlet) start() {
	t := o.t
	t.Helper()
	settings := o.set
	log := logr.FromSlogHandler(slog.NewJSONHandler(o.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var err error
	o.out, err = proxy.NewEgress("partner", o.bundle(o.own), &settings, proxy.NewMetrics(o.reg), log)
	if err != nil {
		t.Fatal(err)
	}
	if o.clock != nil {
		o.out.SetNow(o.clock)
	}
	if o.waits != 0 {
		o.out.SetPatience(o.waits)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o.addr = ln.Addr().String()
	var running sync.WaitGroup
	running.Go(func() {
		if err := o.out.Serve(ln); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	o.app = o.client(false)
	t.Cleanup(func() {
		done, end := context.WithTimeout(context.Background(), 3*time.Second)
		defer end()
		_ = o.out.Drain(done)
		running.Wait()
	})
}

// client returns the application's HTTP client, with HTTP/2 if h2.
func (o *outlet) client(h2 bool) *http.Client {
	tr := &http.Transport{Protocols: new(http.Protocols), DisableCompression: true, MaxIdleConnsPerHost: 64}
	tr.Protocols.SetHTTP1(!h2)
	tr.Protocols.SetUnencryptedHTTP2(h2)
	o.t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 20 * time.Second}
}

func (o *outlet) url(path string) string { return "http://" + o.addr + path }

// get returns status and body of a GET.
func (o *outlet) get(path string) (int, string) {
	o.t.Helper()
	res, err := o.app.Get(o.url(path))
	if err != nil {
		o.t.Fatalf("GET %s: %v", path, err)
	}
	return readAll(o.t, res)
}

// raw sends bytes and returns what comes back until the connection ends.
func (o *outlet) raw(request string) string {
	o.t.Helper()
	c, err := net.Dial("tcp", o.addr)
	if err != nil {
		o.t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(c, request); err != nil {
		o.t.Fatal(err)
	}
	b, err := io.ReadAll(c)
	if err != nil {
		o.t.Errorf("reading the answer: %v", err)
	}
	return string(b)
}

// fails makes a GET and asserts that it fails with the word and the sentence.
func (o *outlet) fails(status int, word string, sentence ...string) {
	t := o.t
	t.Helper()
	got, body := o.get("/")
	if got != status || !strings.Contains(body, ": "+word+": ") || strings.Count(body, "\n") != 1 {
		t.Errorf("GET = %d %q, want %d and one line with %q", got, body, status, word)
	}
	for _, s := range sentence {
		if !strings.Contains(body, s) {
			t.Errorf("the answer %q does not say %q", body, s)
		}
	}
	o.logs.wait(t, map[string]any{"msg": "request failed", "reason": word, "status": status, "listener": "partner"})
	if f := o.out.Failures(); len(f) == 0 || f[0].Reason != word {
		t.Errorf("the status page has the failures %+v, want one with %q first", f, word)
	}
}

// A wire is a partner that is no HTTP server: do gets each TLS connection.
func wire(t *testing.T, cfg *tls.Config, do func(c *tls.Conn, r *bufio.Reader)) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	var open sync.Map
	running.Go(func() {
		for {
			raw, err := ln.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			open.Store(raw, nil)
			running.Go(func() {
				c := tls.Server(raw, cfg)
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(10 * time.Second))
				if c.Handshake() == nil {
					do(c, bufio.NewReader(c))
				}
			})
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		open.Range(func(c, _ any) bool {
			_ = c.(net.Conn).Close()
			return true
		})
		running.Wait()
	})
	return ln.Addr().String()
}

func poolWith(cas ...*minica.CA) *x509.CertPool {
	pool := x509.NewCertPool()
	for _, ca := range cas {
		pool.AddCert(ca.Leaf)
	}
	return pool
}
