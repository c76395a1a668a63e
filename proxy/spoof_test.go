package proxy_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/sidegate/sidegate/proxy"
)

func newReaderOf(r io.Reader) *bufio.Reader { return bufio.NewReader(r) }

func newReader(s string) *bufio.Reader { return bufio.NewReader(strings.NewReader(s)) }

// lookAlikes are spellings of identity headers that some application somewhere
// takes for the real one.
var lookAlikes = []string{
	"X-Client-Subject", "x-client-subject", "X_Client_Subject", "X-Client_Subject", "X.Client.Subject", "X-CLIENT-SUBJECT",
	"X_CLIENT_ISSUER", "X-Client-Serial", "X~Client~Fingerprint", "X-Client-Rule", "X-Client-Subject-Dn", "X-Client-Cert",
	"Client-Cert", "client_cert", "Client-Cert-Chain", "Client.Cert.Chain",
	"X-Forwarded-Client-Cert", "X_Forwarded_Client_Cert", "x-forwarded-client-cert",
	"X-Forwarded-Tls-Client-Cert", "X-Forwarded-Tls-Client-Cert-Info", "X_Forwarded-Tls_Client-Cert",
	"Ssl-Client-Subject-Dn", "ssl-client-subject-dn", "SSL_CLIENT_SUBJECT_DN", "Ssl-Client-Verify", "Ssl-Client-Cert", "ssl_client_i_dn",
	"X-Ssl-Subject", "X-SSL-Client-S-DN", "X_SSL_CLIENT_CERT",
	"X-Amzn-Mtls-Clientcert-Subject", "X_Amzn_Mtls_Clientcert_Leaf", "X-Amzn-Mtls-Clientcert",
	"Forwarded", "X-Forwarded-User", "X-Forwarded-Port", "X_Forwarded_For", "X-Forwarded-Prefix", "X-Real-Ip", "X_Real_IP",
	"My-Own-Subject", "my_own.subject",
}

const forged = "CN=admin"

func TestIdentityHeadersOfTheClientNeverReachTheApplication(t *testing.T) {
	all := []proxy.Header{{Dialect: proxy.RFC9440}, {Dialect: proxy.XFCC}, {Dialect: proxy.IngressNginx}, {Dialect: proxy.Traefik}, {Dialect: proxy.AWS}}
	own := proxy.Header{Name: "My-Own-Subject", Value: proxy.ValueSubject}
	for _, dialects := range [][]proxy.Header{{own}, append(all, own)} {
		for _, h2 := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d headers, HTTP/2 %v", len(dialects), h2), func(t *testing.T) {
				g := openGate(t, func(g *gate) { g.set.HTTP2, g.set.Headers = true, dialects })
				req, _ := http.NewRequest("GET", g.url("/"), nil)
				for _, name := range lookAlikes {
					req.Header[name] = []string{forged, forged}
				}
				req.Header["X-Innocent"] = []string{"stays"}
				res, err := g.client(g.partner, h2).Do(req)
				if err != nil {
					t.Fatal(err)
				}
				_, body := readAll(t, res)
				if strings.Contains(body, forged) {
					t.Errorf("a forged identity reached the application: %s", body)
				}
				var h http.Header
				if err := json.Unmarshal([]byte(body), &h); err != nil {
					t.Fatal(err)
				}
				for _, name := range []string{"X-Client-Subject", "My-Own-Subject"} {
					if got := h[name]; len(got) != 1 || got[0] != partnerDN {
						t.Errorf("%s: %q, want %q once", name, got, partnerDN)
					}
				}
				if h.Get("X-Innocent") != "stays" {
					t.Error("an innocent header was removed")
				}
			})
		}
	}
}

func TestConnectionCannotRemoveIdentityHeaders(t *testing.T) {
	g := openGate(t)
	answer := g.raw("GET / HTTP/1.1\r\nHost: a\r\nConnection: X-Client-Subject, x-client-issuer, close\r\nConnection: X-Forwarded-For\r\nX-Client-Subject: " + forged + "\r\n\r\n")
	if !strings.Contains(answer, partnerDN) || strings.Contains(answer, forged) {
		t.Errorf("answer %q", answer)
	}
	h := g.app.last(t).Header
	if h.Get("X-Client-Issuer") == "" || h.Get("X-Forwarded-For") == "" {
		t.Errorf("Connection removed headers: %v", h)
	}
}

func TestTrailersDoNotReachTheApplication(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		t.Run(fmt.Sprintf("HTTP/2 %v", h2), func(t *testing.T) {
			g := openGate(t, func(g *gate) { g.set.HTTP2 = true })
			seen := make(chan http.Header, 2)
			g.app.respond(func(_ http.ResponseWriter, r *http.Request) {
				buf := make([]byte, 16)
				for {
					if _, err := r.Body.Read(buf); err != nil {
						break
					}
				}
				seen <- r.Header
				seen <- r.Trailer
			})
			req, _ := http.NewRequest("POST", g.url("/"), strings.NewReader("body"))
			req.ContentLength = -1
			req.Trailer = http.Header{"X-Client-Subject": {forged}, "X_client_subject": {forged}, "Innocent": {"x"}}
			res, err := g.client(g.partner, h2).Do(req)
			if err != nil {
				t.Fatal(err)
			}
			readAll(t, res)
			if h := <-seen; h.Get("Trailer") != "" || h.Get("X-Client-Subject") != partnerDN {
				t.Errorf("headers at the application: %v", h)
			}
			if tr := <-seen; len(tr) != 0 {
				t.Errorf("trailers at the application: %v", tr)
			}
		})
	}
}
