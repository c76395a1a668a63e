package admin_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sidegate/sidegate/proxy/admin"
	"github.com/sidegate/sidegate/proxy/certs"
)

// reportOf returns what /status.json says of s.
func reportOf(t *testing.T, s admin.Snapshot) admin.Report {
	t.Helper()
	_, body := ask(t, "GET", status(t, s), "/status.json")
	var r admin.Report
	if err := json.Unmarshal([]byte(body), &r); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return r
}

// A verdictCase is what a Snapshot must be judged to be.
type verdictCase struct {
	name  string
	certs certs.Status
	after time.Duration // from now
	set   func(s *admin.Snapshot)
	level admin.Level
	text  string
	finds []string // a piece of each finding
}

func (c verdictCase) check(t *testing.T) {
	s := snapshot(c.certs)
	s.Now = s.Now.Add(c.after)
	if c.set != nil {
		c.set(&s)
	}
	v := reportOf(t, s).Verdict
	if v.Level != c.level || v.Text != c.text {
		t.Errorf("verdict = %s %q\n    want %s %q", v.Level, v.Text, c.level, c.text)
	}
	if len(v.Findings) != len(c.finds) {
		t.Fatalf("findings = %+v, want %q", v.Findings, c.finds)
	}
	for i, want := range c.finds {
		if !strings.Contains(v.Findings[i].Problem, want) {
			t.Errorf("finding %d = %+v, want %q", i, v.Findings[i], want)
		}
	}
}

func TestVerdictOnCertificates(t *testing.T) {
	good := newShop(t).open().Status
	soonCA := newShop(t)
	soonCA.caEnds = 20 * day
	for _, c := range []verdictCase{
		{name: "all is well", certs: good,
			level: admin.LevelOK, text: "Serving. Certificate ends in 43 days."},
		{name: "warnings are counted", certs: good,
			set:   func(s *admin.Snapshot) { s.Ingress[0].Warnings = []string{"odd", "odder", "odd"} },
			level: admin.LevelOK, text: "Serving. Certificate ends in 43 days. 2 warnings."},
		{name: "renewal is due", certs: good, after: 31 * day,
			level: admin.LevelWarning, text: "Serving. Certificate ends in 12 days.",
			finds: []string{"the served certificate ends in 12 days, at "}},
		{name: "the certificate has ended", certs: good, after: 45 * day,
			level: admin.LevelError, text: "Clients cannot get in. The certificate in use ended 47 hours ago.",
			finds: []string{"the served certificate ended 47 hours ago"}},
		{name: "a CA ends soon", certs: soonCA.open().Status,
			level: admin.LevelWarning, text: "Serving. Certificate ends in 43 days.",
			finds: []string{`the trusted CA "CN=Partner CA,O=Digiteal SA,C=BE" ends in 19 days`}},
		{name: "all has ended", certs: good, after: 30 * 365 * day,
			level: admin.LevelError, text: "Clients cannot get in. The certificate in use ended 29 years ago.",
			finds: []string{"the served certificate ended", "the intermediate", "no trusted CA is valid now"}},
		{name: "what is mounted is broken", certs: newShop(t).open().breakKey().Status,
			level: admin.LevelError, text: "What is mounted is not served. The certificate in use ends in 43 days.",
			finds: []string{"the private key is not that of"}},
		{name: "a listener without files", certs: certs.Status{},
			level: admin.LevelError, text: "Clients cannot get in. No certificate is served.",
			finds: []string{"no certificate is served", "no CA is trusted"}},
	} {
		t.Run(c.name, c.check)
	}
}

func TestVerdictOnTheProcess(t *testing.T) {
	good := newShop(t).open().Status
	for _, c := range []verdictCase{
		{name: "the configuration is broken", certs: good,
			set:   func(s *admin.Snapshot) { s.ConfigFault = errors.New("sidegate.yaml:3: ingres: unknown key") },
			level: admin.LevelError, text: "The changed configuration is not used, the one before it is. The certificate ends in 43 days.",
			finds: []string{"ingres: unknown key"}},
		{name: "not ready", certs: good,
			set:   func(s *admin.Snapshot) { s.NotReady = errors.New("nothing listens yet") },
			level: admin.LevelError, text: "Not ready. The certificate in use ends in 43 days.",
			finds: []string{"not ready: nothing listens yet"}},
		{name: "draining is no fault", certs: good,
			set:   func(s *admin.Snapshot) { s.Draining, s.NotReady = true, errors.New("draining") },
			level: admin.LevelOK, text: "Draining: the pod is going away; requests are still answered until it has."},
		{name: "nothing to serve", set: func(s *admin.Snapshot) { s.Ingress = nil },
			level: admin.LevelOK, text: "Running. No ingress is configured."},
		{name: "the ingress that ends first is named", certs: good,
			set:   func(s *admin.Snapshot) { s.Ingress = append(s.Ingress, second(soonLeaf(t))) },
			level: admin.LevelWarning, text: `Serving. Certificate of ingress "grpc" ends in 4 days.`,
			finds: []string{"the served certificate ends in 4 days"}},
		{name: "the ingress that fails is named", certs: good,
			set:   func(s *admin.Snapshot) { s.Ingress = append(s.Ingress, second(certs.Status{})) },
			level: admin.LevelError, text: `Clients cannot get in at ingress "grpc". The certificate in use of ingress "webhooks" ends in 43 days.`,
			finds: []string{"no certificate is served", "no CA is trusted"}},
	} {
		t.Run(c.name, c.check)
	}
}

func soonLeaf(t *testing.T) certs.Status {
	s := newShop(t)
	s.leafEnds = 4*day + time.Hour
	return s.open().Status
}

func second(st certs.Status) admin.Ingress {
	return admin.Ingress{Name: "grpc", Listen: ":8444", Upstream: "h2c://127.0.0.1:9000", Certs: st}
}

func TestFaultIsToldWithFileAndFix(t *testing.T) {
	s := newShop(t).open().breakKey()
	_, body := ask(t, "GET", status(t, snapshot(s.Status)), "/")
	for _, f := range certs.Faults(s.Fault) {
		for _, piece := range []string{f.File, f.Fix, "95 seconds ago"} {
			if !strings.Contains(body, piece) {
				t.Errorf("the page does not say %q", piece)
			}
		}
	}
	r := reportOf(t, snapshot(s.Status))
	got, want := r.Verdict.Findings[0], certs.Faults(s.Fault)[0]
	if got.File != want.File || got.Fix != want.Fix || got.Problem != want.Problem || got.Code != want.Code || got.Since.IsZero() {
		t.Errorf("finding = %+v, want that of %+v", got, want)
	}
}
