package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/config"
	"github.com/sidegate/sidegate/proxy/minica"
)

func TestCallsGoOutWithTheClientCertificate(t *testing.T) {
	w := newWorld(t)
	w.configure(onlyCalling(w.api().URL))
	s := w.run()
	if status, body := w.call(s.EgressAddr("partner"), "/orders"); status != 200 || !strings.Contains(body, "GET /orders by CN=partner.example") {
		t.Fatalf("%d %q", status, body)
	}
	if status, body := w.probe(s, "/readyz"); status != 200 {
		t.Errorf("without an ingress it is not ready: %d %q", status, body)
	}
	eventually(t, "the metrics", func() bool {
		_, metrics := w.probe(s, "/metrics")
		return strings.Contains(metrics, `sidegate_requests_total{listener="partner",result="ok",rule="egress"} 1`) &&
			strings.Contains(metrics, `listener="partner",role="certificate"`)
	})
	_, page, err := fetch(http.DefaultClient, "http://"+s.AdminAddr()+"/status.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"name": "partner"`, "serverName: 127.0.0.1", "serverCA: " + w.dir + "/ca", "CN=partner.example", "Serving. Certificate ends "} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not show %s:\n%s", want, page)
		}
	}
}

func TestARefusedServerIsShown(t *testing.T) {
	w := newWorld(t)
	w.configure(onlyCalling(w.api().URL, "serverSubject: 'CN=somebody else'"))
	s := w.run()
	if status, body := w.call(s.EgressAddr("partner"), "/"); status != 502 || !strings.Contains(body, "server-subject") {
		t.Fatalf("%d %q", status, body)
	}
	eventually(t, "the failure on the status page", func() bool {
		failures := s.snapshot().Egress[0].Failures
		return len(failures) == 1 && failures[0].Reason == "server-subject" && failures[0].Server == apiDN
	})
}

func TestARenewedClientCertificateIsPresented(t *testing.T) {
	w := newWorld(t)
	w.configure(onlyCalling(w.api().URL))
	s := w.run()
	presents := func(c *minica.Cert) bool {
		status, body := w.call(s.EgressAddr("partner"), "/")
		if status != 200 {
			t.Fatalf("%d %q", status, body)
		}
		return strings.Contains(body, "serial "+serial(c)+"\n")
	}
	if !presents(w.certs["partner"]) {
		t.Fatal("another certificate was presented")
	}
	renewed := w.issue("partner", minica.Options{Subject: partnerDN})
	if err := w.write(w.dir); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the renewed certificate", func() bool { return presents(renewed) })

	// A Secret that cannot be used changes nothing.
	if err := os.WriteFile(filepath.Join(w.dir, "partner/tls.key"), w.certs["other"].KeyPEM(), 0o644); err != nil {
		t.Fatal(err)
	}
	w.log.wait(t, "certificates cannot be used", `"listener":"partner"`)
	if !presents(renewed) {
		t.Error("the last good certificate is not presented any more")
	}
	if s.snapshot().Egress[0].Certs.Fault == nil {
		t.Error("the status page does not show the fault")
	}
}

func TestAChangedEgressIsTakenIntoUse(t *testing.T) {
	w := newWorld(t)
	first, second := w.api(), w.api()
	w.configure(onlyCalling(first.URL))
	s := w.run()
	for i, step := range []struct {
		yaml, path, want string
		status           int
	}{
		{onlyCalling(second.URL), "/", "by CN=partner.example", 200},
		{strings.ReplaceAll(onlyCalling(second.URL), "$DIR/partner", "$DIR/other"), "/", "by CN=other.example", 200},
		{onlyCalling(second.URL, "allowPaths: /orders"), "/", "path-not-allowed", 403},
		{onlyCalling(second.URL, "allowPaths: [/orders, /bills]"), "/orders", "by CN=partner.example", 200},
		{onlyCalling(second.URL, "serverName: api.partner.example"), "/", "server-name", 502},
		{onlyCalling(second.URL, "serverSubject: '"+apiDN+"'"), "/", "by CN=partner.example", 200},
	} {
		first.Close()
		w.configure(step.yaml)
		eventually(t, "the change", func() bool { return metricOf(t, s, "sidegate_config_reloads_total") == float64(i+1) })
		if status, body := w.call(s.EgressAddr("partner"), step.path); status != step.status || !strings.Contains(body, step.want) {
			t.Errorf("step %d: %d %q, want %d with %q", i, status, body, step.status, step.want)
		}
	}
}

func TestIngressAndEgressChangeBothOrNeither(t *testing.T) {
	w := newWorld(t)
	api := w.api()
	document := func(dn, ca string) string {
		return "ingress:\n" + ingress("gate", "127.0.0.1:0", dn) +
			strings.ReplaceAll("egress:\n"+egress("partner", "127.0.0.1:0", api.URL), "$DIR/ca", ca) + ports
	}
	w.configure(document(partnerDN, "$DIR/ca"))
	s := w.run()
	w.configure(document(otherDN, "$DIR/later"))
	w.log.wait(t, "configuration cannot be used", `egress \"partner\": serverCA: `+w.dir+"/later: does not exist")
	if got := w.status(s, "gate", "partner"); got != 200 {
		t.Errorf("the good half was taken into use: %d", got)
	}
	if status, body := w.call(s.EgressAddr("partner"), "/"); status != 200 {
		t.Errorf("the last good half is not in use: %d %q", status, body)
	}
	w.configure(document(otherDN, "$DIR/ca"))
	w.log.wait(t, "configuration replaced")
	if got := w.status(s, "gate", "other"); got != 200 {
		t.Errorf("the mended document is not in use: %d", got)
	}
}

func TestAnEgressThatIsGoneCallsNobodyUntilItIsBack(t *testing.T) {
	w := newWorld(t)
	api := w.api()
	a, b := egress("a", freeAddress(t), api.URL), egress("b", freeAddress(t), api.URL)
	w.configure("egress:\n" + a + b + ports)
	s := w.run()
	for i, step := range []struct {
		yaml string
		b    int
	}{{a, 503}, {a + strings.Replace(b, "name: b", "name: c", 1), 200}, {a, 503}, {b + a, 200}} {
		w.configure("egress:\n" + step.yaml + ports)
		eventually(t, "the change", func() bool { return metricOf(t, s, "sidegate_config_reloads_total") == float64(i+1) })
		if status, body := w.call(s.EgressAddr("a"), "/"); status != 200 {
			t.Errorf("step %d: at a: %d %q", i, status, body)
		}
		if status, body := w.call(s.EgressAddr("b"), "/"); status != step.b || strings.Contains(body, "withdrawn") != (step.b == 503) {
			t.Errorf("step %d: at b: %d %q, want %d", i, status, body, step.b)
		}
		if got := s.snapshot().Egress[1].Withdrawn; got != (step.b == 503) {
			t.Errorf("step %d: the status page has withdrawn %t", i, got)
		}
	}
	if gone, back := w.log.count(`"level":"ERROR"`, "egress is not in the configuration any more", `"listener":"b"`), w.log.count("egress is back", `"listener":"b"`); gone != 2 || back != 2 {
		t.Errorf("told %d times that it is gone and %d times that it is back, want 2 and 2", gone, back)
	}
	if w.log.count("needs a restart", `egress \"b\" on `, `is called \"c\"`) != 1 {
		t.Error("nobody is told that the name needs a restart")
	}
}

// Requests from outside must go on coming in, whatever becomes of calls.
func TestAnExpiredClientCertificateKeepsNobodyFromBeingReady(t *testing.T) {
	w := newWorld(t)
	w.configure("ingress:\n" + ingress("gate", "127.0.0.1:0", partnerDN) + "egress:\n" + egress("partner", "127.0.0.1:0", "https://127.0.0.1:1") + ports)
	s := w.open()
	s.serving.Store(true)
	s.outlets[0].store.Current().Certificate.Leaf.NotAfter = time.Now().Add(-time.Hour)
	if err := s.ready(); err != nil {
		t.Error(err)
	}
}

func TestFaultsOfAnEgressAreToldWithItsKeys(t *testing.T) {
	w := newWorld(t)
	w.configure("ingress:\n" + ingress("gate", "127.0.0.1:0", partnerDN) + "egress:\n" + egress("partner", "127.0.0.1:0", "https://127.0.0.1:1") + ports)
	for _, file := range []string{"partner/tls.crt", "ca/ca.crt"} {
		if err := os.Remove(filepath.Join(w.dir, file)); err != nil {
			t.Fatal(err)
		}
	}
	_, err := newSidecar(t.Context(), must(config.Load(w.configFile())), sidecarOptions{})
	if err == nil || len(certs.Faults(err)) != 3 {
		t.Fatalf("%d faults in %v", len(certs.Faults(err)), err)
	}
	for _, want := range []string{`ingress "gate": clientCA: `, `egress "partner": certificate: ` + w.dir + "/partner/tls.crt: does not exist", `egress "partner": serverCA: ` + w.dir + "/ca: "} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q:\n%v", want, err)
		}
	}
}
