package admin_test

import (
	"net/http"
	"strings"
	"testing"
)

func TestStatusAnswersOnlyUnderALoopbackName(t *testing.T) {
	addr := status(t, snapshot(newShop(t).open().Status))
	tests := []struct {
		host string
		want int
	}{
		{"localhost", 200},
		{"localhost:9902", 200},
		{"LocalHost:12345", 200},
		{"127.0.0.1", 200},
		{"127.0.0.1:9902", 200},
		{"127.1.2.3:80", 200},
		{"[::1]", 200},
		{"[::1]:9902", 200},
		{"[0:0:0:0:0:0:0:1]:9902", 200},

		{"evil.example", 403},
		{"evil.example:9902", 403},
		{"localhost.evil.example:9902", 403},
		{"127.0.0.1.evil.example:9902", 403},
		{"127.0.0.1.nip.io", 403},
		{"localhost.", 403},
		{"evil.localhost", 403},
		{"0.0.0.0:9902", 403},
		{"10.42.0.17:9902", 403},
		{"128.0.0.1", 403},
		{"127.1", 403},
		{"2130706433", 403},
		{"[::]:9902", 403},
		{"[fe80::1]:9902", 403},
		{"[127.0.0.1]", 403},
	}
	for _, tt := range tests {
		for _, path := range []string{"/", "/status.json"} {
			res, body := ask(t, "GET", addr, path, "Host", tt.host)
			if res.StatusCode != tt.want {
				t.Errorf("GET %s under %q = %d, want %d", path, tt.host, res.StatusCode, tt.want)
			}
			if tt.want == 403 && !strings.Contains(body, "kubectl port-forward") {
				t.Errorf("the refusal under %q does not say what to do: %q", tt.host, body)
			}
		}
	}
}

func TestStatusIsNotPartOfAnotherPage(t *testing.T) {
	addr := status(t, snapshot(newShop(t).open().Status))
	tests := []struct {
		name             string
		site, mode, dest string
		want             int
	}{
		{"curl", "", "", "", 200},
		{"the address typed in", "none", "navigate", "document", 200},
		{"our own link", "same-origin", "navigate", "document", 200},
		{"a link in a wiki", "cross-site", "navigate", "document", 200},
		{"a frame in another page", "cross-site", "navigate", "iframe", 403},
		{"fetch by another page", "cross-site", "cors", "empty", 403},
		{"an image in another page", "cross-site", "no-cors", "image", 403},
		{"a script in the page of another port", "same-site", "no-cors", "script", 403},
		{"a word that is not known", "whatever", "cors", "empty", 403},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var fields []string
			if tt.site != "" {
				fields = []string{"Sec-Fetch-Site", tt.site, "Sec-Fetch-Mode", tt.mode, "Sec-Fetch-Dest", tt.dest}
			}
			if res, _ := ask(t, "GET", addr, "/", fields...); res.StatusCode != tt.want {
				t.Errorf("= %d, want %d", res.StatusCode, tt.want)
			}
		})
	}
}

func TestStatusHasNothingElse(t *testing.T) {
	addr := status(t, snapshot(newShop(t).open().Status))
	for _, line := range []string{
		"GET /metrics", "GET /debug/pprof/", "GET /status", "GET /status.json/", "GET //", "GET /index.html", "GET /style.css",
		"POST /", "DELETE /status.json", "OPTIONS *",
	} {
		if code := rawStatus(t, addr, line); code != http.StatusNotFound {
			t.Errorf("%s = %d, want 404", line, code)
		}
	}
	if code := rawStatus(t, addr, "GET http://evil.example/"); code != http.StatusForbidden {
		t.Errorf("an absolute-form target of another host = %d, want 403", code)
	}
}

func TestEveryStatusAnswerIsGuarded(t *testing.T) {
	addr := status(t, snapshot(newShop(t).open().Status))
	for _, at := range []struct{ path, host string }{
		{"/", "localhost"}, {"/status.json", "localhost"}, {"/nothing", "localhost"}, {"/", "evil.example"},
	} {
		res, _ := ask(t, "GET", addr, at.path, "Host", at.host)
		for field, want := range map[string]string{
			"Content-Security-Policy":      "default-src 'none'; style-src 'sha256-",
			"X-Content-Type-Options":       "nosniff",
			"X-Frame-Options":              "DENY",
			"Referrer-Policy":              "no-referrer",
			"Cache-Control":                "no-store",
			"Cross-Origin-Resource-Policy": "same-origin",
			"Cross-Origin-Opener-Policy":   "same-origin",
		} {
			if got := res.Header.Get(field); !strings.HasPrefix(got, want) {
				t.Errorf("%s of %s under %s = %q, want %q", field, at.path, at.host, got, want)
			}
		}
	}
}

func TestHeadOfThePage(t *testing.T) {
	addr := status(t, snapshot(newShop(t).open().Status))
	res, body := ask(t, "HEAD", addr, "/")
	if res.StatusCode != 200 || body != "" || res.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("HEAD / = %d %q %q", res.StatusCode, res.Header.Get("Content-Type"), body)
	}
}
