package probe_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sidegate/sidegate/cmd/sidegate/internal/probe"
)

func TestWhatCanBeProbed(t *testing.T) {
	for target, want := range map[string]string{
		"https://a.example":                "https://a.example/",
		"HTTPS://a.example:8443/x?y=1#z":   "https://a.example:8443/x?y=1",
		"a.example:8443":                   "https://a.example:8443/",
		"a.example":                        "https://a.example/",
		"a.example:8443/hook":              "https://a.example:8443/hook",
		"https://[2001:db8::1]:8443/":      "https://[2001:db8::1]:8443/",
		"[::1]:8443":                       "https://[::1]:8443/",
		"https://xn--bcher-kva.example/":   "https://xn--bcher-kva.example/",
		"https://a.example:/":              "https://a.example/",
		"https://a.example/p?mail=x@y.org": "https://a.example/p?mail=x@y.org",
	} {
		o := probe.Options{Connect: "127.0.0.1:1", Timeout: time.Minute} // where nobody listens
		p, err := probe.New(target, o)
		if err != nil {
			t.Errorf("%s: %v", target, err)
		} else if got := p.Run(t.Context()).Target; got != want {
			t.Errorf("%s became %s, want %s", target, got, want)
		}
	}
}

func TestWhatCannotBeProbed(t *testing.T) {
	for target, want := range map[string]string{
		"http://a.example/":             "write https://",
		"ftp://a.example/":              "neither an https URL",
		"":                              "the host is missing",
		"https://":                      "the host is missing",
		"https:///path":                 "the host is missing",
		":8443":                         "the host is missing",
		"::1":                           "in brackets",
		"2001:db8::1:8443":              "in brackets",
		"https://a.example:70000/":      "between 1 and 65535",
		"https://a.example:x/":          "not a URL",
		"https://b\u00fccher.example/":  "A-label",
		"https://b%C3%BCcher.example/":  "A-label",
		"https://a\x1b[2J.example/":     "\\x1b",
		"https://u:secret@a.example/":   "leave it out",
		"u:secret@a.example:8443":       "leave it out",
		"https://u:sec%ret@a.example/%": "leave it out",
		"https://a*.example/":           "no name has",
	} {
		_, err := probe.New(target, probe.Options{})
		switch {
		case err == nil:
			t.Errorf("%q is taken", target)
		case !strings.Contains(err.Error(), want):
			t.Errorf("%q: %v, want %q", target, err, want)
		case strings.Contains(err.Error(), "secret"), strings.Contains(err.Error(), "ret@"), strings.Contains(err.Error(), "\x1b"):
			t.Errorf("%q is quoted: %v", target, err)
		}
	}
}

// All that is wrong is told at once.
func TestWrongOptions(t *testing.T) {
	_, err := probe.New("http://a", probe.Options{Connect: "x", ServerName: "a b", Method: "get", Timeout: -1, Key: "k"})
	if err == nil {
		t.Fatal("taken")
	}
	for _, want := range []string{"write https://", `--connect "x" is not ADDR:PORT`, "--server-name the host", `--method "get"`, "--timeout is negative", "--key needs --certificate"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("not told: %q, in\n%v", want, err)
		}
	}
	_, err = probe.New("a:1", probe.Options{Certificate: "nowhere", CA: []string{"nowhere.pem"}})
	if err == nil || strings.Count(err.Error(), "does not exist") != 2 {
		t.Errorf("files that are not there: %v", err)
	}
}
