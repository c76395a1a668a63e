package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sidegate/sidegate/proxy/minica"
)

// The Subject of the partner's server.
const apiDN = "CN=api.partner.example,O=Partner SA,C=BE"

// newPartner returns a server that wants a client certificate of the CA, and says
// who called.
func newPartner(p *pki, c *minica.Cert, h http.HandlerFunc) *httptest.Server {
	s := httptest.NewUnstartedServer(h)
	roots := x509.NewCertPool()
	roots.AddCert(p.ca.Leaf)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{c.TLS()}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: roots}
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0) // refusals are what is tested
	s.StartTLS()
	return s
}

// whoCalls says who called, and with which certificate.
func whoCalls(w http.ResponseWriter, r *http.Request) {
	leaf := r.TLS.PeerCertificates[0]
	fmt.Fprintf(w, "%s %s by %s, serial %s\n", r.Method, r.URL.Path, leaf.Subject, leaf.SerialNumber.Text(16))
}

func apiOptions() minica.Options {
	return minica.Options{Subject: apiDN, IPs: []net.IP{net.IPv4(127, 0, 0, 1)}}
}

// An api is a partner beside a world.
func (w *world) api() *httptest.Server {
	s := newPartner(w.pki, w.issue("api", apiOptions()), whoCalls)
	w.t.Cleanup(s.Close)
	return s
}

// egress is an entry of the list that calls to, whose keys may be followed by more.
func egress(name, listen, to string, more ...string) string {
	return fmt.Sprintf("  - {name: %s, listen: '%s', upstream: '%s', certificate: $DIR/partner, serverCA: $DIR/ca%s}\n",
		name, listen, to, strings.Join(append([]string{""}, more...), ", "))
}

// onlyCalling is a document with one egress and no ingress.
func onlyCalling(to string, more ...string) string {
	return "egress:\n" + egress("partner", "127.0.0.1:0", to, more...) + ports
}

// call makes a call through an egress, over a connection of its own.
func (w *world) call(addr, path string) (status int, body string) {
	w.t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	status, body, err := fetch(client, "http://"+addr+path)
	if err != nil {
		w.t.Fatalf("call %s at %s: %v", path, addr, err)
	}
	return status, body
}

// scriptCallOut is the command "callout LOG PATH STATUS TEXT" of scripts: it calls
// the first egress of the sidecar that writes LOG.
func scriptCallOut(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: callout LOG PATH STATUS TEXT")
	}
	var line struct{ Address string }
	ts.Check(json.Unmarshal([]byte(awaitLine(ts, args[0], regexp.MustCompile(`"what":"egress"`))), &line))
	status, body, err := fetch(&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, "http://"+line.Address+args[1])
	ts.Check(err)
	if fmt.Sprint(status) != args[2] || !strings.Contains(body, args[3]) {
		ts.Fatalf("%s: %d %q, want %s and %q", args[1], status, body, args[2], args[3])
	}
}
