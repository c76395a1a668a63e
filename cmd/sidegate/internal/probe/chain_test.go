package probe_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sidegate/sidegate/cmd/sidegate/internal/probe"
	"github.com/sidegate/sidegate/proxy/minica"
)

// A server that is not the one that was meant is told in words, with all else
// that there is to see, and gets no request.
func TestAServerThatDoesNotVerifyGetsNoRequest(t *testing.T) {
	w := newWorld(t)
	// chain is what the server of a certificate sends.
	chain := func(c *minica.Cert, more ...*x509.Certificate) tls.Certificate {
		cert := tls.Certificate{Certificate: [][]byte{c.Leaf.Raw}, PrivateKey: c.Key, Leaf: c.Leaf}
		for _, m := range more {
			cert.Certificate = append(cert.Certificate, m.Raw)
		}
		return cert
	}
	past, future := time.Now().Add(-49*time.Hour), time.Now().Add(48*time.Hour)
	aia := w.issue(minica.Options{Change: func(c *x509.Certificate) {
		c.IssuingCertificateURL = []string{"http://ca.example/issuing.crt"}
	}})
	stale := must(w.root.NewCA(minica.Options{Subject: "CN=Stale CA", NotAfter: past}))
	codeCA := must(w.root.NewCA(minica.Options{Subject: "CN=Client CA", Usage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}))
	twin := must(minica.New(minica.Options{Subject: "CN=Root,O=Test,C=BE"}))
	alone := must(minica.New(minica.Options{Subject: "CN=Alone"}))
	ip := minica.Options{Subject: "CN=s", IPs: []net.IP{net.IPv4(127, 0, 0, 1)}}
	for _, tt := range []struct {
		name  string
		cert  tls.Certificate
		words string
		told  []string
	}{
		{"expired", w.issue(minica.Options{NotAfter: past}).TLS(), "expired", []string{"the server's certificate expired on ", "2 days ago", "reload it"}},
		{"not yet valid", w.issue(minica.Options{NotBefore: future}).TLS(), "not-yet-valid", []string{"is not valid before"}},
		{"an expired CA", must(stale.Issue(ip)).TLS(), "expired", []string{"the CA above the server's certificate, CN=Stale CA, expired on"}},
		{"a missing intermediate", chain(aia), "unknown-ca",
			[]string{`("x509: certificate signed by unknown authority")`, "sends no intermediate", "CN=Issuing CA,O=Test,C=BE", "which is at http://ca.example/issuing.crt"}},
		{"another root, sent", chain(must(alone.Issue(ip)), alone.Leaf), "unknown-ca", []string{"ends at the root CN=Alone", "--ca"}},
		{"another root of the same name", must(twin.Issue(ip)).TLS(), "unknown-ca", []string{"a CA called CN=Root,O=Test,C=BE is trusted, but with another key"}},
		{"another name", w.issue(minica.Options{DNS: []string{"other.example"}}).TLS(), "name-mismatch", []string{"is for other.example, and not for 127.0.0.1"}},
		{"no name at all", w.issue(minica.Options{DNS: []string{}}).TLS(), "name-mismatch", []string{"no subjectAltName at all"}},
		{"the name in the CN alone", w.issue(minica.Options{Subject: "CN=127.0.0.1", DNS: []string{"other.example"}}).TLS(), "name-mismatch", nil},
		{"a client's certificate", w.issue(minica.Options{Usage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}).TLS(), "wrong-usage", []string{"is limited to clientAuth"}},
		{"a client CA", must(codeCA.Issue(ip)).TLS(), "wrong-usage", []string{"CN=Client CA is limited to clientAuth"}},
		{"expired and for another", w.issue(minica.Options{NotAfter: past, DNS: []string{"other.example"}}).TLS(), "expired name-mismatch", nil},
		{"too many", chain(w.server, w.middle.Leaf, w.root.Leaf, alone.Leaf, twin.Leaf, stale.Leaf), "too-large", []string{"6 certificates"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel() // each waits a second for a refusal
			called := make(chan struct{}, 1)
			cfg := &tls.Config{Certificates: []tls.Certificate{tt.cert}, ClientAuth: tls.RequestClientCert}
			r := run(t, serve(t, cfg, func(http.ResponseWriter, *http.Request) { called <- struct{}{} }), w.withCertificate())
			text := textOf(r)
			if got := wordsOf(r, false); got != tt.words {
				t.Errorf("found %q, want %q", got, tt.words)
			}
			for _, want := range append(tt.told, "no request was sent: it goes to a server that is verified", "TLS 1.3, TLS_AES", "SHA-256 ") {
				if !strings.Contains(text, want) {
					t.Errorf("not told: %q, in\n%s", want, text)
				}
			}
			if len(called) > 0 {
				t.Error("a request was sent")
			}
		})
	}
}

func TestANameInTheCNAloneIsExplained(t *testing.T) {
	w := newWorld(t)
	cfg := &tls.Config{Certificates: []tls.Certificate{w.issue(minica.Options{Subject: "CN=api.example", DNS: []string{"other.example"}}).TLS()}}
	o := w.trusting()
	o.ServerName = "api.example"
	r := run(t, serve(t, cfg, hello), o)
	if got := textOf(r); wordsOf(r, true) != "name-mismatch" || !strings.Contains(got, "api.example is only the common name (CN)") || !strings.Contains(got, "OpenSSL and curl may take it") {
		t.Error(got)
	}
}

// What is sent needlessly or out of order is told, and does no harm here.
func TestTheOrderOfTheChainIsTold(t *testing.T) {
	w := newWorld(t)
	other := must(minica.New(minica.Options{Subject: "CN=Stranger"}))
	lower := must(w.middle.NewCA(minica.Options{Subject: "CN=Lower"}))
	leaf := must(lower.Issue(minica.Options{Subject: "CN=s", IPs: []net.IP{net.IPv4(127, 0, 0, 1)}}))
	for _, tt := range []struct {
		name    string
		sent    []*x509.Certificate
		failing string
		all     string
	}{
		{"right", []*x509.Certificate{lower.Leaf, w.middle.Leaf}, "", ""},
		{"with the root", []*x509.Certificate{lower.Leaf, w.middle.Leaf, w.root.Leaf}, "", "root-sent"},
		{"with one twice", []*x509.Certificate{lower.Leaf, lower.Leaf, w.middle.Leaf}, "", "duplicate"},
		{"with a stranger", []*x509.Certificate{lower.Leaf, other.Leaf, w.middle.Leaf}, "", "not-in-chain"},
		{"out of order", []*x509.Certificate{w.middle.Leaf, lower.Leaf}, "chain-order", "chain-order"},
		{"root first", []*x509.Certificate{w.root.Leaf, w.middle.Leaf, lower.Leaf}, "chain-order", "chain-order root-sent"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cert := tls.Certificate{Certificate: [][]byte{leaf.Leaf.Raw}, PrivateKey: leaf.Key}
			for _, c := range tt.sent {
				cert.Certificate = append(cert.Certificate, c.Raw)
			}
			r := run(t, serve(t, &tls.Config{Certificates: []tls.Certificate{cert}}, hello), w.trusting())
			if got := wordsOf(r, false); got != tt.failing {
				t.Errorf("found %q, want %q", got, tt.failing)
			}
			if got := wordsOf(r, true); got != tt.all {
				t.Errorf("found %q with notes, want %q", got, tt.all)
			}
			if r.HTTP == nil || r.Verified == nil || len(r.Verified.Subjects) != 4 || !strings.HasSuffix(r.Verified.Source, "ca.pem") {
				t.Error(textOf(r))
			}
		})
	}
}

// Nothing of a certificate reaches the terminal but what can be seen.
func TestCertificatesCannotWriteToTheTerminal(t *testing.T) {
	w := newWorld(t)
	evil := must(asn1.Marshal(pkix.RDNSequence{{{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: "a\x1b[2J\r\nall is well\u202e\u200b"}}}))
	cert := w.issue(minica.Options{RawSubject: evil, DNS: []string{"x\x1b]0;owned\x07\nhttp        HTTP/1.1 200 OK"}})
	cfg := w.requiring(must(minica.New(minica.Options{RawSubject: evil})))
	cfg.Certificates = []tls.Certificate{cert.TLS()}
	r := run(t, serve(t, cfg, hello), w.withCertificate())
	for _, told := range []string{textOf(r), string(must(json.Marshal(r)))} {
		if strings.ContainsAny(told, "\x1b\x07\r\u202e\u200b") || strings.Count(told, "\nhttp  ") > 1 {
			t.Errorf("told as it is:\n%q", told)
		}
		if n := strings.Count(told, "(ambiguous)"); n < 2 { // the server's Subject, and the CA that it names
			t.Errorf("marked %d times:\n%s", n, told)
		}
	}
}

func TestAWeakKeyAndANearEndAreTold(t *testing.T) {
	w := newWorld(t)
	key := must(rsa.GenerateKey(rand.Reader, 1024))
	cert := w.issue(minica.Options{Key: key, NotBefore: time.Now().Add(-90 * 24 * time.Hour), NotAfter: time.Now().Add(5*24*time.Hour + time.Hour)})
	r := run(t, serve(t, &tls.Config{Certificates: []tls.Certificate{cert.TLS()}}, hello), w.trusting())
	if got := wordsOf(r, true); got != "ends-soon weak-key" || r.Chain[0].DaysLeft != 5 || r.Chain[0].Key != "RSA 1024" {
		t.Errorf("found %q\n%s", got, textOf(r))
	}
}

// The report is found by what people and scripts look for.
func TestTheReportOfAGoodServer(t *testing.T) {
	w := newWorld(t)
	r := run(t, "https://"+serve(t, w.requiring(w.root), hello)+"/path?q=1#part", w.withCertificate())
	text := textOf(r)
	for _, want := range []string{
		"/path?q=1\n", "first of 1 tried, connected in ", "X25519MLKEM768 (post-quantum)", "ALPN http/1.1", "sent        2 certificates\n",
		"1         CN=server.example,O=Partner SA,C=BE\n", "issued by CN=Issuing CA,O=Test,C=BE\n", "for server.example, 127.0.0.1\n", "less than a day left",
		"ECDSA P-256, signed with ECDSA-SHA256", "yes, against --ca: CN=server.example,O=Partner SA,C=BE > CN=Issuing CA,O=Test,C=BE > CN=Root,O=Test,C=BE\n",
		"127.0.0.1 is among the names", "HTTP/1.1 200 OK\n", "all is well\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("not told: %q, in\n%s", want, text)
		}
	}
	if r.Failed() || strings.Contains(text, "#part") {
		t.Errorf("told as it is not:\n%s", text)
	}
	if r.Trust != "files" || !r.HostFits || r.TLS.ALPN != "http/1.1" || !r.TLS.PostQuantum || r.ClientAuth.Verdict != probe.VerdictAccepted {
		t.Errorf("%+v", r)
	}
}
