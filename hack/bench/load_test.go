package main

import (
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// aServer is a TLS server that stands for a proxy and the application in one.
func aServer(t *testing.T, change func(*tls.Config), handle http.HandlerFunc) (*bench, *instance) {
	t.Helper()
	b := &bench{options: options{warm: 10 * time.Millisecond, window: 100 * time.Millisecond, idle: 20}, log: io.Discard, dir: t.TempDir()}
	var err error
	if b.pki, err = newPKI(b.dir, serverP256); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(b.dir, serverP256+".pem")
	cert, err := tls.LoadX509KeyPair(file, file)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(handle)
	srv.EnableHTTP2 = true
	srv.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: b.pki.roots}
	if change != nil {
		change(srv.TLS)
	}
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // clients go away while they are answered
	srv.StartTLS()
	t.Cleanup(srv.Close)
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	return b, &instance{process: &process{name: "a server", out: os.DevNull, cmd: &exec.Cmd{Process: self}}, peer: peers()[0], addr: srv.Listener.Addr().String(), variant: variant{Server: serverP256, HTTP2: true}}
}

// answer is what the application behind an honest proxy answers.
func answer(w http.ResponseWriter, r *http.Request) {
	subject := r.TLS.PeerCertificates[0].Subject.String()
	_, _ = io.Copy(io.Discard, r.Body)
	switch {
	case subject != clientSubject:
		http.Error(w, "no", http.StatusForbidden)
	case r.URL.Path == subjectPath:
		_, _ = io.WriteString(w, subject)
	default:
		_, _ = io.WriteString(w, strings.Repeat("x", smallBody))
	}
}

func TestEveryRowRunsAgainstAServer(t *testing.T) {
	needsProc(t)
	b, i := aServer(t, nil, answer)
	if err := b.check(t.Context(), i); err != nil {
		t.Fatal(err)
	}
	for _, r := range rows() {
		if r.measure == nil || r.name == "download" {
			continue // 10 MiB take longer than this test's window under the race detector
		}
		s, err := r.measure(t.Context(), b, i)
		if err != nil {
			t.Errorf("%s: %v", r.name, err)
		} else if s.requests == 0 || s.bytes < s.requests*smallBody || s.p50 == 0 || s.p99 < s.p50 {
			t.Errorf("%s: %+v", r.name, s)
		}
	}
}

func TestIdleConnectionsAreOpenAndStayOpen(t *testing.T) {
	b, i := aServer(t, nil, answer)
	clients := make([]*client, b.idle)
	if err := b.openIdle(t.Context(), i.addr, clients); err != nil {
		t.Fatal(err)
	}
	if err := stillThere(clients); err != nil {
		t.Error(err)
	}
	for _, c := range clients {
		c.close()
	}
	if err := stillThere(clients); err == nil {
		t.Error("connections that are closed were still there")
	}
}

func TestAWrongAnswerEndsTheRun(t *testing.T) {
	needsProc(t)
	for name, handle := range map[string]http.HandlerFunc{
		"500": func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, strings.Repeat("x", 99), http.StatusInternalServerError)
		},
		"too short": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "short") },
		"an early end": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "short")
		},
	} {
		b, i := aServer(t, nil, handle)
		for row, measure := range map[string]func() (sample, error){
			"get":       func() (sample, error) { return get(t.Context(), b, i) },
			"h2":        func() (sample, error) { return getHTTP2(t.Context(), b, i) },
			"handshake": func() (sample, error) { return handshake(t.Context(), b, i) },
			"resumed":   func() (sample, error) { return resumed(t.Context(), b, i) },
		} {
			if s, err := measure(); err == nil {
				t.Errorf("%s, when the answer is %s: %+v, want an error", row, name, s)
			}
		}
	}
}

func TestAServerThatDoesNotResumeIsNotMeasured(t *testing.T) {
	needsProc(t)
	b, i := aServer(t, func(c *tls.Config) { c.SessionTicketsDisabled = true }, answer)
	if _, err := resumed(t.Context(), b, i); !errors.Is(err, errNotResumed) {
		t.Errorf("error %v, want %v", err, errNotResumed)
	}
}

func TestAProxyThatDoesNotDoItsJobIsNotTimed(t *testing.T) {
	for name, test := range map[string]struct {
		handle http.HandlerFunc
		want   string
	}{
		"lets strangers in": {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, clientSubject) }, "the stranger " + strangers[0]},
		"believes what it is told": {func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, r.Header.Get("X-Client-Subject"))
		}, "was told \"CN=admin\""},
		"refuses everybody": {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusForbidden) }, "the answer to our client is 403"},
	} {
		b, i := aServer(t, nil, test.handle)
		if err := b.check(t.Context(), i); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("a proxy that %s: error %v, want %q", name, err, test.want)
		}
	}
}
