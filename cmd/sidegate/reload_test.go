package main

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sidegate/sidegate/proxy/minica"
)

func TestAChangedPolicyIsTakenIntoUse(t *testing.T) {
	w := newWorld(t)
	w.configure(one(partnerDN))
	s := w.run()
	if a, b := w.status(s, "ingress", "partner"), w.status(s, "ingress", "other"); a != 200 || b != 403 {
		t.Fatalf("before: partner %d, other %d", a, b)
	}
	w.configure(one(otherDN))
	w.log.wait(t, "configuration replaced")
	if a, b := w.status(s, "ingress", "partner"), w.status(s, "ingress", "other"); a != 403 || b != 200 {
		t.Errorf("after: partner %d, other %d", a, b)
	}
	if n := metricOf(t, s, "sidegate_config_reloads_total"); n != 1 {
		t.Errorf("%v reloads counted", n)
	}
}

func TestABrokenConfigurationChangesNothing(t *testing.T) {
	w := newWorld(t)
	w.configure(one(partnerDN))
	s := w.run()
	w.configure(one(otherDN) + "unknown: 1\n")
	w.log.wait(t, "configuration cannot be used", "sidegate.yaml:6: unknown: ")
	if a, b := w.status(s, "ingress", "partner"), w.status(s, "ingress", "other"); a != 200 || b != 403 {
		t.Errorf("after: partner %d, other %d", a, b)
	}
	if err := s.snapshot().ConfigFault; err == nil || !strings.Contains(err.Error(), "unknown") {
		t.Errorf("the status page does not show the fault: %v", err)
	}
	if status, _ := w.probe(s, "/readyz"); status != 200 {
		t.Error("a broken configuration made it not ready, but the last good one serves")
	}
}

// The sidecar does not run here: the test is the loop that looks.
func TestEachFaultOfTheConfigurationIsCountedOnce(t *testing.T) {
	w := newWorld(t)
	w.configure(one(partnerDN))
	s := w.open()
	for _, step := range []struct {
		yaml                           string
		reloads, failures, fault, told float64
	}{
		{one(partnerDN), 0, 0, 0, 0},
		{"# the same\n" + one(partnerDN), 0, 0, 0, 0},
		{"broken", 0, 1, 1, 1},
		{"broken", 0, 1, 1, 1},
		{"broken: too", 0, 2, 1, 2},
		{one(partnerDN), 0, 2, 0, 2},
		{"broken", 0, 3, 1, 3},
		{one(otherDN), 1, 3, 0, 3},
		{one(otherDN), 1, 3, 0, 3},
	} {
		w.configure(step.yaml)
		s.look(t.Context())
		got := [4]float64{metricOf(t, s, "sidegate_config_reloads_total"), metricOf(t, s, "sidegate_config_reload_failures_total"),
			metricOf(t, s, "sidegate_config_fault"), float64(w.log.count("configuration cannot be used"))}
		if want := [4]float64{step.reloads, step.failures, step.fault, step.told}; got != want {
			t.Errorf("after %.20q: reloads, failures, fault and lines are %v, want %v", step.yaml, got, want)
		}
	}
	if n := w.log.count("the configuration file is back to what is in use"); n != 1 {
		t.Errorf("%d lines that a fault has ended without a change, want 1", n)
	}
	if err := os.Remove(w.configFile()); err != nil {
		t.Fatal(err)
	}
	s.look(t.Context())
	if w.log.count("configuration cannot be used", "no such file") != 1 {
		t.Error("a configuration that is gone is no fault")
	}
}

// The loop that looks is the one that would wait for a writer.
func TestAConfigurationThatBecomesAPipeIsRefused(t *testing.T) {
	w := newWorld(t)
	w.configure(one(partnerDN))
	s := w.open()
	if err := os.Remove(w.configFile()); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(w.configFile(), 0o600); err != nil {
		t.Fatal(err)
	}
	s.look(t.Context())
	if err := s.snapshot().ConfigFault; err == nil || !strings.Contains(err.Error(), "is a pipe") {
		t.Errorf("the fault is %v", err)
	}
}

func TestOfTwoIngressesBothChangeOrNeither(t *testing.T) {
	w := newWorld(t)
	w.configure("ingress:\n" + ingress("a", "127.0.0.1:0", partnerDN) + ingress("b", "127.0.0.1:0", partnerDN) + ports)
	s := w.run()
	broken := strings.ReplaceAll(ingress("b", "127.0.0.1:0", otherDN), "$DIR/tls", "$DIR/later")
	w.configure("ingress:\n" + ingress("a", "127.0.0.1:0", otherDN) + broken + ports)
	w.log.wait(t, "configuration cannot be used", w.dir+"/later: does not exist")
	if got := w.status(s, "a", "partner"); got != 200 {
		t.Errorf("the good half was taken into use: %d", got)
	}
}

// Nobody has to touch the configuration again when what it names is mended.
func TestARefusedConfigurationIsTriedAgain(t *testing.T) {
	w := newWorld(t)
	w.configure(one(partnerDN))
	s := w.open()
	w.configure(strings.ReplaceAll(one(partnerDN), "$DIR/tls", "$DIR/later"))
	s.look(t.Context())
	s.look(t.Context())
	if n := metricOf(t, s, "sidegate_config_reload_failures_total"); n != 1 {
		t.Fatalf("%v failures, want 1", n)
	}
	w.issue("later", serverOptions())
	if err := w.write(w.dir); err != nil {
		t.Fatal(err)
	}
	s.look(t.Context())
	defer s.gates[0].stop()
	if n := metricOf(t, s, "sidegate_config_reloads_total"); n != 1 || s.snapshot().ConfigFault != nil {
		t.Errorf("%v reloads, fault %v", n, s.snapshot().ConfigFault)
	}
}

func TestAChangedPathOfTheCertificateIsTakenIntoUse(t *testing.T) {
	w := newWorld(t)
	w.configure(one(partnerDN))
	s := w.run()
	old := w.servedBy(s)

	second := w.issue("second", serverOptions())
	if err := w.write(w.dir); err != nil {
		t.Fatal(err)
	}
	w.configure(strings.ReplaceAll(one(partnerDN), "$DIR/tls", "$DIR/second"))
	w.log.wait(t, "configuration replaced")
	if got := w.servedBy(s); got != serial(second) || got == old {
		t.Errorf("serial %s is served, want %s", got, serial(second))
	}

	// Nobody follows the old files any more, and somebody the new ones.
	w.issue("tls", serverOptions())
	third := w.issue("second", serverOptions())
	if err := w.write(w.dir); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the renewed certificate", func() bool { return w.servedBy(s) == serial(third) })
	if n := w.log.count("certificates replaced"); n != 1 {
		t.Errorf("%d stores follow files, want 1", n)
	}
	if _, metrics := w.probe(s, "/metrics"); strings.Contains(metrics, w.dir+"/tls/") || !strings.Contains(metrics, w.dir+"/second/tls.crt") {
		t.Error("the metrics are not those of the new files")
	}
}

// Otherwise its last swap could come after the new one, and serve again what
// the configuration does not name any more.
func TestTheOldFilesAreLetGoBeforeTheNewOnesAreServed(t *testing.T) {
	w := newWorld(t)
	w.configure(one(partnerDN))
	w.issue("second", serverOptions())
	if err := w.write(w.dir); err != nil {
		t.Fatal(err)
	}
	s := w.open()
	g := s.gates[0]
	served := make(chan error, 1)
	go func() { served <- g.ingress.Serve(g.ln) }()
	defer func() { g.ln.Close(); <-served }()

	g.follow(t.Context())
	stop, letGo := g.stop, ""
	g.stop = func() {
		stop()
		letGo = w.servedBy(s)
	}
	w.configure(strings.ReplaceAll(one(partnerDN), "$DIR/tls", "$DIR/second"))
	s.look(t.Context())
	defer g.stop()
	if got := w.servedBy(s); got != serial(w.certs["second"]) {
		t.Fatalf("serial %s is served, want that of the new files", got)
	}
	if letGo != serial(w.certs["tls"]) {
		t.Errorf("when the old files were let go, %q was served, want that of the old files", letGo)
	}
}

// What is odd about files that are only looked at, each time again, is noise.
func TestOddFilesAreToldWhenTheyAreTakenIntoUse(t *testing.T) {
	w := newWorld(t)
	a, b := ingress("a", "127.0.0.1:0", partnerDN), ingress("b", "127.0.0.1:0", partnerDN)
	w.configure("ingress:\n" + a + b + ports)
	s := w.open()
	if err := os.WriteFile(filepath.Join(w.dir, "odd.pem"), append(w.ca.PEM(), w.certs["partner"].ChainPEM()...), 0o644); err != nil {
		t.Fatal(err)
	}
	odd := strings.ReplaceAll(a, "$DIR/ca", "$DIR/odd.pem")
	w.configure("ingress:\n" + odd + strings.ReplaceAll(b, "$DIR/tls", "$DIR/later") + ports)
	for range 3 {
		s.look(t.Context())
	}
	if n := w.log.count("certificate warning"); n != 0 || s.snapshot().ConfigFault == nil {
		t.Errorf("%d lines about files that are not in use; fault %v", n, s.snapshot().ConfigFault)
	}
	w.configure("ingress:\n" + odd + b + ports)
	s.look(t.Context())
	defer s.gates[0].stop()
	w.log.wait(t, "certificate warning", `"listener":"a"`)
	if n := w.log.count("certificate warning"); n != 1 {
		t.Errorf("%d lines about one warning", n)
	}
}

// servedBy returns the serial number of the certificate that is served.
func (w *world) servedBy(s *sidecar) string {
	w.t.Helper()
	tr := w.client(w.certs["partner"]).Transport.(*http.Transport)
	conn, err := tls.Dial("tcp", s.IngressAddr("ingress"), tr.TLSClientConfig)
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.Text(16)
}

func serial(c *minica.Cert) string { return c.Leaf.SerialNumber.Text(16) }

func TestATrustThatIsTakenAwayEndsOpenConnections(t *testing.T) {
	w := newWorld(t)
	w.configure(one(partnerDN))
	s := w.run()
	client := w.client(w.certs["partner"])
	defer client.CloseIdleConnections()
	url := "https://" + s.IngressAddr("ingress") + "/"
	if status, _, err := fetch(client, url); status != 200 {
		t.Fatalf("before: %d %v", status, err)
	}
	strangers := must(minica.New(minica.Options{Subject: "CN=Another CA"}))
	if err := os.MkdirAll(filepath.Join(w.dir, "ca2"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(w.dir, "ca2/ca.crt"), strangers.PEM(), 0o644); err != nil {
		t.Fatal(err)
	}
	w.configure(strings.ReplaceAll(one(partnerDN), "$DIR/ca", "$DIR/ca2"))
	w.log.wait(t, "configuration replaced")
	if status, _, err := fetch(client, url); status != 401 {
		t.Errorf("on the open connection: %d %v, want 401", status, err)
	}
}

func TestAChangedUsageIsTakenIntoUse(t *testing.T) {
	w := newWorld(t)
	w.issue("website", minica.Options{Subject: partnerDN, Usage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	w.configure(one(partnerDN))
	s := w.run()
	client := w.client(w.certs["website"])
	defer client.CloseIdleConnections()
	url := "https://" + s.IngressAddr("ingress") + "/"
	if status, _, err := fetch(client, url); err == nil {
		t.Fatalf("a server's certificate was let in: %d", status)
	}
	w.configure(strings.Replace(one(partnerDN), "upstream:", "clientCertificateUsage: clientOrServer, upstream:", 1))
	w.log.wait(t, "configuration replaced")
	if status, _, err := fetch(client, url); status != 200 {
		t.Errorf("after: %d %v", status, err)
	}
}

func TestAnotherAddressNeedsARestartAndTheRestDoesNot(t *testing.T) {
	w := newWorld(t)
	w.configure(one(partnerDN))
	s := w.run()
	addr := s.IngressAddr("ingress")
	free := must(net.Listen("tcp", "127.0.0.1:0"))
	defer free.Close()
	w.configure(strings.Replace(one(otherDN), "127.0.0.1:0", free.Addr().String(), 1))
	w.log.wait(t, "needs a restart", free.Addr().String())
	if s.IngressAddr("ingress") != addr || w.status(s, "ingress", "other") != 200 || w.status(s, "ingress", "partner") != 403 {
		t.Error("the rest of the change was not taken into use at the old address")
	}
	if ws := strings.Join(s.snapshot().Ingress[0].Warnings, "\n"); !strings.Contains(ws, "needs a restart") {
		t.Errorf("the status page does not say so: %q", ws)
	}
}

func TestTheLogFollowsTheConfiguration(t *testing.T) {
	w := newWorld(t)
	w.configure(one(partnerDN) + "log: {requests: false}\n")
	s := w.run()
	w.status(s, "ingress", "partner")
	w.configure(one(partnerDN) + "log: {format: text}\n")
	w.log.wait(t, `msg="configuration replaced"`)
	w.status(s, "ingress", "partner")
	w.log.wait(t, "level=INFO msg=request ")
	if n := w.log.count(`"msg":"request"`); n != 0 {
		t.Errorf("%d requests were logged before", n)
	}
}
