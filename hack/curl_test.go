package hack

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// pki makes the certificates of the test with openssl, as the partners of a
// Sidegate user make theirs. An expired one is made by -days 0.
const pki = `
set -e
new() { openssl req -utf8 -new -newkey rsa:2048 -nodes -keyout $1.key -out $1.csr -subj "$2"; }
ca() { new $1 "$2"; printf 'basicConstraints=critical,CA:TRUE' >ext; openssl x509 -req -days 2 -in $1.csr -signkey $1.key -extfile ext -out $1.crt; }
leaf() { new $1 "$2"; printf "$5" >ext; openssl x509 -req -days $4 -in $1.csr -CA $3.crt -CAkey $3.key -CAcreateserial -extfile ext -out $1.crt; }
ca ours '/O=Our CA'
ca strangers '/O=Strangers CA'
leaf server '/CN=localhost' ours 2 'subjectAltName=DNS:localhost'
leaf partner '/C=BE/O=Société \+ Co, SA/CN=partner.example' ours 2 'extendedKeyUsage=clientAuth'
leaf other '/C=BE/O=Other/CN=partner.example' ours 2 'extendedKeyUsage=clientAuth'
leaf stranger '/C=BE/O=Société \+ Co, SA/CN=partner.example' strangers 2 'extendedKeyUsage=clientAuth'
leaf expired '/C=BE/O=Other/CN=expired' ours 0 'extendedKeyUsage=clientAuth'
mkdir tls && mv server.crt tls/tls.crt && mv server.key tls/tls.key
`

const partnerSubject = `CN=partner.example,O=Soci\C3\A9t\C3\A9 \+ Co\, SA,C=BE`

// TestCurlIsThePartner lets curl call through the real binary with certificates
// made by openssl: who gets in, who gets what instead, and what the log says.
func TestCurlIsThePartner(t *testing.T) {
	for _, tool := range []string{"bash", "openssl", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("this test needs %s, which is not on this machine", tool)
		}
	}
	g := startGate(t)
	tests := []struct {
		caller string // names the certificate; none if empty
		http2  bool
		body   string // what curl prints
		reason string
		status float64 // in the log; 0: the handshake
	}{
		{"partner", false, partnerSubject, "ok", 200},
		{"partner", true, partnerSubject, "ok", 200},
		{"other", false, "403 Forbidden: subject-not-allowed", "subject-not-allowed", 403},
		{"other", true, "403 Forbidden: subject-not-allowed", "subject-not-allowed", 403},
		{"stranger", false, "alert", "unknown-ca", 0},
		{"expired", false, "alert", "expired", 0},
		{"", false, "alert", "no-certificate", 0},
	}
	for _, test := range tests {
		t.Run(fmt.Sprintf("certificate %q, HTTP/2 %v", test.caller, test.http2), func(t *testing.T) {
			args := []string{"-sS", "--cacert", "ours.crt", "--http1.1", "-H", "X_Client_Subject: CN=admin", g.url}
			if test.http2 {
				args[3] = "--http2"
			}
			if test.caller != "" {
				args = append(args, "--cert", test.caller+".crt", "--key", test.caller+".key")
			}
			curl := exec.CommandContext(t.Context(), "curl", args...)
			curl.Dir = g.dir
			out, _ := curl.CombinedOutput()
			if got := strings.TrimSpace(string(out)); test.body == "alert" && !strings.Contains(got, "alert") || test.body != "alert" && got != test.body {
				t.Errorf("curl printed %q, want %q", got, test.body)
			}
			g.logged(t, test.reason, test.status)
		})
	}
	t.Run("a curl that does not trust the server", func(t *testing.T) {
		curl := exec.CommandContext(t.Context(), "curl", "-sS", g.url, "--cert", "partner.crt", "--key", "partner.key")
		curl.Dir = g.dir
		if out, err := curl.CombinedOutput(); err == nil {
			t.Errorf("curl trusted an unknown CA: %s", out)
		}
		g.logged(t, "client-alert", 0)
		if !strings.Contains(g.log(), "unknown certificate authority") {
			t.Errorf("the log does not say what the client said:\n%s", g.log())
		}
	})
	if !strings.Contains(g.log(), `"allow":"subject: 'CN=partner.example,O=Other,C=BE'"`) {
		t.Error("the log has no line to paste for the refused Subject")
	}
}

// A gateProcess is a running sidegate.
type gateProcess struct{ dir, url string }

// startGate runs the binary in a new directory, before an application that
// answers with every X-Client-Subject it is sent, however spelt.
func startGate(t *testing.T) *gateProcess {
	g := &gateProcess{dir: t.TempDir()}
	bin := t.TempDir()
	build(t, "go", "build", "-o", bin, "../cmd/sidegate")
	makeCertificates(t, g.dir)
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, values := range r.Header {
			if strings.EqualFold(strings.ReplaceAll(name, "_", "-"), "X-Client-Subject") {
				fmt.Fprintln(w, strings.Join(values, "\n"))
			}
		}
	}))
	t.Cleanup(app.Close)
	config := fmt.Sprintf("ingress:\n- listen: 127.0.0.1:0\n  upstream: %s\n  certificate: tls\n  clientCA: ours.crt\n  http2: true\n  allow:\n  - subject: '%s'\nhealth: {listen: off}\nadmin: {listen: off}\ndrainDelay: 0s\n", app.URL, partnerSubject)
	if err := os.WriteFile(filepath.Join(g.dir, "sidegate.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(g.dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.CommandContext(t.Context(), filepath.Join(bin, "sidegate"), "run", "--config", "sidegate.yaml")
	cmd.Dir, cmd.Stderr = g.dir, log
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Wait() })
	_, port, _ := net.SplitHostPort(g.wait(t, func(line map[string]any) bool { return line["what"] == "ingress" })["address"].(string))
	g.url = "https://localhost:" + port + "/"
	return g
}

func makeCertificates(t *testing.T, dir string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", "-c", pki)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("openssl: %v\n%s", err, out)
	}
}

func (g *gateProcess) log() string {
	b, _ := os.ReadFile(filepath.Join(g.dir, "log"))
	return string(b)
}

// logged waits for a log line with the reason and the status.
func (g *gateProcess) logged(t *testing.T, reason string, status float64) {
	t.Helper()
	g.wait(t, func(line map[string]any) bool {
		s, _ := line["status"].(float64)
		return line["reason"] == reason && s == status
	})
}

// wait returns the first log line that fits.
func (g *gateProcess) wait(t *testing.T, fits func(map[string]any) bool) map[string]any {
	t.Helper()
	tick, deadline := time.NewTicker(10*time.Millisecond), time.After(15*time.Second)
	defer tick.Stop()
	for {
		for line := range bytes.Lines([]byte(g.log())) {
			fields := map[string]any{}
			if json.Unmarshal(line, &fields) == nil && fits(fields) {
				return fields
			}
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("the log line never came; the log is:\n%s", g.log())
		}
	}
}
