package proxy_test

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sidegate/sidegate/proxy"
	"github.com/sidegate/sidegate/proxy/minica"
	"github.com/sidegate/sidegate/proxy/policy"
	"github.com/sidegate/sidegate/proxy/subject"
)

const strangerDN = "CN=stranger,O=D'Or"

// reporting lets through what the rules refuse, and does not log what they allow.
func reporting(g *gate) {
	g.set.Policy.Report, g.set.LogRequests, g.set.HTTP2 = true, false, true
	g.set.Headers = []proxy.Header{{Name: "X-Own-Rule", Value: proxy.ValueRule}}
}

// counted waits until the metric has exactly the series.
func (g *gate) counted(metric string, want map[string]float64) {
	g.t.Helper()
	got := func() map[string]float64 { return g.series(metric) }
	eventually(g.t, metric, func() bool { return maps.Equal(want, got()) }, func() string { return cmp.Diff(want, got()) })
}

func TestReportLetsThroughAndTellsWhomTheRulesWouldRefuse(t *testing.T) {
	for name, way := range map[string]struct {
		h2    bool
		setup option
	}{"HTTP/1.1": {false, func(*gate) {}}, "HTTP/2": {true, func(*gate) {}}, "HTTP/2 to HTTP/2": {true, overH2C}} {
		t.Run(name, func(t *testing.T) {
			g := openGate(t, way.setup, reporting)
			client := g.client(issue(t, g.clientCA, minica.Options{Subject: strangerDN}), way.h2)
			g.app.respond(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
			req, err := http.NewRequest("GET", g.url("/x"), nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header["X-Client-Rule"], req.Header["X-Own-Rule"] = []string{"partner"}, []string{"partner"}
			res, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			if status, _ := readAll(t, res); status != http.StatusTeapot {
				t.Fatalf("status %d, want the application's", status)
			}

			seen := g.app.last(t).Header
			if seen["X-Client-Rule"] != nil || seen["X-Own-Rule"] != nil {
				t.Errorf("the application is told of a rule: %q, %q", seen["X-Client-Rule"], seen["X-Own-Rule"])
			}
			if got := seen.Get("X-Client-Subject"); got != strangerDN {
				t.Errorf("X-Client-Subject is %q", got)
			}
			line := g.logs.wait(t, map[string]any{"msg": "request would be refused", "reason": "subject-not-allowed", "reportOnly": true,
				"status": http.StatusTeapot, "rule": "", "subject": strangerDN, "allow": `subject: 'CN=stranger,O=D''Or'`})
			if line["detail"] == nil {
				t.Errorf("no detail in %v", line)
			}
			g.counted("sidegate_report_only_total", map[string]float64{`{listener="ingress",reason="subject-not-allowed"}`: 1})
			g.counted("sidegate_requests_total", map[string]float64{`{listener="ingress",result="ok",rule=""}`: 1})
			g.counted("sidegate_request_duration_seconds_count", map[string]float64{`{listener="ingress"}`: 1})
			if rs := g.in.Refusals(); len(rs) != 1 || !rs[0].ReportOnly || rs[0].Status != http.StatusTeapot || rs[0].Allow == "" {
				t.Errorf("the status page has %+v", rs)
			}
		})
	}
}

// Whom a rule admits is no news, in report mode or not.
func TestReportSaysNothingOfWhomARuleAdmits(t *testing.T) {
	g := openGate(t, reporting)
	if status, body := g.get(g.client(g.partner, false), "/"); status != 200 || !strings.Contains(body, `"X-Client-Rule":["partner"]`) {
		t.Errorf("%d %s", status, body)
	}
	g.counted("sidegate_requests_total", map[string]float64{`{listener="ingress",result="ok",rule="partner"}`: 1})
	if n := g.logs.count("listener", "ingress"); n != 0 || len(g.in.Refusals()) != 0 || len(g.series("sidegate_report_only_total")) != 0 {
		t.Errorf("%d lines, %d refusals, %v", n, len(g.in.Refusals()), g.series("sidegate_report_only_total"))
	}
}

func TestReportLetsNobodyPastADenyEntry(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		g := openGate(t, reporting)
		client := g.client(g.partner, h2)
		if status, _ := g.get(client, "/"); status != 200 {
			t.Fatalf("before: %d", status)
		}
		g.configure(func(s *proxy.Settings) {
			s.Policy = &policy.Policy{Report: true, Rules: s.Policy.Rules, Deny: []policy.Denial{
				{Name: "stolen", Issuer: name(t, "CN=Client CA,O=Trust,C=BE"), Serials: []string{policy.SerialOf(g.partner.Leaf)}}}}
		})
		if status, body := g.get(client, "/"); status != 403 || body != "403 Forbidden: denied\n" {
			t.Errorf("on the open connection: %d %q", status, body)
		}
		line := g.logs.wait(t, map[string]any{"msg": "request refused", "reason": "denied", "status": 403})
		if line["reportOnly"] != nil || line["allow"] != nil || !strings.Contains(fmt.Sprint(line["detail"]), `deny entry "stolen" names this client by its issuer`) {
			t.Errorf("the log says %v", line)
		}
		g.counted("sidegate_requests_total", map[string]float64{`{listener="ingress",result="ok",rule="partner"}`: 1, `{listener="ingress",result="denied",rule=""}`: 1})
		if n := len(g.app.requests()); n != 1 {
			t.Errorf("the application saw %d requests, want the one before", n)
		}
		// A certificate of the same key and Subject with another number passes.
		renewed := issue(t, g.clientCA, minica.Options{Subject: partnerDN, Key: g.partner.Key})
		if status, _ := g.get(g.client(renewed, h2), "/"); status != 200 {
			t.Errorf("the renewed certificate: %d", status)
		}
	}
}

func TestReportLetsNobodyPastAFailedVerificationOrAnAmbiguousSubject(t *testing.T) {
	g := openGate(t, reporting)
	g.configure(func(s *proxy.Settings) { s.Policy = &policy.Policy{Report: true} })
	other := issue(t, newCA(t, "CN=Client CA,O=Trust,C=BE"), minica.Options{Subject: partnerDN})
	if res, err := g.client(other, false).Get(g.url("/")); err == nil {
		t.Errorf("a client of another CA was answered %d", res.StatusCode)
	}
	twoLines, err := asn1.Marshal(pkix.RDNSequence{{{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: "a\nCN=b"}}})
	if err != nil {
		t.Fatal(err)
	}
	odd := issue(t, g.clientCA, minica.Options{RawSubject: twoLines})
	if status, body := g.get(g.client(odd, false), "/"); status != 403 || !strings.Contains(body, "subject-ambiguous") {
		t.Errorf("an ambiguous Subject: %d %q", status, body)
	}
	if status, _ := g.get(g.client(g.partner, false), "/"); status != 200 {
		t.Errorf("a client without a rule: %d", status)
	}
	g.logs.wait(t, map[string]any{"reportOnly": true, "subject": partnerDN})
	g.logs.wait(t, map[string]any{"msg": "request refused", "reason": "subject-ambiguous"})
	g.logs.wait(t, map[string]any{"msg": "handshake refused", "subject": partnerDN})
	for _, line := range g.logs.lines() {
		if line["reportOnly"] != nil && line["subject"] != partnerDN {
			t.Errorf("somebody else was let through: %v", line)
		}
	}
	if n := len(g.app.requests()); n != 1 {
		t.Errorf("the application saw %d requests, want 1", n)
	}
}

// A request that was let through by report only and fails behind the gate is told as a
// failure, and what the rules would have said is not lost.
func TestWhatWouldBeRefusedAndFailsIsBoth(t *testing.T) {
	g := openGate(t, reporting)
	stranger := issue(t, g.clientCA, minica.Options{Subject: strangerDN})
	g.configure(func(s *proxy.Settings) {
		nowhere := *s.Upstream
		nowhere.Host = "127.0.0.1:1"
		s.Upstream = &nowhere
	})
	if status, _ := g.get(g.client(stranger, false), "/"); status != 503 {
		t.Fatalf("status %d", status)
	}
	line := g.logs.wait(t, map[string]any{"msg": "request failed", "reason": "app-down", "wouldRefuse": "subject-not-allowed"})
	if line["reportOnly"] != nil {
		t.Errorf("the failure is told as only reported: %v", line)
	}
	g.counted("sidegate_report_only_total", map[string]float64{`{listener="ingress",reason="subject-not-allowed"}`: 1})
	g.counted("sidegate_requests_total", map[string]float64{`{listener="ingress",result="app-down",rule=""}`: 1})
	if rs := g.in.Refusals(); len(rs) != 1 || rs[0].Reason != "app-down" || rs[0].ReportOnly {
		t.Errorf("the status page has %+v", rs)
	}
}

func TestARuleOnTrialIsToldAndLetsNobodyIn(t *testing.T) {
	g := openGate(t, func(g *gate) {
		g.set.LogRequests = false
		g.set.Policy.Rules = append([]policy.Rule{{Name: "next", Report: true, Subjects: []subject.Name{name(t, partnerDN), name(t, strangerDN)}, Paths: []string{"/new"}}},
			g.set.Policy.Rules...)
	})
	stranger := issue(t, g.clientCA, minica.Options{Subject: strangerDN})
	for _, call := range []struct {
		as     *minica.Cert
		path   string
		status int
	}{{g.partner, "/new", 200}, {g.partner, "/old", 200}, {stranger, "/new", 403}, {stranger, "/old", 403}} {
		if status, _ := g.get(g.client(call.as, false), call.path); status != call.status {
			t.Errorf("%s for %q: %d, want %d", call.path, call.as.Leaf.Subject, status, call.status)
		}
	}
	g.logs.wait(t, map[string]any{"msg": "request", "path": "/new", "rule": "partner", "fits": "next"})
	g.logs.wait(t, map[string]any{"msg": "request refused", "path": "/new", "rule": "", "fits": "next", "reason": "subject-not-allowed"})
	g.logs.wait(t, map[string]any{"msg": "request refused", "path": "/old"})
	g.counted("sidegate_report_rule_fits_total", map[string]float64{`{listener="ingress",rule="next"}`: 2})
	if n := g.logs.count("fits", "next"); n != 2 || g.logs.count("msg", "request") != 1 {
		t.Errorf("%d lines say that the rule fits, %d tell of allowed requests", n, g.logs.count("msg", "request"))
	}
}
