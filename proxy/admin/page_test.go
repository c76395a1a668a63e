package admin_test

import (
	"crypto/sha256"
	"encoding/base64"
	"html"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sidegate/sidegate/proxy"
	"github.com/sidegate/sidegate/proxy/admin"
	"github.com/sidegate/sidegate/proxy/certs"
)

// hostile is what a client may have in its certificate, and more.
const hostile = "CN=<script>alert(1)</script>,O='\"><img src=x onerror=alert(1)>--></style></title>,OU=\u202egnp.exe\x00\x1b[31m{{.}}"

func TestHostileTextIsText(t *testing.T) {
	s := snapshot(newShop(t).open().Status, proxy.Refusal{Time: time.Now(), Remote: hostile, Status: 403,
		Reason: hostile, Detail: hostile, Subject: hostile, Allow: "subject: '" + hostile + "'"})
	in := &s.Ingress[0]
	in.Name, in.Listen, in.Upstream, in.Warnings = hostile, hostile, hostile, []string{hostile}
	in.Rules = []admin.Rule{{Name: hostile, Conditions: []string{hostile}}}
	in.Deny, in.CRLPolicy = in.Rules, hostile
	bundle := *in.Certs.Bundle
	bundle.CRLs = []*certs.CRL{{File: hostile, Issuer: hostile}}
	in.Certs.Bundle = &bundle
	s.Egress = []admin.Egress{{Name: hostile, Listen: hostile, Upstream: hostile, Warnings: []string{hostile}, Certs: in.Certs,
		Checks:   []string{hostile},
		Failures: []proxy.Failure{{Time: time.Now(), Reason: "server-" + hostile, Detail: hostile, Server: hostile}}}}
	s.ConfigFile, s.Version, s.GoVersion = hostile, hostile, hostile
	addr := status(t, s)

	_, page := ask(t, "GET", addr, "/")
	for _, bad := range []string{"<script", "<img", "-->", "\u202e", "\x00", "\x1b"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page has %q in it", bad)
		}
	}
	for _, tag := range []string{"</title>", "</style>"} {
		if n := strings.Count(page, tag); n != 1 {
			t.Errorf("the page has %d %s, want 1", n, tag)
		}
	}
	if !strings.Contains(page, `\u{202e}gnp.exe`) {
		t.Error("the bidi override is not spelt out")
	}
	_, doc := ask(t, "GET", addr, "/status.json")
	if strings.ContainsAny(doc, "<>\x00\x1b") {
		t.Error("the JSON has raw markup or control characters in it")
	}
}

func TestLineToPasteIsExact(t *testing.T) {
	line := `subject: 'CN=D''Ieteren \"& Sons\",O=<SA>,C=BE'`
	s := snapshot(newShop(t).open().Status, proxy.Refusal{Time: time.Now(), Status: 403, Reason: "subject-not-allowed", Allow: line})
	_, page := ask(t, "GET", status(t, s), "/")
	found := regexp.MustCompile(`<pre class="paste"[^>]*><code>(.*?)</code></pre>`).FindStringSubmatch(page)
	if found == nil || html.UnescapeString(found[1]) != line {
		t.Errorf("to paste = %q, want %q", found, line)
	}
}

// A browser takes the style only if its hash is that of the policy.
func TestStylePassesItsPolicy(t *testing.T) {
	res, page := ask(t, "GET", status(t, snapshot(newShop(t).open().Status)), "/")
	style := regexp.MustCompile(`(?s)<style>(.*?)</style>`).FindStringSubmatch(page)
	if style == nil {
		t.Fatal("the page has no style")
	}
	sum := sha256.Sum256([]byte(style[1]))
	want := "style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "';"
	if csp := res.Header.Get("Content-Security-Policy"); !strings.Contains(csp, want) {
		t.Errorf("policy %q has not %q", csp, want)
	}
	if regexp.MustCompile(`\s(style|on\w+)=|<script|<link|url\(|@import|(src|href)="https?:`).MatchString(page) {
		t.Error("the page has what its policy blocks: an inline style, a script, or something to load")
	}
}

func TestPageCanHoldStill(t *testing.T) {
	addr := status(t, snapshot(newShop(t).open().Status))
	const refresh = `http-equiv="refresh" content="10"`
	if _, page := ask(t, "GET", addr, "/"); !strings.Contains(page, refresh) {
		t.Error("the page does not refresh itself")
	}
	if _, page := ask(t, "GET", addr, "/?refresh=off"); strings.Contains(page, refresh) {
		t.Error("the page does not hold still")
	}
}

func TestRepeatedRefusalsAreOne(t *testing.T) {
	var rs []proxy.Refusal
	for range 20 {
		rs = append(rs, proxy.Refusal{Time: time.Now(), Remote: "10.0.0.1:40000", Status: 403, Reason: "subject-not-allowed", Subject: "CN=again", Allow: "subject: 'CN=again'"})
	}
	rs = append(rs,
		proxy.Refusal{Time: time.Now(), Remote: "10.0.0.2:40000", Reason: "no-certificate"},
		proxy.Refusal{Time: time.Now(), Remote: "10.0.0.2:40001", Reason: "no-certificate"},
		proxy.Refusal{Time: time.Now(), Remote: "10.0.0.3:40000", Reason: "no-certificate"})
	s := snapshot(newShop(t).open().Status, rs...)
	_, page := ask(t, "GET", status(t, s), "/")
	if n := strings.Count(page, `<pre class="paste"`); n != 1 || !strings.Contains(page, "20 times") {
		t.Errorf("the same refusal 20 times is shown %d times", n)
	}
	if n := strings.Count(page, `<b class="reason">no-certificate</b>`); n != 2 || !strings.Contains(page, "2 times") {
		t.Errorf("refusals of two hosts are shown as %d", n)
	}
	if got := len(reportOf(t, s).Ingress[0].Refusals); got != len(rs) {
		t.Errorf("the JSON has %d refusals, want all %d", got, len(rs))
	}
}
