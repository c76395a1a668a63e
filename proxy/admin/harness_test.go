package admin_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sidegate/sidegate/proxy"
	"github.com/sidegate/sidegate/proxy/admin"
	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/minica"
)

const day = 24 * time.Hour

const partnerDN = "CN=test.digiteal.eu,O=Digiteal SA,L=Mont-Saint-Guibert,ST=Brabant wallon,C=BE"

// A shop issues and mounts the certificates of one ingress.
type shop struct {
	t        *testing.T
	dir      string
	leafEnds time.Duration // from now
	caEnds   time.Duration
	certs.Status
}

// newShop returns a shop whose certificates are as good as can be.
func newShop(t *testing.T) *shop {
	return &shop{t: t, dir: t.TempDir(), leafEnds: 43*day + time.Hour, caEnds: 9*365*day + time.Hour}
}

// open mounts the certificates and reads them as the sidecar would.
func (s *shop) open() *shop {
	s.t.Helper()
	now := time.Now()
	root := s.ca("CN=Example Root R1,O=Example Trust,C=BE", nil, 20*365*day)
	issuing := s.ca("CN=Example Issuing CA 4,O=Example Trust,C=BE", root, 4*365*day)
	leaf, err := issuing.Issue(minica.Options{Subject: "CN=webhooks.shop.example,O=Shop NV,C=BE",
		DNS: []string{"webhooks.shop.example"}, NotBefore: now.Add(s.leafEnds - 200*day), NotAfter: now.Add(s.leafEnds)})
	if err != nil {
		s.t.Fatal(err)
	}
	partners := s.ca("CN=Partner CA,O=Digiteal SA,C=BE", nil, s.caEnds)
	later := s.ca("CN=Partner CA 2,O=Digiteal SA,C=BE", nil, 12*365*day)
	s.write("tls.crt", leaf.ChainPEM())
	s.write("tls.key", leaf.KeyPEM())
	s.write("ca.crt", append(partners.PEM(), later.PEM()...))
	store, err := certs.Open(s.files(), certs.Options{})
	if err != nil {
		s.t.Fatal(err)
	}
	s.Status = store.Status()
	return s
}

// breakKey replaces the key by another one, and takes the Fault that this is.
func (s *shop) breakKey() *shop {
	s.t.Helper()
	s.write("tls.key", s.ca("CN=somebody else", nil, day).KeyPEM())
	_, s.Fault = certs.Open(s.files(), certs.Options{})
	if s.Fault == nil {
		s.t.Fatal("a key that does not match was accepted")
	}
	s.FaultSince, s.Failures = time.Now().Add(-95*time.Second), 1
	return s
}

func (s *shop) files() certs.Files {
	return certs.Files{Certificate: s.dir, CA: []string{filepath.Join(s.dir, "ca.crt")}}
}

func (s *shop) write(name string, content []byte) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), content, 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// ca returns a CA that ends after life; nine parts in ten of it lie ahead.
func (s *shop) ca(dn string, parent *minica.CA, life time.Duration) *minica.CA {
	s.t.Helper()
	make := minica.New
	if parent != nil {
		make = parent.NewCA
	}
	now := time.Now()
	ca, err := make(minica.Options{Subject: dn, NotBefore: now.Add(-400 * day), NotAfter: now.Add(life)})
	if err != nil {
		s.t.Fatal(err)
	}
	return ca
}

// snapshot returns a Snapshot of one ingress with these certificates.
func snapshot(st certs.Status, refusals ...proxy.Refusal) admin.Snapshot {
	now := time.Now()
	return admin.Snapshot{
		Version: "v1.2.3", GoVersion: "go1.26.11", Started: now.Add(-26 * time.Hour), Now: now,
		ConfigFile: "/etc/sidegate/sidegate.yaml", ConfigLoaded: now.Add(-26 * time.Hour),
		Ingress: []admin.Ingress{{
			Name: "webhooks", Listen: ":8443", Upstream: "http://127.0.0.1:8080", Connections: 12, Certs: st,
			Rules:    []admin.Rule{{Name: "digiteal", Conditions: []string{"subject: " + partnerDN, "methods: POST", "paths: /webhook"}}},
			Refusals: refusals,
		}},
	}
}

// serve runs h behind NewServer on a socket and returns its address.
func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv, done := admin.NewServer(h), make(chan error, 1)
	go func() { done <- srv.Serve(ln) }()
	t.Cleanup(func() {
		_ = srv.Shutdown(context.Background())
		if err := <-done; err != http.ErrServerClosed {
			t.Errorf("the server ended with %v", err)
		}
	})
	return ln.Addr().String()
}

// status serves a status page of s.
func status(t *testing.T, s admin.Snapshot) string {
	t.Helper()
	return serve(t, admin.NewStatus(func() admin.Snapshot { return s }))
}

// ask sends a request, with header fields as "Name: value" pairs, and returns
// the response with its body read.
func ask(t *testing.T, method, addr, path string, fields ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+addr+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(fields); i += 2 {
		r.Header.Set(fields[i], fields[i+1])
		if fields[i] == "Host" {
			r.Host = fields[i+1]
		}
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(b)
}
