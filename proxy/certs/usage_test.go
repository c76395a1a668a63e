package certs_test

import (
	"crypto/x509"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/minica"
)

// A saying is what one situation makes this package say, and how it ends for each
// kind of peer.
type saying struct {
	what           string
	text           func(certs.Usage) string
	client, server string
}

// refusals are what Verify says of peers.
func refusals(t *testing.T) []saying {
	w := newWorld(t)
	leaf := issue(t, w.below, "leaf")
	old := issueWith(t, w.below, minica.Options{Subject: "CN=old", NotAfter: time.Now().Add(-time.Hour)})
	verify := func(show ...*x509.Certificate) func(certs.Usage) string {
		return func(u certs.Usage) string {
			_, err := trusting(t, u, w.top).Verify(show, time.Now())
			return fmt.Sprint(err)
		}
	}
	version1 := func(u certs.Usage) string {
		_, b, err := anchorsOf(t, u, "testdata/v1-root.pem")
		if err == nil {
			_, err = b.Verify(b.Anchors, time.Now())
		}
		return fmt.Sprint(err)
	}
	return []saying{
		{"nothing", verify(), "the client sent no certificate: it has none configured for this server, or withholds it",
			"the server sent no certificate: every TLS server has to (RFC 8446 §4.4.2)"},
		{"an expired one", verify(presented(old)...), ": the client must present a renewed one", ": the server must present a renewed one"},
		{"a leaf without its chain", verify(leaf.Leaf), "and the client sent no intermediate certificate with it; trusted are " + shownCN("Root"),
			"and the server sent no intermediate certificate with it; trusted are " + shownCN("Root")},
		{"a leaf with a stranger", verify(leaf.Leaf, w.stranger.Leaf), "and not proved by the 1 other certificates that the client sent; trusted are " + shownCN("Root"),
			"and not proved by the 1 other certificates that the server sent; trusted are " + shownCN("Root")},
		{"six certificates", verify(append(presented(leaf), repeat(w.below.Leaf, 4)...)...),
			": the client should send its own and its intermediates only", ": the server should send its own and its intermediates only"},
		{"an anchor that is no CA", version1, "trust its issuer, or pin it by certSHA256 in a rule",
			"trust its issuer, and pin its key by serverSPKISHA256 if no other server of that issuer may pass"},
	}
}

// faults are what Open says of files.
func faults(t *testing.T) []saying {
	leaf, top := issue(t, root(t, "Root"), "leaf"), root(t, "Root")
	old := must[*minica.CA](t)(minica.New(minica.Options{Subject: "CN=Old", NotAfter: time.Now().Add(-time.Hour)}))
	open := func(name string, content folder) func(certs.Usage) string {
		return func(u certs.Usage) string {
			dir := plain(t, content)
			files := certs.Files{CA: []string{filepath.Join(dir, name)}}
			if name == "tls.pem" {
				files = certs.Files{Certificate: filepath.Join(dir, name)}
			}
			store, err := certs.Open(files, certs.Options{Usage: u})
			if err != nil {
				return texts(err)
			}
			return strings.Join(store.Current().Warnings, "\n")
		}
	}
	return []saying{
		{"a CA file with a key in it", open("ca.pem", folder{"ca.pem": leaf.KeyPEM()}), "put the certificates of the CAs here whose clients are to be let in",
			"put the certificates of the CAs here whose servers may be called"},
		{"a CA directory with a chain in it", open("", folder{"a.pem": join(leaf.KeyPEM(), leaf.PEM())}), "put the certificates of the CAs here whose clients are to be let in",
			"put the certificates of the CAs here whose servers may be called"},
		{"a leaf as a CA", open("ca.pem", folder{"ca.pem": leaf.PEM()}), "put the certificate of the issuer here; a single client is pinned by certSHA256 in a rule",
			"put the certificate of the issuer here; a single server is pinned by serverSPKISHA256 beside it"},
		{"an expired CA beside a good one", open("ca.pem", folder{"ca.pem": join(old.PEM(), top.PEM())}), ": no client below it passes", ": no server below it passes"},
		{"two keys", open("tls.pem", folder{"tls.pem": join(leaf.PEM(), leaf.KeyPEM(), leaf.KeyPEM())}), "leave only the key of the certificate that is to be served",
			"leave only the key of the certificate that is to be presented"},
	}
}

// announced is what the log says of a certificate that has expired since it was
// read.
func announced(t *testing.T, left time.Duration) func(certs.Usage) string {
	return func(u certs.Usage) string {
		var log journal
		leaf := issue(t, root(t, "Root"), "leaf")
		store, err := certs.Open(certs.Files{Certificate: plain(t, pair(leaf))}, certs.Options{Usage: u, Log: log.logger()})
		if err != nil {
			t.Fatal(texts(err))
		}
		own := store.Current().Certificate.Leaf
		own.NotBefore, own.NotAfter = time.Now().Add(-300*day), time.Now().Add(left)
		store.Look()
		message, _, _ := strings.Cut(strings.SplitAfterN(log.String(), `"msg"=`, 2)[1], ` "`)
		return strings.Trim(message, `"`)
	}
}

// Who reads a message about a server must not go and look at a client.
func TestMessagesNameThePeerByUsage(t *testing.T) {
	all := append(refusals(t), faults(t)...)
	for left, word := range map[time.Duration]string{20 * day: "expires soon", day: "expires soon", -day: "has expired"} {
		all = append(all, saying{"a log line", announced(t, left), "the served certificate " + word, "our client certificate " + word})
	}
	ofIngress := regexp.MustCompile(`\b(clients?|served|rule|certSHA256|clientCertificateUsage)\b`)
	for _, s := range all {
		for usage, end := range map[certs.Usage]string{certs.ClientAuth: s.client, certs.ClientOrServer: s.client, certs.ServerAuth: s.server} {
			text := s.text(usage)
			if !strings.HasSuffix(text, end) {
				t.Errorf("%s, for %s: %q, want it to end with %q", s.what, usage, text, end)
			}
			if word := ofIngress.FindString(strings.ReplaceAll(text, "our client certificate", "")); usage == certs.ServerAuth && word != "" {
				t.Errorf("%s: %q is about a %s", s.what, text, word)
			}
		}
	}
}
