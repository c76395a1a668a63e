package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sidegate/sidegate/proxy/config"
	"github.com/sidegate/sidegate/proxy/minica"
)

// A world is what a sidecar finds in its pod: mounted certificates, a mounted
// configuration, and an application.
type world struct {
	*pki
	t      *testing.T
	dir    string
	config minica.Mount
	app    *httptest.Server
	log    *logBuffer
}

func newWorld(t *testing.T) *world {
	w := &world{pki: newPKI(), t: t, dir: t.TempDir(), log: &logBuffer{}}
	w.app = httptest.NewServer(http.HandlerFunc(whoami))
	t.Cleanup(w.app.Close)
	w.config = minica.Mount{Dir: filepath.Join(w.dir, "etc")}
	if err := w.write(w.dir); err != nil {
		t.Fatal(err)
	}
	return w
}

// configure replaces the configuration as kubelet replaces a ConfigMap. In the
// document $DIR and $APP stand for what the world has.
func (w *world) configure(yaml string) {
	w.t.Helper()
	yaml = strings.NewReplacer("$DIR", w.dir, "$APP", w.app.URL).Replace(yaml)
	if err := w.config.Write(map[string][]byte{"sidegate.yaml": []byte(yaml)}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) configFile() string { return filepath.Join(w.config.Dir, "sidegate.yaml") }

// one is a document with one ingress that lets dn in.
func one(dn string) string {
	return "ingress:\n" + ingress("ingress", "127.0.0.1:0", dn) + ports
}

const ports = "health: {listen: '127.0.0.1:0'}\nadmin: {listen: '127.0.0.1:0'}\ndrainDelay: 0s\n"

func ingress(name, listen, dn string) string {
	return fmt.Sprintf("  - {name: %s, listen: '%s', upstream: $APP, certificate: $DIR/tls, clientCA: $DIR/ca, allow: [{subject: '%s'}]}\n", name, listen, dn)
}

// open returns a sidecar with the world's configuration that does not run yet.
func (w *world) open() *sidecar {
	w.t.Helper()
	cfg, err := config.Load(w.configFile())
	if err != nil {
		w.t.Fatal(err)
	}
	lines := newJournal(w.log, cfg.Log)
	s, err := newSidecar(w.t.Context(), cfg, sidecarOptions{ConfigFile: w.configFile(), Log: lines.Logger(), LogChanged: lines.Configure})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(s.closeListeners)
	return s
}

// run opens a sidecar and lets it run until the test ends.
func (w *world) run() *sidecar {
	w.t.Helper()
	s := w.open()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	w.t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			w.t.Errorf("the sidecar ended with: %v", err)
		}
	})
	return s
}

// status calls the ingress over a connection of its own.
func (w *world) status(s *sidecar, ingress, as string) int {
	w.t.Helper()
	client := w.client(w.certs[as])
	defer client.CloseIdleConnections()
	status, _, err := fetch(client, "https://"+s.IngressAddr(ingress)+"/")
	if err != nil {
		w.t.Fatalf("call %q as %q: %v", ingress, as, err)
	}
	return status
}

// probe asks the health listener.
func (w *world) probe(s *sidecar, path string) (status int, body string) {
	w.t.Helper()
	status, body, err := fetch(http.DefaultClient, "http://"+s.HealthAddr()+path)
	if err != nil {
		w.t.Fatalf("ask %s: %v", path, err)
	}
	return status, body
}

// metricOf returns the value of the one series of a metric without labels.
func metricOf(t *testing.T, s *sidecar, name string) float64 {
	t.Helper()
	for line := range strings.Lines(string(s.probe.Metrics.Append(nil))) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return must(strconv.ParseFloat(strings.TrimSpace(value), 64))
		}
	}
	t.Fatalf("there is no metric %s", name)
	return 0
}

// A logBuffer is a log that can be read while it is written.
type logBuffer struct {
	mu  sync.Mutex
	buf strings.Builder
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

// count returns the number of lines with all of the texts.
func (l *logBuffer) count(texts ...string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.buf.String()) {
		all := true
		for _, text := range texts {
			all = all && strings.Contains(line, text)
		}
		if all {
			n++
		}
	}
	return n
}

func (l *logBuffer) wait(t *testing.T, texts ...string) {
	t.Helper()
	eventually(t, fmt.Sprintf("a log line with %q", texts), func() bool { return l.count(texts...) > 0 })
}

func TestSidecarServesWhatItIsConfiguredTo(t *testing.T) {
	w := newWorld(t)
	w.configure("ingress:\n" + ingress("a", "127.0.0.1:0", partnerDN) + ingress("b", "127.0.0.1:0", otherDN) + ports)
	s := w.run()
	for _, tt := range []struct {
		ingress, as string
		status      int
	}{{"a", "partner", 200}, {"a", "other", 403}, {"b", "partner", 403}, {"b", "other", 200}} {
		if got := w.status(s, tt.ingress, tt.as); got != tt.status {
			t.Errorf("%s at %s: %d, want %d", tt.as, tt.ingress, got, tt.status)
		}
	}
	eventually(t, "the metrics", func() bool { // a request is counted after it is answered
		_, metrics := w.probe(s, "/metrics")
		return strings.Contains(metrics, `sidegate_requests_total{listener="a",result="ok",rule="rule-1"} 1`) &&
			strings.Contains(metrics, "sidegate_build_info{") && strings.Contains(metrics, "go_goroutines")
	})
}

// docs/metrics.md is made without a sidecar: it must not miss what only one adds.
func TestEveryMetricIsInTheManual(t *testing.T) {
	w := newWorld(t)
	w.configure(one(partnerDN))
	manual := string(must(os.ReadFile("../../docs/metrics.md")))
	for _, f := range w.open().probe.Metrics.Families() {
		if !strings.Contains(manual, "| `"+f.Name+"` |") {
			t.Errorf("docs/metrics.md does not have %s", f.Name)
		}
	}
}

func TestTheStatusPageShowsWhatHappens(t *testing.T) {
	w := newWorld(t)
	w.configure(one(partnerDN))
	s := w.run()
	open := w.client(w.certs["partner"])
	defer open.CloseIdleConnections()
	if status, _, err := fetch(open, "https://"+s.IngressAddr("ingress")+"/"); status != 200 {
		t.Fatalf("status %d, %v", status, err)
	}
	w.status(s, "ingress", "other")
	eventually(t, "the other one gone", func() bool { return s.gates[0].ingress.Connections() == 1 })
	status, page, err := fetch(http.DefaultClient, "http://"+s.AdminAddr()+"/status.json")
	if err != nil || status != 200 {
		t.Fatalf("status %d, %v", status, err)
	}
	for _, want := range []string{`"connections": 1`, otherDN, "subject: " + strings.ReplaceAll(partnerDN, `\`, `\\`), s.IngressAddr("ingress"), w.configFile()} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not show %s:\n%s", want, page)
		}
	}
}

func TestNothingIsBoundUnlessEverythingCanBe(t *testing.T) {
	taken := must(net.Listen("tcp", "127.0.0.1:0"))
	defer taken.Close()
	free := must(net.Listen("tcp", "127.0.0.1:0"))
	free.Close()
	w := newWorld(t)
	w.configure("ingress:\n" + ingress("a", free.Addr().String(), partnerDN) + ingress("b", taken.Addr().String(), partnerDN) + ports)
	s, err := newSidecar(t.Context(), must(config.Load(w.configFile())), sidecarOptions{})
	if s != nil || err == nil || !strings.Contains(err.Error(), `ingress "b"`) {
		t.Fatalf("a sidecar was made of a taken address: %v", err)
	}
	again, err := net.Listen("tcp", free.Addr().String())
	if err != nil {
		t.Fatalf("the listener of the other ingress was left behind: %v", err)
	}
	again.Close()
}

func TestAllCertificateFaultsAreToldAtOnce(t *testing.T) {
	w := newWorld(t)
	w.configure("ingress:\n" + ingress("a", "127.0.0.1:0", partnerDN) + ingress("b", "127.0.0.1:0", partnerDN) + ports)
	for _, file := range []string{"tls/tls.key", "ca/ca.crt"} {
		if err := os.Remove(filepath.Join(w.dir, file)); err != nil {
			t.Fatal(err)
		}
	}
	_, err := newSidecar(t.Context(), must(config.Load(w.configFile())), sidecarOptions{})
	if err == nil {
		t.Fatal("a sidecar was made without a key")
	}
	for _, want := range []string{`ingress "a": certificate: ` + w.dir + "/tls/tls.key: does not exist", `ingress "b": clientCA: ` + w.dir + "/ca: "} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q:\n%v", want, err)
		}
	}
	if n := strings.Count(err.Error(), "\n"); n != 3 {
		t.Errorf("%d lines, want 4:\n%v", n+1, err)
	}
}

func TestStartupWaitsForCertificates(t *testing.T) {
	w := newWorld(t)
	key := filepath.Join(w.dir, "tls/tls.key")
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	w.configure(one(partnerDN) + "startupWait: 1m\n")
	go func() {
		for w.log.count("waiting for certificates") == 0 && t.Context().Err() == nil {
			<-time.After(time.Millisecond)
		}
		_ = os.WriteFile(key, w.certs["tls"].KeyPEM(), 0o644)
	}()
	if s := w.run(); w.status(s, "ingress", "partner") != 200 {
		t.Error("not served after the wait")
	}
}

func TestReadinessFollowsTheServedCertificate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := serverOptions()
	o.NotBefore, o.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(3*time.Second)
	w.issue("tls", o)
	if err := w.write(w.dir); err != nil {
		t.Fatal(err)
	}
	w.configure(one(partnerDN))
	s := w.run()
	w.log.wait(t, "listening")
	eventually(t, "ready", func() bool { status, _ := w.probe(s, "/readyz"); return status == 200 })
	eventually(t, "not ready after expiry", func() bool { status, _ := w.probe(s, "/readyz"); return status == 503 })
	if err := s.ready(); err == nil || !strings.Contains(err.Error(), "expired") {
		t.Errorf("not ready, because: %v", err)
	}
	if status, _ := w.probe(s, "/livez"); status != 200 {
		t.Error("a restart would not mend an expired certificate, but livez asks for one")
	}
}
