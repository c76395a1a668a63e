package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sidegate/sidegate/cmd/sidegate/internal/check"
	"github.com/sidegate/sidegate/proxy/config"
	"github.com/sidegate/sidegate/proxy/minica"
)

// What check says of a client is what becomes of it at a sidecar with the same
// configuration.
func TestCheckSaysWhatTheSidecarDoes(t *testing.T) {
	const head = "ingress:\n  - {name: gate, listen: '127.0.0.1:0', upstream: $APP, certificate: $DIR/tls, clientCA: $DIR/ca, allow: [{subject: '" + partnerDN + "'}]"
	for _, tt := range []struct {
		name, more, as string
		status         int // 0: the handshake fails
		reason         string
	}{
		{"a rule lets it in", "", "partner", 200, ""},
		{"no rule does", "", "other", 403, "subject-not-allowed"},
		{"denied by Subject", ", deny: [{subject: '" + partnerDN + "'}]", "partner", 403, "denied"},
		{"denied by serial number", ", deny: [{issuer: 'CN=Test CA,C=BE', serial: '$SERIAL'}]", "partner", 403, "denied"},
		{"denied in report mode", ", report: true, deny: [{subject: '" + otherDN + "'}]", "other", 403, "denied"},
		{"let through by report", ", report: true", "other", 200, "subject-not-allowed"},
		{"revoked", ", crl: $DIR/lists/test.crl", "partner", 0, "revoked"},
		{"revoked in report mode", ", report: true, crl: $DIR/lists/test.crl", "partner", 0, "revoked"},
		{"not revoked under strict", ", crlPolicy: strict, crl: $DIR/lists/test.crl", "other", 403, "subject-not-allowed"},
		{"an expired list", ", crl: $DIR/lists/old.crl", "partner", 0, "crl-expired"},
		{"an expired list with grace", ", crlGrace: 24h, crl: $DIR/lists/old.crl", "partner", 200, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			serial := w.certs["partner"].Leaf.SerialNumber
			w.list("test.crl", minica.CRLOptions{Revoked: []minica.Revoked{{Serial: serial}}})
			w.list("old.crl", minica.CRLOptions{NextUpdate: time.Now().Add(-time.Hour)})
			more := os.Expand(tt.more, func(name string) string {
				if name == "SERIAL" {
					return fmt.Sprintf("%x", serial)
				}
				return "$" + name
			})
			w.configure(head + more + "}\n" + ports)
			r := check.Run(check.Options{Config: must(config.Load(w.configFile())), Client: filepath.Join(w.dir, tt.as)})
			a := r.Clients[0]
			s := w.run()
			client := w.client(w.certs[tt.as])
			defer client.CloseIdleConnections()
			status, body, err := fetch(client, "https://"+s.IngressAddr("gate")+"/")
			if status != tt.status || (err != nil) != (tt.status == 0) {
				t.Errorf("the sidecar says %d %q, %v; want %d", status, body, err, tt.status)
			}
			if in := a.Admitted || a.ReportOnly; in != (status == http.StatusOK) || a.Verified != (status != 0) || a.Reason != tt.reason {
				t.Errorf("the sidecar says %d, check says %+v", status, a)
			}
			if tt.reason != "" && !a.ReportOnly {
				w.log.wait(t, `"reason":"`+tt.reason+`"`)
			}
		})
	}
}

// list writes a revocation list of the world's CA.
func (w *world) list(name string, o minica.CRLOptions) {
	w.t.Helper()
	path := filepath.Join(w.dir, "lists", name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, must(w.ca.CRLPEM(o)), 0o644); err != nil {
		w.t.Fatal(err)
	}
}
