package probe_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sidegate/sidegate/cmd/sidegate/internal/probe"
	"github.com/sidegate/sidegate/proxy/minica"
)

// must is for what cannot fail unless the test itself is wrong.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// A world has a CA with an intermediate, a server's and a client's certificate
// below it, and a directory.
type world struct {
	t            *testing.T
	dir          string
	root, middle *minica.CA
	server       *minica.Cert
	client       *minica.Cert
}

const clientDN = "CN=caller.example,O=Caller SA,C=BE"

func newWorld(t *testing.T) *world {
	w := &world{t: t, dir: t.TempDir()}
	w.root = must(minica.New(minica.Options{Subject: "CN=Root,O=Test,C=BE"}))
	w.middle = must(w.root.NewCA(minica.Options{Subject: "CN=Issuing CA,O=Test,C=BE"}))
	w.server = w.issue(minica.Options{})
	w.client = must(w.middle.Issue(minica.Options{Subject: clientDN}))
	w.write("ca.pem", w.root.PEM())
	w.write("tls/tls.crt", w.client.ChainPEM())
	w.write("tls/tls.key", w.client.KeyPEM())
	return w
}

// issue returns a server's certificate for 127.0.0.1, unless o says otherwise.
func (w *world) issue(o minica.Options) *minica.Cert {
	if o.Subject == "" {
		o.Subject = "CN=server.example,O=Partner SA,C=BE"
	}
	if o.DNS == nil && o.IPs == nil {
		o.DNS, o.IPs = []string{"server.example"}, []net.IP{net.IPv4(127, 0, 0, 1)}
	}
	return must(w.middle.Issue(o))
}

func (w *world) write(name string, data []byte) string {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// withCertificate and trusting are Options; both together are mutual TLS.
func (w *world) withCertificate() probe.Options {
	o := w.trusting()
	o.Certificate = filepath.Join(w.dir, "tls")
	return o
}

func (w *world) trusting() probe.Options {
	return probe.Options{CA: []string{filepath.Join(w.dir, "ca.pem")}, Timeout: 20 * time.Second}
}

// config is a TLS server's, with the certificate of the world.
func (w *world) config() *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{w.server.TLS()}}
}

// requiring is config with a client certificate wanted, of the given CA.
func (w *world) requiring(ca *minica.CA) *tls.Config {
	cfg := w.config()
	cfg.ClientAuth, cfg.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
	cfg.ClientCAs.AddCert(ca.Leaf)
	return cfg
}

// serve answers over HTTP until the test ends, and returns the address.
func serve(t *testing.T, cfg *tls.Config, answer http.HandlerFunc) string {
	t.Helper()
	ln := must(net.Listen("tcp", "127.0.0.1:0"))
	s := &http.Server{Handler: answer, TLSConfig: cfg, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	go func() { _ = s.ServeTLS(ln, "", "") }()
	t.Cleanup(func() { _ = s.Close() })
	return ln.Addr().String()
}

// speak does something else with each connection until the test ends.
func speak(t *testing.T, handle func(net.Conn)) string {
	t.Helper()
	ln := must(net.Listen("tcp", "127.0.0.1:0"))
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				handle(c)
			}()
		}
	}()
	return ln.Addr().String()
}

func run(t *testing.T, target string, o probe.Options) *probe.Report {
	t.Helper()
	p, err := probe.New(target, o)
	if err != nil {
		t.Fatal(err)
	}
	return p.Run(t.Context())
}

func textOf(r *probe.Report) string {
	var b strings.Builder
	_ = r.WriteText(&b)
	return b.String()
}

// wordsOf returns the words of the findings that are more than notes, or of all.
func wordsOf(r *probe.Report, notes bool) string {
	var words []string
	for _, f := range r.Findings {
		if notes || f.Severity != probe.Note {
			words = append(words, f.Word)
		}
	}
	slices.Sort(words)
	return strings.Join(words, " ")
}

func hello(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello\n") }

// speakTLS shakes hands with whoever comes, and no more.
func speakTLS(t *testing.T, cfg *tls.Config) string {
	t.Helper()
	return speak(t, func(c net.Conn) { _ = tls.Server(c, cfg).Handshake() })
}
