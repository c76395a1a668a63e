package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sidegate/sidegate/proxy/admin"
	"github.com/sidegate/sidegate/proxy/config"
	"github.com/sidegate/sidegate/proxy/minica"
)

// with is a document with one ingress that lets the partner in, and more keys.
func with(more string) string {
	return strings.Replace(one(partnerDN), "upstream:", more+", upstream:", 1)
}

func TestADenyEntryIsTakenIntoUseOnAnOpenConnection(t *testing.T) {
	w := newWorld(t)
	w.configure(one(partnerDN))
	s := w.run()
	client := w.client(w.certs["partner"])
	defer client.CloseIdleConnections()
	url := "https://" + s.IngressAddr("ingress") + "/"
	if status, _, err := fetch(client, url); status != 200 {
		t.Fatalf("before: %d %v", status, err)
	}
	w.configure(with("deny: [{name: stolen, issuer: 'CN=Test CA,C=BE', serial: '" + serial(w.certs["partner"]) + "'}]"))
	w.log.wait(t, "configuration replaced")
	if status, body, err := fetch(client, url); status != 403 || body != "403 Forbidden: denied\n" {
		t.Errorf("on the open connection: %d %q %v", status, body, err)
	}
	w.log.wait(t, "request refused", `"reason":"denied"`, `deny entry \"stolen\" names this client`)
	if w.log.count("needs a restart") != 0 {
		t.Error("a deny entry needs a restart")
	}
	w.configure(one(partnerDN))
	eventually(t, "the partner again", func() bool { return w.status(s, "ingress", "partner") == 200 })
}

func TestAChangeOfTheConfigurationIsNoWayBackToAnOlderList(t *testing.T) {
	w := newWorld(t)
	w.list("new.crl", minica.CRLOptions{Number: 5, Revoked: []minica.Revoked{{Serial: w.certs["partner"].Leaf.SerialNumber}}})
	w.list("old.crl", minica.CRLOptions{Number: 4})
	w.configure(with("crl: $DIR/lists/new.crl"))
	s := w.run()
	w.configure(with("crl: $DIR/lists/old.crl"))
	w.log.wait(t, "configuration cannot be used", `ingress \"ingress\": crl: `, "lists/old.crl")
	client := w.client(w.certs["partner"])
	defer client.CloseIdleConnections()
	if status, _, err := fetch(client, "https://"+s.IngressAddr("ingress")+"/"); err == nil {
		t.Errorf("a revoked client was answered %d", status)
	}
}

func TestTheStatusPageShowsWhatIsWithdrawn(t *testing.T) {
	w := newWorld(t)
	w.list("test.crl", minica.CRLOptions{Number: 5})
	w.configure(strings.Replace(with("crl: $DIR/lists/test.crl, crlGrace: 24h, report: true, deny: [{subject: 'CN=mallory'}]"),
		"allow: [{", "allow: [{report: true, ", 1))
	in := w.open().snapshot().Ingress[0]
	if !in.Report || !in.Rules[0].Report || in.CRLPolicy != "whenAvailable" || fmt.Sprint(in.CRLGrace) != "24h0m0s" || len(in.Certs.Bundle.CRLs) != 1 {
		t.Errorf("it is shown as %+v", in)
	}
	if diff := cmp.Diff([]admin.Rule{{Name: "deny-1", Conditions: []string{"subject: CN=mallory"}}}, in.Deny); diff != "" {
		t.Errorf("deny entries (-want +got):\n%s", diff)
	}
}

// An ingress that was taken out of the configuration lets nobody in by report mode.
func TestReportModeEndsWithItsIngress(t *testing.T) {
	w := newWorld(t)
	a, b := ingress("a", "127.0.0.1:0", partnerDN), ingress("b", "127.0.0.1:0", partnerDN)
	w.configure("ingress:\n" + strings.Replace(a, "upstream:", "report: true, upstream:", 1) + b + ports)
	s := w.run()
	if status := w.status(s, "a", "other"); status != 200 {
		t.Fatalf("before: %d", status)
	}
	w.configure("ingress:\n" + b + ports)
	w.log.wait(t, "ingress is not in the configuration any more")
	if status := w.status(s, "a", "other"); status != 403 || s.snapshot().Ingress[0].Report {
		t.Errorf("after: %d, report %v", status, s.snapshot().Ingress[0].Report)
	}
}

func TestEveryWayOfADenyEntryIsShown(t *testing.T) {
	cfg, err := config.Parse("test.yaml", []byte(`
ingress:
  - upstream: http://127.0.0.1:1
    certificate: tls
    clientCA: ca
    deny:
      - subject: ["CN=a,C=BE", "CN=b,C=BE"]
      - {issuer: CN=ca, serial: ["3F:A0", 7]}
      - certSHA256: "`+digest+`"
      - spkiSHA256: "`+digest+`"
    allow: []
`))
	if err != nil {
		t.Fatal(err)
	}
	var got [][]string
	for i := range cfg.Ingress[0].Deny {
		got = append(got, namings(&cfg.Ingress[0].Deny[i]))
	}
	want := [][]string{{"subject: CN=a,C=BE or CN=b,C=BE"}, {"issuer: CN=ca", "serial: 3fa0 or 07"}, {"certSHA256: " + digest}, {"spkiSHA256: " + digest}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestRunTakesRevocationListsByFlag(t *testing.T) {
	flags := []string{"--upstream", "http://127.0.0.1:1", "--certificate", "tls", "--client-ca", "ca", "--allow-subject", "CN=a"}
	cfg, _, err := runConfig(append(flags, "--crl", "a.crl", "--crl", "lists"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a.crl", "lists"}, cfg.Ingress[0].CRL); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if _, _, err := runConfig(append(flags, "--crl", "a.crl", "--crl", "a.crl")); err == nil || !strings.Contains(err.Error(), `--crl "a.crl" is there twice`) {
		t.Errorf("the same list twice: %v", err)
	}
}
