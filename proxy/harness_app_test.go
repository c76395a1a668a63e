package proxy_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// An app is the application behind the gate. It remembers what it was sent.
type app struct {
	url     *url.URL
	mu      sync.Mutex
	seen    []*http.Request
	handler http.HandlerFunc // nil: answer with the headers as JSON
}

// respond makes h the application.
func (a *app) respond(h http.HandlerFunc) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.handler = h
}

func newApp(t *testing.T) *app {
	a := &app{}
	srv := httptest.NewServer(a)
	t.Cleanup(srv.Close)
	a.url, _ = url.Parse(srv.URL)
	return a
}

func (a *app) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	a.seen = append(a.seen, r)
	h := a.handler
	a.mu.Unlock()
	if h != nil {
		h(w, r)
		return
	}
	_ = json.NewEncoder(w).Encode(r.Header)
}

func (a *app) requests() []*http.Request {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]*http.Request(nil), a.seen...)
}

func (a *app) last(t *testing.T) *http.Request {
	t.Helper()
	rs := a.requests()
	if len(rs) == 0 {
		t.Fatal("the application saw no request")
	}
	return rs[len(rs)-1]
}

// A logBuffer keeps JSON log lines.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) lines() []map[string]any {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []map[string]any
	for line := range strings.Lines(l.buf.String()) {
		m := map[string]any{}
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			panic(fmt.Sprintf("log line %q: %v", line, err))
		}
		out = append(out, m)
	}
	return out
}

// wait returns the first log line with all the given fields, waiting for it.
func (l *logBuffer) wait(t *testing.T, want map[string]any) map[string]any {
	t.Helper()
	var found map[string]any
	eventually(t, fmt.Sprintf("a log line with %v", want), func() bool {
		for _, line := range l.lines() {
			if matches(line, want) {
				found = line
				return true
			}
		}
		return false
	}, func() string { return fmt.Sprint(l.lines()) })
	return found
}

// count returns the number of lines in which key has the value.
func (l *logBuffer) count(key string, value any) int {
	n := 0
	for _, line := range l.lines() {
		if matches(line, map[string]any{key: value}) {
			n++
		}
	}
	return n
}

func matches(line, want map[string]any) bool {
	for k, v := range want {
		if fmt.Sprint(line[k]) != fmt.Sprint(v) {
			return false
		}
	}
	return true
}

// eventually waits until ok, and fails the test if it takes ten seconds.
func eventually(t *testing.T, what string, ok func() bool, state func() string) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("never saw %s; there is: %s", what, state())
		}
	}
}
