package admin_test

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sidegate/sidegate/proxy/admin"
	"github.com/sidegate/sidegate/proxy/metric"
)

func yes() bool { return true }
func no() bool  { return false }

func TestProbesSayYesOrNoAndNothingElse(t *testing.T) {
	expired := func() error { return errors.New("the certificate CN=secret.example has expired") }
	ready := func() error { return nil }
	tests := []struct {
		name   string
		probe  admin.Probe
		path   string
		status int
		body   string
	}{
		{"alive", admin.Probe{}, "/livez", 200, "ok\n"},
		{"started", admin.Probe{Started: yes}, "/startz", 200, "ok\n"},
		{"starting", admin.Probe{Started: no}, "/startz", 503, "not started\n"},
		{"the zero Probe has not started", admin.Probe{}, "/startz", 503, "not started\n"},
		{"ready", admin.Probe{Ready: ready}, "/readyz", 200, "ok\n"},
		{"not ready, without the reason", admin.Probe{Ready: expired}, "/readyz", 503, "not ready\n"},
		{"the zero Probe is not ready", admin.Probe{}, "/readyz", 503, "not ready\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			addr := serve(t, admin.NewHealth(tt.probe))
			if res, body := ask(t, "GET", addr, tt.path); res.StatusCode != tt.status || body != tt.body {
				t.Errorf("GET %s = %d %q, want %d %q", tt.path, res.StatusCode, body, tt.status, tt.body)
			}
			if res, body := ask(t, "HEAD", addr, tt.path); res.StatusCode != tt.status || body != "" {
				t.Errorf("HEAD %s = %d %q, want %d without a body", tt.path, res.StatusCode, body, tt.status)
			}
		})
	}
}

// Kubelet asks by the pod's address, and Prometheus by any name.
func TestHealthAnswersUnderAnyHost(t *testing.T) {
	addr := serve(t, admin.NewHealth(admin.Probe{}))
	if res, _ := ask(t, "GET", addr, "/livez", "Host", "10.42.0.17:9901"); res.StatusCode != 200 {
		t.Errorf("GET /livez by the pod's address = %d, want 200", res.StatusCode)
	}
}

func TestReadyIsAskedEachTime(t *testing.T) {
	down := make(chan struct{})
	addr := serve(t, admin.NewHealth(admin.Probe{Ready: func() error {
		select {
		case <-down:
			return errors.New("draining")
		default:
			return nil
		}
	}}))
	before, _ := ask(t, "GET", addr, "/readyz")
	close(down)
	after, _ := ask(t, "GET", addr, "/readyz")
	if before.StatusCode != 200 || after.StatusCode != 503 {
		t.Errorf("/readyz = %d, then %d; want 200, then 503", before.StatusCode, after.StatusCode)
	}
}

func TestMetrics(t *testing.T) {
	var reg metric.Registry
	reg.NewCounter("sidegate_things_total", "Things.").With().Inc()
	addr := serve(t, admin.NewHealth(admin.Probe{Metrics: &reg}))
	want := "# HELP sidegate_things_total Things.\n# TYPE sidegate_things_total counter\nsidegate_things_total 1\n"
	res, body := ask(t, "GET", addr, "/metrics")
	if contentType := res.Header.Get("Content-Type"); res.StatusCode != 200 || body != want || contentType != "text/plain; version=0.0.4; charset=utf-8" {
		t.Errorf("GET /metrics = %d %s\n%s", res.StatusCode, contentType, body)
	}
	if res, body := ask(t, "HEAD", addr, "/metrics"); res.StatusCode != 200 || body != "" {
		t.Errorf("HEAD /metrics = %d %q", res.StatusCode, body)
	}
}

// What a file or a certificate has in it may not blind the monitoring.
func TestOneBadSeriesDoesNotHideTheOthers(t *testing.T) {
	var reg metric.Registry
	bad := reg.NewSampled(metric.KindGauge, "bad", "Bad.", "file")
	reg.Collect(func(s *metric.Scrape) {
		for range 2 {
			s.Value(bad, 1, "a\xff\"\n} b")
		}
	})
	reg.NewGauge("good", "Good.").With()
	addr := serve(t, admin.NewHealth(admin.Probe{Metrics: &reg}))
	res, body := ask(t, "GET", addr, "/metrics")
	if res.StatusCode != 200 || !strings.Contains(body, "\ngood 0\n") || strings.Count(body, "\nbad{") != 1 {
		t.Errorf("GET /metrics = %d\n%s", res.StatusCode, body)
	}
}

func TestTooManyScrapesAreRefused(t *testing.T) {
	var reg metric.Registry
	scraping, finish := make(chan struct{}), make(chan struct{})
	reg.Collect(func(*metric.Scrape) { scraping <- struct{}{}; <-finish })
	h := admin.NewHealth(admin.Probe{Metrics: &reg})
	var all sync.WaitGroup
	scrape := func() int {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
		return w.Code
	}
	for range 4 {
		all.Go(func() {
			if code := scrape(); code != 200 {
				t.Errorf("one of four scrapes = %d", code)
			}
		})
		<-scraping
	}
	if code := scrape(); code != 503 {
		t.Errorf("a fifth scrape = %d, want 503", code)
	}
	close(finish)
	all.Wait()
	go func() { <-scraping }()
	if code := scrape(); code != 200 {
		t.Errorf("a scrape afterwards = %d, want 200", code)
	}
}

func TestHealthHasNothingElse(t *testing.T) {
	addr := serve(t, admin.NewHealth(admin.Probe{Started: yes}))
	for _, line := range []string{
		"GET /", "GET /status.json", "GET /debug/pprof/", "GET /debug/vars", "GET /livez/", "GET //livez", "GET /LIVEZ",
		"GET /metrics", // nil Metrics
		"POST /livez", "PUT /startz", "DELETE /readyz", "OPTIONS /livez", "OPTIONS *", "TRACE /livez", "CONNECT /livez",
	} {
		if code := rawStatus(t, addr, line); code != http.StatusNotFound {
			t.Errorf("%s = %d, want 404", line, code)
		}
	}
}

// rawStatus sends a request line as it stands, which net/http would not, and
// returns the status of the answer.
func rawStatus(t *testing.T, addr, line string) int {
	t.Helper()
	c := dial(t, addr)
	fmt.Fprintf(c, "%s HTTP/1.1\r\nHost: localhost\r\n\r\n", line)
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	res.Body.Close()
	return res.StatusCode
}

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	return c
}
