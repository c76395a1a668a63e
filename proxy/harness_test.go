package proxy_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"

	"github.com/sidegate/sidegate/proxy"
	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/metric"
	"github.com/sidegate/sidegate/proxy/minica"
	"github.com/sidegate/sidegate/proxy/policy"
	"github.com/sidegate/sidegate/proxy/subject"
)

const partnerDN = "CN=partner.example,O=Partner SA,L=Mont-Saint-Guibert,C=BE"

// A gate is a running ingress before an application, with what it takes to
// call it: real files, real TLS, real sockets.
type gate struct {
	t     *testing.T
	in    *proxy.Ingress
	store *certs.Store
	mount minica.Mount
	set   proxy.Settings
	usage certs.Usage
	clock func() time.Time // nil: the real one
	reg   *metric.Registry
	logs  *logBuffer
	addr  string
	app   *app

	serverCA, clientCA *minica.CA
	server, partner    *minica.Cert
}

// An option changes a gate before it opens.
type option func(g *gate)

// openGate starts a gate that lets the partner in.
func openGate(t *testing.T, opts ...option) *gate {
	t.Helper()
	g := &gate{t: t, reg: new(metric.Registry), logs: &logBuffer{}, app: newApp(t)}
	g.serverCA, g.clientCA = newCA(t, "CN=Server CA"), newCA(t, "CN=Client CA,O=Trust,C=BE")
	g.server = issue(t, g.serverCA, minica.Options{Subject: "CN=localhost", DNS: []string{"localhost"}, IPs: []net.IP{net.IPv4(127, 0, 0, 1)}})
	g.partner = issue(t, g.clientCA, minica.Options{Subject: partnerDN, DNS: []string{"partner.example"}})
	g.set = proxy.Settings{Upstream: g.app.url, Policy: allowing(t, partnerDN), LogRequests: true}
	for _, o := range opts {
		o(g)
	}
	g.mount = minica.Mount{Dir: filepath.Join(t.TempDir(), "mount")}
	g.write()
	g.start()
	return g
}

// allowing returns a policy that admits the subjects.
func allowing(t *testing.T, dns ...string) *policy.Policy {
	t.Helper()
	r := policy.Rule{Name: "partner"}
	for _, dn := range dns {
		r.Subjects = append(r.Subjects, name(t, dn))
	}
	return &policy.Policy{Rules: []policy.Rule{r}}
}

func name(t *testing.T, dn string) subject.Name {
	t.Helper()
	n, err := subject.Parse(dn)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// write mounts the certificates as they are now.
func (g *gate) write() {
	g.t.Helper()
	g.mountFiles(map[string][]byte{"tls.crt": g.server.ChainPEM(), "tls.key": g.server.KeyPEM(), "ca.crt": g.clientCA.PEM()})
}

func (g *gate) mountFiles(files map[string][]byte) {
	g.t.Helper()
	if err := g.mount.Write(files); err != nil {
		g.t.Fatal(err)
	}
}

func (g *gate) start() {
	t := g.t
	t.Helper()
	log := logr.FromSlogHandler(slog.NewJSONHandler(g.logs, nil))
	files := certs.Files{Certificate: g.mount.Dir, CA: []string{filepath.Join(g.mount.Dir, "ca.crt")}}
	var err error
	g.store, err = certs.Open(files, certs.Options{Usage: g.usage, Log: log, Changed: func(b *certs.Bundle) { _ = g.in.SetBundle(b) }})
	if err != nil {
		t.Fatal(err)
	}
	m := proxy.NewMetrics(g.reg)
	m.Watch("ingress", g.store)
	settings := g.set // immutable once given away; a test may change its own
	g.in, err = proxy.NewIngress("ingress", g.store.Current(), &settings, m, log)
	if err != nil {
		t.Fatal(err)
	}
	if g.clock != nil {
		g.in.SetNow(g.clock)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g.addr = ln.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = g.in.Serve(ln) })
	running.Go(func() { _ = g.store.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		done, end := context.WithTimeout(context.Background(), 3*time.Second)
		defer end()
		_ = g.in.Drain(done, 0)
		running.Wait()
	})
}

// configure replaces the settings, as a configuration reload does.
func (g *gate) configure(change func(s *proxy.Settings)) {
	g.t.Helper()
	s := g.set
	change(&s)
	g.set = s
	if err := g.in.SetSettings(&s); err != nil {
		g.t.Fatal(err)
	}
}

// tlsFor returns the TLS configuration of a client with the certificate. It
// always presents it, whatever the server hints at.
func (g *gate) tlsFor(c *minica.Cert) *tls.Config {
	roots := x509.NewCertPool()
	roots.AddCert(g.serverCA.Leaf)
	cfg := &tls.Config{RootCAs: roots, ServerName: "localhost"}
	if c != nil {
		cert := c.TLS()
		cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil }
	}
	return cfg
}

// client returns an HTTP client with the certificate, HTTP/2 if h2.
func (g *gate) client(c *minica.Cert, h2 bool) *http.Client {
	tr := &http.Transport{TLSClientConfig: g.tlsFor(c), Protocols: new(http.Protocols), DisableCompression: true}
	tr.Protocols.SetHTTP1(!h2)
	tr.Protocols.SetHTTP2(h2)
	g.t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 20 * time.Second}
}

// overConn makes one request with c's transport over the raw connection.
func (g *gate) overConn(c *http.Client, raw net.Conn) (string, error) {
	tr := c.Transport.(*http.Transport).Clone()
	tr.DialContext = func(context.Context, string, string) (net.Conn, error) { return raw, nil }
	defer tr.CloseIdleConnections()
	res, err := (&http.Client{Transport: tr}).Get(g.url("/"))
	if err != nil {
		return "", err
	}
	_, body := readAll(g.t, res)
	return body, nil
}

func (g *gate) url(path string) string { return "https://" + g.addr + path }

// get returns status and body of a GET.
func (g *gate) get(c *http.Client, path string) (int, string) {
	g.t.Helper()
	res, err := c.Get(g.url(path))
	if err != nil {
		g.t.Fatalf("GET %s: %v", path, err)
	}
	return readAll(g.t, res)
}

func readAll(t *testing.T, res *http.Response) (int, string) {
	t.Helper()
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("reading the response: %v", err)
	}
	return res.StatusCode, string(b)
}

// raw sends bytes over a TLS connection of the partner and returns what comes
// back until the gate closes the connection.
func (g *gate) raw(request string) string {
	g.t.Helper()
	c := g.dial(g.partner, nil)
	defer c.Close()
	if _, err := io.WriteString(c, request); err != nil {
		g.t.Fatal(err)
	}
	b, _ := io.ReadAll(c)
	return string(b)
}

// dial makes a TLS connection with the certificate.
func (g *gate) dial(c *minica.Cert, change func(*tls.Config)) *tls.Conn {
	g.t.Helper()
	cfg := g.tlsFor(c)
	if change != nil {
		change(cfg)
	}
	conn, err := tls.Dial("tcp", g.addr, cfg)
	if err != nil {
		g.t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	return conn
}

func newCA(t *testing.T, dn string) *minica.CA {
	t.Helper()
	ca, err := minica.New(minica.Options{Subject: dn})
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
