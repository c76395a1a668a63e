package admin_test

import (
	"io"
	"strings"
	"testing"

	"github.com/sidegate/sidegate/proxy/admin"
)

func TestServerIsBounded(t *testing.T) {
	s := admin.NewServer(nil)
	if s.ReadHeaderTimeout <= 0 || s.ReadTimeout <= 0 || s.WriteTimeout <= 0 || s.IdleTimeout <= 0 || s.MaxHeaderBytes <= 0 {
		t.Errorf("a bound is missing: %+v", s)
	}
}

func TestOneRequestAConnection(t *testing.T) {
	c := dial(t, serve(t, admin.NewHealth(admin.Probe{})))
	request := "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
	if _, err := io.WriteString(c, request+request); err != nil {
		t.Fatal(err)
	}
	answers, err := io.ReadAll(c) // ends because the server hangs up
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(answers), "HTTP/1.1 200 OK"); n != 1 {
		t.Errorf("%d answers on one connection, want 1:\n%s", n, answers)
	}
}

func TestLongHeadersAreRefused(t *testing.T) {
	addr := serve(t, admin.NewHealth(admin.Probe{}))
	if res, _ := ask(t, "GET", addr, "/livez", "X-Long", strings.Repeat("x", 16<<10)); res.StatusCode != 431 {
		t.Errorf("GET with 16 KiB of header = %d, want 431", res.StatusCode)
	}
}
