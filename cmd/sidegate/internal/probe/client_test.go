package probe_test

import (
	"crypto/tls"
	"net/http"
	"strings"
	"testing"

	"github.com/sidegate/sidegate/cmd/sidegate/internal/probe"
	"github.com/sidegate/sidegate/proxy/minica"
)

// Whether our certificate is asked for, presented and accepted is told for both
// versions of TLS, which tell it at different times.
func TestWhatBecomesOfTheClientCertificate(t *testing.T) {
	w := newWorld(t)
	stranger := must(minica.New(minica.Options{Subject: "CN=Another CA"}))
	asking := w.config()
	asking.ClientAuth = tls.RequestClientCert
	unhinted := w.config()
	unhinted.ClientAuth = tls.RequireAnyClientCert
	for _, tt := range []struct {
		name           string
		server         *tls.Config
		options        probe.Options
		words, verdict string
		told           []string
	}{
		{"not asked, none given", w.config(), w.trusting(), "", probe.VerdictNotAsked, []string{"no certificate was asked for", "200 OK", "all is well"}},
		{"not asked, one given", w.config(), w.withCertificate(), "not-asked", probe.VerdictNotAsked, []string{"does not do mutual TLS"}},
		{"asked politely, none given", asking, w.trusting(), "", probe.VerdictNone, []string{"of whatever CA", "none was presented"}},
		{"required and accepted", w.requiring(w.root), w.withCertificate(), "", probe.VerdictAccepted,
			[]string{"of 1 CA:", "  CN=Root,O=Test,C=BE", "presented " + clientDN, "issued by CN=Issuing CA,O=Test,C=BE", "accepted", "200 OK"}},
		{"required of any CA and accepted", unhinted, w.withCertificate(), "", probe.VerdictAccepted, []string{"of whatever CA", "accepted"}},
		{"required and none given", w.requiring(w.root), w.trusting(), "certificate-required", probe.VerdictNone, []string{"wants a client certificate and got none", "--certificate"}},
		{"refused by its CA, which is not in the hints", w.requiring(stranger), w.withCertificate(), "certificate-refused", probe.VerdictRefused,
			[]string{"CN=Another CA", "refused our certificate with the alert", "send the partner our full Subject, " + clientDN, "certificate of its issuing CA, CN=Issuing CA,O=Test,C=BE"}},
	} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			t.Run(tt.name+", "+tls.VersionName(version), func(t *testing.T) {
				cfg := tt.server.Clone()
				cfg.MinVersion, cfg.MaxVersion = version, version
				r := run(t, "https://"+serve(t, cfg, hello), tt.options)
				if got := wordsOf(r, false); got != tt.words {
					t.Errorf("found %q, want %q", got, tt.words)
				}
				if r.ClientAuth == nil || r.ClientAuth.Verdict != tt.verdict {
					t.Errorf("the verdict is %+v, want %q", r.ClientAuth, tt.verdict)
				}
				if r.TLS != nil && r.TLS.Version != tls.VersionName(version) {
					t.Errorf("told %q", r.TLS.Version)
				}
				for _, want := range tt.told {
					if got := textOf(r); !strings.Contains(got, want) {
						t.Errorf("not told: %q, in\n%s", want, got)
					}
				}
			})
		}
	}
}

// Go would present nothing to a server that names other CAs. We do, and say so.
func TestACertificateIsNotWithheldForTheHints(t *testing.T) {
	w := newWorld(t)
	cfg := w.requiring(must(minica.New(minica.Options{Subject: "CN=Named in vain"})))
	cfg.ClientAuth = tls.RequireAnyClientCert
	r := run(t, "https://"+serve(t, cfg, hello), w.withCertificate())
	if got := wordsOf(r, true); got != "ca-hints" || r.ClientAuth.Verdict != probe.VerdictAccepted || r.HTTP == nil {
		t.Errorf("found %q:\n%s", got, textOf(r))
	}
	if got := textOf(r); !strings.Contains(got, "CN=Issuing CA,O=Test,C=BE, is not among them") {
		t.Errorf("the issuer is not named:\n%s", got)
	}
}

// Without a request, TLS 1.3 tells a refusal and not the contrary.
func TestWithoutARequestAVerdictIsOnlyWhatIsKnown(t *testing.T) {
	w := newWorld(t)
	stranger := must(minica.New(minica.Options{Subject: "CN=Another CA"}))
	called := make(chan struct{}, 10)
	answer := func(http.ResponseWriter, *http.Request) { called <- struct{}{} }
	o := w.withCertificate()
	o.NoRequest = true
	for _, tt := range []struct {
		ca      *minica.CA
		version uint16
		verdict string
	}{
		{w.root, tls.VersionTLS12, probe.VerdictAccepted},
		{w.root, tls.VersionTLS13, probe.VerdictNotRefused},
		{stranger, tls.VersionTLS12, probe.VerdictRefused},
		{stranger, tls.VersionTLS13, probe.VerdictRefused},
	} {
		cfg := w.requiring(tt.ca)
		cfg.MaxVersion = tt.version
		r := run(t, "https://"+serve(t, cfg, answer), o)
		if r.ClientAuth.Verdict != tt.verdict || r.HTTP != nil {
			t.Errorf("%s under %s: %q, want %q\n%s", tls.VersionName(tt.version), tt.ca.Leaf.Subject, r.ClientAuth.Verdict, tt.verdict, textOf(r))
		}
	}
	if len(called) > 0 {
		t.Error("a request was sent")
	}
}
