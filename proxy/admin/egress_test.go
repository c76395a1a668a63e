package admin_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sidegate/sidegate/proxy"
	"github.com/sidegate/sidegate/proxy/admin"
	"github.com/sidegate/sidegate/proxy/certs"
)

// partner returns an egress with these certificates.
func partner(st certs.Status, failures ...proxy.Failure) admin.Egress {
	return admin.Egress{
		Name: "partner", Listen: "127.0.0.1:8081", Upstream: "https://api.partner.example:8443", Connections: 3, Certs: st,
		Checks:   []string{"serverName: api.partner.example", "serverCA: /etc/sidegate/partner-ca", "minTLSVersion: 1.2"},
		Failures: failures,
	}
}

// calling is a change of a snapshot: it has this egress too.
func calling(out admin.Egress) func(*admin.Snapshot) {
	return func(s *admin.Snapshot) { s.Egress = append(s.Egress, out) }
}

// alone is a change of a snapshot: it has no ingress.
func alone(s *admin.Snapshot) { s.Ingress = nil }

// failed returns failures for one reason, each so long ago.
func failed(reason string, ages ...time.Duration) (fs []proxy.Failure) {
	for _, age := range ages {
		fs = append(fs, proxy.Failure{Time: time.Now().Add(-age), Reason: reason})
	}
	return fs
}

func TestVerdictOnAnEgress(t *testing.T) {
	shop := newShop(t).open()
	good, soon := shop.Status, soonLeaf(t)
	broken := shop.breakKey().Status
	withdrawn := partner(broken)
	withdrawn.Withdrawn = true
	for _, c := range []verdictCase{
		{name: "all is well", certs: good, set: calling(partner(good)),
			level: admin.LevelOK, text: `Serving. Certificate of ingress "webhooks" ends in 43 days.`},
		{name: "it is alone", set: both(alone, calling(partner(good))),
			level: admin.LevelOK, text: "Serving. Certificate ends in 43 days."},
		{name: "its certificate ends first", certs: good, set: calling(partner(soon)),
			level: admin.LevelWarning, text: `Serving. Certificate of egress "partner" ends in 4 days.`,
			finds: []string{"the client certificate ends in 4 days"}},
		{name: "its certificate has ended", certs: good, after: 5 * day, set: calling(partner(soon)),
			level: admin.LevelError, text: `Calls fail at egress "partner". The certificate in use of egress "partner" ended 23 hours ago.`,
			finds: []string{"the client certificate ended 23 hours ago"}},
		{name: "what is mounted is broken", set: both(alone, calling(partner(broken))),
			level: admin.LevelError, text: "What is mounted is not used. The certificate in use ends in 43 days.",
			finds: []string{"the private key is not that of"}},
		{name: "a listener without files", set: both(alone, calling(partner(certs.Status{}))),
			level: admin.LevelError, text: "Calls fail. No certificate is served.",
			finds: []string{"there is no client certificate", "no CA is trusted: no server can pass"}},
		{name: "it is not in the configuration", certs: good, set: calling(withdrawn),
			level: admin.LevelError,
			text:  `Calls nobody: egress "partner" is not in the configuration any more. The certificate in use of ingress "webhooks" ends in 43 days.`,
			finds: []string{"calls nobody: it is not in the configuration any more"}},
		{name: "the partner is down", certs: good, set: calling(partner(good, failed("server-down", 3*time.Second, time.Minute, 10*time.Minute)...)),
			level: admin.LevelWarning, text: `Serving, but calls of egress "partner" failed. Certificate of ingress "webhooks" ends in 43 days.`,
			finds: []string{"calls to https://api.partner.example:8443 failed (server-down): 2 of late, the last one 3 seconds ago"}},
		{name: "the partner refuses the certificate", set: both(alone, calling(partner(good, failed("certificate-refused", time.Second)...))),
			level: admin.LevelWarning, text: "Serving, but calls failed. Certificate ends in 43 days.",
			finds: []string{"failed (certificate-refused): the last one 1 second ago"}},
		{name: "the application is to blame", certs: good, set: calling(partner(good, failed("path-not-allowed", time.Second)...)),
			level: admin.LevelOK, text: `Serving. Certificate of ingress "webhooks" ends in 43 days.`},
	} {
		t.Run(c.name, c.check)
	}
}

func TestFindingsAreOfTheirListener(t *testing.T) {
	soon := soonLeaf(t)
	s := snapshot(soon)
	s.Egress = []admin.Egress{partner(soon)}
	var got [][2]string
	for _, f := range reportOf(t, s).Verdict.Findings {
		got = append(got, [2]string{f.Ingress, f.Egress})
	}
	if diff := cmp.Diff([][2]string{{"webhooks", ""}, {"", "partner"}}, got); diff != "" {
		t.Errorf("ingress and egress of the findings (-want +got):\n%s", diff)
	}
}

func TestRepeatedFailuresAreOne(t *testing.T) {
	st := newShop(t).open().Status
	fs := failed("server-down", make([]time.Duration, 20)...)
	fs = append(fs, proxy.Failure{Time: time.Now(), Reason: "server-subject", Server: "CN=a.example", Detail: "first"},
		proxy.Failure{Time: time.Now(), Reason: "server-subject", Server: "CN=b.example", Detail: "second"})
	s := snapshot(st)
	s.Egress = []admin.Egress{partner(st, fs...)}
	_, page := ask(t, "GET", status(t, s), "/")
	if n := strings.Count(page, `<b class="reason">server-down</b>`); n != 1 || !strings.Contains(page, "20 times") {
		t.Errorf("the same failure 20 times is shown %d times", n)
	}
	if n := strings.Count(page, `<b class="reason">server-subject</b>`); n != 2 {
		t.Errorf("failures at two servers are shown as %d", n)
	}
	for _, want := range []string{"CN=a.example", "CN=b.example", "first", "second", "serverCA: /etc/sidegate/partner-ca", "egress, 3 connections"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not show %q", want)
		}
	}
	if got := len(reportOf(t, s).Egress[0].Failed); got != len(fs) {
		t.Errorf("the JSON has %d failed calls, want all %d", got, len(fs))
	}
}
