package probe_test

import (
	"crypto/tls"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/sidegate/sidegate/cmd/sidegate/internal/probe"
)

func answer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func moved(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Location", "https://elsewhere.example/\u202e")
	w.WriteHeader(http.StatusFound)
}

// An answer is told as it is. That of a Sidegate is explained, and is more than
// a note if it is about who we are.
func TestWhatTheAnswerSays(t *testing.T) {
	w := newWorld(t)
	long := strings.Repeat("x", 1000)
	for _, tt := range []struct {
		name         string
		answer       http.HandlerFunc
		words, notes string
		told         []string
	}{
		{"fine", hello, "", "", []string{"HTTP/1.1 200 OK", "all is well"}},
		{"not found", answer(404, "no such page\n"), "", "", []string{"HTTP/1.1 404 Not Found", "no such page"}},
		{"moved", moved, "", "", []string{"302 Found", `to https://elsewhere.example/\u202e, which is not followed`}},
		{"unauthorized", answer(401, ""), "", "http-401", []string{"does not let this request in"}},
		{"forbidden by the application", answer(403, "nope\x1b[2J\u202e\n"), "", "http-403", []string{`nope\x1b[2J\u202e`, "ask the partner"}},
		{"failed", answer(503, "<html>\n<head><title>503 Service\nUnavailable</title>"), "", "http-503", []string{"503 Service\n", "what is behind it failed"}},
		{"refused by Sidegate", answer(403, "403 Forbidden: subject-not-allowed\n"), "http-403", "http-403", []string{"no rule admits its Subject", "our Subject is " + clientDN}},
		{"refused by Sidegate for the path", answer(403, "403 Forbidden: path-not-allowed\n"), "", "http-403", []string{"but not for this path"}},
		{"refused with a word that is none", answer(403, "403 Forbidden: nonsense\n"), "", "http-403", []string{"does not let this request in"}},
		{"nginx without a certificate", answer(400, "<html>\r\n<head><title>400 No required SSL certificate was sent</title></head>"), "certificate-required", "certificate-required", nil},
		{"nginx with a wrong one", answer(400, "<html>\r\n<head><title>400 The SSL certificate error</title></head>"), "certificate-refused", "certificate-refused", []string{clientDN}},
		{"long", answer(500, long), "", "http-500", []string{strings.Repeat("x", 200) + "…\n"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := run(t, serve(t, w.requiring(w.root), tt.answer), w.withCertificate())
			text := textOf(r)
			if got := wordsOf(r, false); got != tt.words || r.Failed() != (tt.words != "") {
				t.Errorf("found %q, want %q", got, tt.words)
			}
			if got := wordsOf(r, true); got != tt.notes {
				t.Errorf("found %q with notes, want %q", got, tt.notes)
			}
			for _, want := range tt.told {
				if !strings.Contains(text, want) {
					t.Errorf("not told: %q, in\n%s", want, text)
				}
			}
			if strings.ContainsAny(text, "\x1b\u202e") || strings.Contains(text, long) {
				t.Errorf("told as it is:\n%q", text)
			}
		})
	}
}

// One request is sent, and nothing with it that was not asked for.
func TestTheRequest(t *testing.T) {
	w := newWorld(t)
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	seen := make(chan *http.Request, 10)
	addr := serve(t, w.config(), func(_ http.ResponseWriter, r *http.Request) { seen <- r })
	for _, http2 := range []bool{false, true} {
		o := w.trusting()
		o.HTTP2, o.Method, o.ServerName = http2, "POST", "server.example"
		r := run(t, "https://"+addr+"/a%2Fb?x=%20&y", o)
		if r.Failed() || r.HTTP == nil || r.HTTP.Code != 200 {
			t.Fatal(textOf(r))
		}
		got := <-seen
		want := "HTTP/1.1"
		if http2 {
			want = "HTTP/2.0"
		}
		if got.Proto != want || got.Method != "POST" || got.RequestURI != "/a%2Fb?x=%20&y" || got.Host != addr || got.TLS.ServerName != "server.example" || got.ContentLength != 0 {
			t.Errorf("sent %s %s %s %s for %q, length %d", got.Method, got.RequestURI, got.Proto, got.Host, got.TLS.ServerName, got.ContentLength)
		}
		if r.HTTP.Status != want+" 200 OK" && r.HTTP.Status != want+" 200" {
			t.Errorf("told %q", r.HTTP.Status)
		}
	}
	if len(seen) > 0 {
		t.Errorf("%d more requests were sent", len(seen))
	}
}

// A refusal over HTTP/2 comes at the first read, too.
func TestARefusalOverHTTP2(t *testing.T) {
	w := newWorld(t)
	o := w.trusting()
	o.HTTP2 = true
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		cfg := w.requiring(w.root)
		cfg.MaxVersion = version
		if r := run(t, serve(t, cfg, hello), o); wordsOf(r, true) != "certificate-required" {
			t.Errorf("%s:\n%s", tls.VersionName(version), textOf(r))
		}
	}
}

func TestAServerOfAnotherProtocolAlone(t *testing.T) {
	w := newWorld(t)
	cfg := w.config()
	cfg.NextProtos = []string{"grpc-exp"}
	addr := speakTLS(t, cfg)
	r := run(t, addr, w.trusting())
	if got := wordsOf(r, true); got != "alert-no-application-protocol" || !strings.Contains(textOf(r), "--http2") {
		t.Errorf("found %q\n%s", got, textOf(r))
	}
}

// Whatever a Sidegate says to a client about itself is known here.
func TestEveryReasonForAClientIsKnown(t *testing.T) {
	doc := string(must(os.ReadFile("../../../../docs/reasons.md")))
	begin, end := strings.Index(doc, "## The client may not"), strings.Index(doc, "## The connection came to nothing")
	if begin < 0 || end < begin {
		t.Fatal("docs/reasons.md has other headings")
	}
	words := regexp.MustCompile(`(?m)^\|.*?\|`).FindAllString(doc[begin:end], -1)
	for _, cell := range words {
		for _, word := range regexp.MustCompile("`([a-z-]+)`").FindAllStringSubmatch(cell, -1) {
			if !probe.Explains(word[1]) {
				t.Errorf("%q is not explained", word[1])
			}
		}
	}
	if len(words) < 10 {
		t.Errorf("only %d rows found", len(words))
	}
}
