package proxy_test

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sidegate/sidegate/proxy"
	"github.com/sidegate/sidegate/proxy/minica"
	"github.com/sidegate/sidegate/proxy/policy"
)

func TestAllowedClientReachesTheApplicationWithItsIdentity(t *testing.T) {
	for _, proto := range []string{"HTTP/1.1", "HTTP/2.0"} {
		t.Run(proto, func(t *testing.T) {
			g := openGate(t, func(g *gate) { g.set.HTTP2 = true })
			status, body := g.get(g.client(g.partner, proto == "HTTP/2.0"), "/webhook?a=1")
			if status != http.StatusOK {
				t.Fatalf("status %d: %s", status, body)
			}
			var h http.Header
			if err := json.Unmarshal([]byte(body), &h); err != nil {
				t.Fatal(err)
			}
			for name, want := range map[string]string{
				"X-Client-Subject":  partnerDN,
				"X-Client-Issuer":   "CN=Client CA,O=Trust,C=BE",
				"X-Client-Rule":     "partner",
				"X-Forwarded-For":   "127.0.0.1",
				"X-Forwarded-Proto": "https",
				"X-Forwarded-Host":  g.addr,
			} {
				if got := h[name]; len(got) != 1 || got[0] != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
			if fp := h.Get("X-Client-Fingerprint"); len(fp) != 64 || fp != strings.ToLower(fp) {
				t.Errorf("X-Client-Fingerprint: %q is not 64 lower-case hex digits", fp)
			}
			line := g.logs.wait(t, map[string]any{"msg": "request", "status": 200, "proto": proto})
			for key, want := range map[string]any{"reason": "ok", "rule": "partner", "subject": partnerDN, "path": "/webhook", "serial": h.Get("X-Client-Serial")} {
				if line[key] != want {
					t.Errorf("log %s: %v, want %v", key, line[key], want)
				}
			}
			if strings.Contains(line["path"].(string), "a=1") {
				t.Error("the query, which may hold secrets, is in the log")
			}
		})
	}
}

func TestAnotherSubjectOfTheSameCAIsRefusedAndToldApart(t *testing.T) {
	g := openGate(t)
	other := issue(t, g.clientCA, minica.Options{Subject: `CN=O'Neil,O=Other\, Inc`})
	status, body := g.get(g.client(other, false), "/")
	if status != http.StatusForbidden || body != "403 Forbidden: subject-not-allowed\n" {
		t.Errorf("answer %d %q", status, body)
	}
	line := g.logs.wait(t, map[string]any{"msg": "request refused", "reason": "subject-not-allowed"})
	if want := `subject: 'CN=O''Neil,O=Other\, Inc'`; line["allow"] != want {
		t.Errorf("log allow: %v, want the line to paste, %s", line["allow"], want)
	}
	if n := len(g.app.requests()); n != 0 {
		t.Errorf("the application saw %d requests", n)
	}
}

func TestUntrustedClientsGetATLSAlert(t *testing.T) {
	g := openGate(t)
	strangers := newCA(t, "CN=Strangers")
	impostor := newCA(t, "CN=Client CA,O=Trust,C=BE") // the name of the trusted CA, another key
	past, ago := time.Now().Add(-time.Hour), time.Now().Add(-48*time.Hour)
	tests := []struct {
		who    string
		cert   *minica.Cert
		reason string
		alert  string
	}{
		{"a certificate of another CA", issue(t, strangers, minica.Options{Subject: partnerDN}), "unknown-ca", "bad certificate"},
		{"a certificate of a CA that borrows the name", issue(t, impostor, minica.Options{Subject: partnerDN}), "unknown-ca", "bad certificate"},
		{"an expired certificate", issue(t, g.clientCA, minica.Options{Subject: partnerDN, NotBefore: ago, NotAfter: past}), "expired", "bad certificate"},
		{"no certificate", nil, "no-certificate", "certificate required"},
	}
	for _, test := range tests {
		t.Run(test.who, func(t *testing.T) {
			_, err := g.client(test.cert, false).Get(g.url("/"))
			if err == nil || !strings.Contains(err.Error(), test.alert) {
				t.Errorf("the client saw %v, want the alert %q", err, test.alert)
			}
			line := g.logs.wait(t, map[string]any{"msg": "handshake refused", "reason": test.reason})
			if line["detail"] == "" {
				t.Error("no detail in the log")
			}
			if test.cert != nil && line["subject"] != partnerDN {
				t.Errorf("log subject: %v, want whose certificate was presented", line["subject"])
			}
		})
	}
	if n := len(g.app.requests()); n != 0 {
		t.Errorf("the application saw %d requests", n)
	}
}

func TestTLS12ClientWithoutCertificateIsNamedToo(t *testing.T) {
	g := openGate(t)
	cfg := g.tlsFor(nil)
	cfg.MaxVersion = tls.VersionTLS12
	if c, err := tls.Dial("tcp", g.addr, cfg); err == nil {
		c.Close()
		t.Fatal("the handshake succeeded")
	}
	g.logs.wait(t, map[string]any{"msg": "handshake refused", "reason": "no-certificate"})
}

func TestPlainHTTPIsAnsweredInWords(t *testing.T) {
	g := openGate(t)
	res, err := http.Get("http://" + g.addr + "/")
	if err != nil {
		t.Fatal(err)
	}
	if status, body := readAll(t, res); status != 400 || !strings.Contains(body, "HTTPS with a client certificate") {
		t.Errorf("answer %d %q", status, body)
	}
	g.logs.wait(t, map[string]any{"msg": "handshake refused", "reason": "not-tls"})
}

func TestAmbiguousSubjectIsRefused(t *testing.T) {
	g := openGate(t)
	// CN=part<NUL>ner: what one reader takes for the whole another cuts off.
	raw := []byte{0x30, 0x13, 0x31, 0x11, 0x30, 0x0f, 0x06, 0x03, 0x55, 0x04, 0x03, 0x0c, 0x08, 'p', 'a', 'r', 't', 0, 'n', 'e', 'r'}
	evil := issue(t, g.clientCA, minica.Options{RawSubject: raw})
	status, body := g.get(g.client(evil, false), "/")
	if status != 403 || body != "403 Forbidden: subject-ambiguous\n" {
		t.Errorf("answer %d %q", status, body)
	}
	g.logs.wait(t, map[string]any{"reason": "subject-ambiguous", "status": 403})
}

func TestEmptyPolicyLetsNobodyIn(t *testing.T) {
	g := openGate(t, func(g *gate) { g.set.Policy = nil })
	if status, _ := g.get(g.client(g.partner, false), "/"); status != 403 {
		t.Errorf("status %d, want 403", status)
	}
}

func TestMethodAndPathConditions(t *testing.T) {
	g := openGate(t, func(g *gate) {
		p := allowing(g.t, partnerDN)
		p.Rules[0].Methods, p.Rules[0].Paths = []string{"POST"}, []string{"/webhook", "/hooks/*"}
		g.set.Policy = p
	})
	tests := []struct {
		request string
		status  int
		reason  string
	}{
		{"POST /webhook", 200, "ok"},
		{"POST /webhook?x=/../admin", 200, "ok"},
		{"POST /hooks/a/b", 200, "ok"},
		{"GET /webhook", 403, "method-not-allowed"},
		{"POST /admin", 403, "path-not-allowed"},
		{"POST /hooks/../admin", 403, "path-ambiguous"},
		{"POST /hooks/%2e%2e/admin", 403, "path-ambiguous"},
		{"POST /hooks/..%2fadmin", 403, "path-ambiguous"},
		{"POST //hooks/admin", 403, "path-ambiguous"},
	}
	for _, test := range tests {
		t.Run(test.request, func(t *testing.T) {
			answer := g.raw(test.request + " HTTP/1.1\r\nHost: a.example\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			res, err := http.ReadResponse(newReader(answer), nil)
			if err != nil {
				t.Fatalf("%v in %q", err, answer)
			}
			defer res.Body.Close()
			if res.StatusCode != test.status {
				t.Errorf("status %d, want %d", res.StatusCode, test.status)
			}
			body, _ := io.ReadAll(res.Body)
			if test.status != 200 && !strings.HasSuffix(string(body), ": "+test.reason+"\n") {
				t.Errorf("answer %q, want the reason %s", body, test.reason)
			}
		})
	}
}

func TestSettingsAreReplacedWithoutDroppingConnections(t *testing.T) {
	g := openGate(t)
	c := g.client(g.partner, false)
	if status, _ := g.get(c, "/"); status != 200 {
		t.Fatalf("status %d, want 200", status)
	}
	g.configure(func(s *proxy.Settings) { s.Policy = allowing(t, "CN=somebody else") })
	if status, body := g.get(c, "/"); status != 403 {
		t.Fatalf("the open connection got %d %s after its rule was removed, want 403", status, body)
	}
	g.configure(func(s *proxy.Settings) { s.Policy = allowing(t, partnerDN) })
	if status, _ := g.get(c, "/"); status != 200 {
		t.Fatalf("status %d after the rule came back, want 200", status)
	}
	g.configure(func(s *proxy.Settings) { s.Limits.IdleTimeout = time.Minute })
	if status, _ := g.get(c, "/"); status != 200 {
		t.Fatalf("status %d after new limits, want 200", status)
	}
}

// Certificates and configuration change independently of each other: neither
// may bring back what the other has just replaced.
func TestNoReplacementIsLost(t *testing.T) {
	g := openGate(t)
	for i := range 2000 {
		s := g.set
		s.Limits.MaxStreams = i + 1
		var both sync.WaitGroup
		both.Go(func() { _ = g.in.SetSettings(&s) })
		both.Go(func() { _ = g.in.SetBundle(g.store.Current()) })
		both.Wait()
		if g.in.CurrentSettings() != &s {
			t.Fatalf("after %d changes the new settings were replaced by the old", i+1)
		}
	}
}

func TestLogOfRefusedHandshakesIsBounded(t *testing.T) {
	g := openGate(t)
	long := strings.Repeat("OU="+strings.Repeat("é", 60)+",", 60) + "CN=x"
	stranger := newCA(t, "CN=stranger")
	noisy := issue(t, stranger, minica.Options{Subject: long})
	if _, err := g.client(noisy, false).Get(g.url("/")); err == nil {
		t.Fatal("a stranger was let in")
	}
	line := g.logs.wait(t, map[string]any{"msg": "handshake refused", "reason": "unknown-ca"})
	if n := len(fmt.Sprint(line)); n > 4096 {
		t.Errorf("one stranger's handshake made a log line of %d bytes", n)
	}
	if n := len(fmt.Sprint(g.in.Refusals())); n > 4096 {
		t.Errorf("the status page keeps %d bytes of it", n)
	}
}

func TestURIsAreComparedByteForByte(t *testing.T) {
	for _, uri := range []string{"SPIFFE://td/sa", "spiffe://td/sa#", "spiffe://td/s%61"} {
		g := openGate(t, func(g *gate) {
			g.set.Policy = &policy.Policy{Rules: []policy.Rule{{Name: "r", SAN: policy.SAN{URI: []string{"spiffe://td/sa"}}}}}
		})
		san, err := asn1.Marshal([]asn1.RawValue{{Class: asn1.ClassContextSpecific, Tag: 6, Bytes: []byte(uri)}})
		if err != nil {
			t.Fatal(err)
		}
		c := issue(t, g.clientCA, minica.Options{Subject: "CN=x", Change: func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: san}}
		}})
		if status, _ := g.get(g.client(c, false), "/"); status != 403 {
			t.Errorf("a certificate for %q passed a rule for another URI with %d", uri, status)
		}
	}
}
