package admin_test

import (
	"math/big"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sidegate/sidegate/proxy"
	"github.com/sidegate/sidegate/proxy/admin"
	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/minica"
)

// listed returns the certificates of a shop with a list of a partner's CA that holds for
// this long.
func listed(t *testing.T, life time.Duration) certs.Status {
	t.Helper()
	s := newShop(t).open()
	ca := s.ca("CN=Revoking CA,C=BE", nil, 9*365*day)
	s.write("ca.crt", ca.PEM())
	list, err := ca.CRLPEM(minica.CRLOptions{Number: 40, NextUpdate: time.Now().Add(life), Revoked: []minica.Revoked{{Serial: big.NewInt(7)}}})
	if err != nil {
		t.Fatal(err)
	}
	s.write("list.pem", list)
	files := s.files()
	files.CRL = []string{filepath.Join(s.dir, "list.pem")}
	store, err := certs.Open(files, certs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return store.Status()
}

func TestRevocationListsAreShown(t *testing.T) {
	s := snapshot(listed(t, day))
	s.Ingress[0].CRLPolicy = "strict"
	in := reportOf(t, s).Ingress[0]
	if len(in.CRLs) != 1 || in.CRLPolicy != "strict" {
		t.Fatalf("lists %+v, policy %q", in.CRLs, in.CRLPolicy)
	}
	of := s.Ingress[0].Certs.Bundle.CRLs[0]
	want := admin.CRL{File: of.File, Issuer: "CN=Revoking CA,C=BE", Number: "40", Entries: 1,
		ThisUpdate: of.ThisUpdate, NextUpdate: of.NextUpdate, State: admin.CRLFresh, Level: admin.LevelOK}
	if diff := cmp.Diff(want, in.CRLs[0], cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".ends" }, cmp.Ignore())); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	_, page := ask(t, "GET", status(t, s), "/")
	for _, piece := range []string{"Revocation lists", "CN=Revoking CA,C=BE", "1 certificate, list number 40", "strict", of.File} {
		if !strings.Contains(page, piece) {
			t.Errorf("the page does not say %q", piece)
		}
	}
	if _, page := ask(t, "GET", status(t, snapshot(newShop(t).open().Status)), "/"); strings.Contains(page, "Revocation lists") {
		t.Error("the page of an ingress without lists shows them")
	}
}

func TestVerdictOnRevocationLists(t *testing.T) {
	one := listed(t, day)
	grace := func(s *admin.Snapshot) { s.Ingress[0].CRLGrace = 48 * time.Hour }
	for _, c := range []verdictCase{
		{name: "a fresh list", certs: one, after: 23 * time.Hour,
			level: admin.LevelOK, text: "Serving. Certificate ends in 42 days."},
		{name: "an expired one", certs: one, after: 25 * time.Hour,
			level: admin.LevelWarning, text: "Serving. Certificate ends in 41 days.",
			finds: []string{`the revocation list of "CN=Revoking CA,C=BE" has expired, at `}},
		{name: "one in its grace", certs: one, after: 25 * time.Hour, set: grace,
			level: admin.LevelWarning, text: "Serving. Certificate ends in 41 days.",
			finds: []string{" because of crlGrace, and whom the CA has revoked since is not known"}},
		{name: "one after its grace", certs: one, after: 73 * time.Hour, set: grace,
			level: admin.LevelWarning, text: "Serving. Certificate ends in 39 days.",
			finds: []string{"the clients of this CA are refused"}},
	} {
		t.Run(c.name, c.check)
	}
}

func TestReportModeIsShownFirst(t *testing.T) {
	verdictCase{name: "report mode", certs: newShop(t).open().Status,
		set:   func(s *admin.Snapshot) { s.Ingress[0].Report = true },
		level: admin.LevelWarning, text: "Serving, but nothing is refused by allow. Certificate ends in 43 days.",
		finds: []string{"report only: nothing is refused by allow"},
	}.check(t)

	s := snapshot(newShop(t).open().Status,
		proxy.Refusal{Time: time.Now(), Remote: "10.0.0.1:1", Status: 502, Reason: "subject-not-allowed", Subject: "CN=new", Allow: "subject: 'CN=new'", ReportOnly: true},
		proxy.Refusal{Time: time.Now(), Remote: "10.0.0.1:1", Status: 403, Reason: "subject-not-allowed", Subject: "CN=new", Allow: "subject: 'CN=new'"})
	s.Ingress[0].Report = true
	s.Ingress[0].Rules[0].Report = true
	s.Ingress[0].Deny = []admin.Rule{{Name: "stolen", Conditions: []string{"serial: 3fa0"}}}
	_, page := ask(t, "GET", status(t, s), "/")
	for _, piece := range []string{"Report only", "let through: report only", "on trial: lets nobody in", "Who is denied", "stolen", "serial: 3fa0"} {
		if n := strings.Count(page, piece); n != 1 {
			t.Errorf("the page says %q %d times, want once", piece, n)
		}
	}
	in := reportOf(t, s).Ingress[0]
	if !in.Report || !in.Rules[0].Report || len(in.Deny) != 1 || !in.Refusals[0].ReportOnly || in.Refusals[1].ReportOnly {
		t.Errorf("the JSON says %+v", in)
	}
	_, plain := ask(t, "GET", status(t, snapshot(newShop(t).open().Status)), "/")
	for _, piece := range []string{"Report only", "on trial", "Who is denied"} {
		if strings.Contains(plain, piece) {
			t.Errorf("the page of an ingress with neither says %q", piece)
		}
	}
}

func TestWhatIsOnlyReportedIsNoSilenceOfTheApplication(t *testing.T) {
	s := snapshot(newShop(t).open().Status,
		proxy.Refusal{Time: time.Now(), Status: 503, Reason: "app-down"},
		proxy.Refusal{Time: time.Now(), Status: 503, Reason: "subject-not-allowed", ReportOnly: true})
	r := reportOf(t, s)
	if f := r.Verdict.Findings; len(f) != 1 || !strings.Contains(f[0].Problem, "the last refusal, ") {
		t.Errorf("findings %+v, want one of the one refusal", f)
	}
}
