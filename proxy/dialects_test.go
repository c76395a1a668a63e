package proxy_test

import (
	"encoding/base64"
	"encoding/pem"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/sidegate/sidegate/proxy"
	"github.com/sidegate/sidegate/proxy/minica"
	"github.com/sidegate/sidegate/proxy/policy"
)

// The end of a field is trimmed by whoever reads it, and a Subject would lose the blank
// that it ends with, but keep the backslash before it.
func TestASubjectThatEndsInABlankArrivesWhole(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		g := openGate(t, func(g *gate) {
			g.partner = issue(t, g.clientCA, minica.Options{Subject: `O=Acme,CN=abc\ \ `})
			g.set.Policy = allowing(t, `O=Acme,CN=abc\ \ `)
			g.set.HTTP2 = h2
			g.set.Headers = []proxy.Header{{Dialect: proxy.IngressNginx}, {Name: "X-SSL-Subject", Value: proxy.ValueSubject}}
		})
		if status, body := g.get(g.client(g.partner, h2), "/"); status != 200 {
			t.Fatalf("status %d: %s", status, body)
		}
		for _, header := range []string{"X-Client-Subject", "Ssl-Client-Subject-Dn", "X-Ssl-Subject"} {
			got := g.app.last(t).Header.Get(header)
			if name(t, got) != name(t, `O=Acme,CN=abc\ \ `) {
				t.Errorf("%s: %q is another Subject", header, got)
			}
		}
	}
}

func TestDialectsSayWhoIsCalling(t *testing.T) {
	g := openGate(t, func(g *gate) {
		middle, err := g.clientCA.NewCA(minica.Options{Subject: "CN=Middle"})
		if err != nil {
			g.t.Fatal(err)
		}
		spiffe, _ := url.Parse("spiffe://example/partner")
		g.partner = issue(g.t, middle, minica.Options{Subject: `CN=partner.example,O="Quote \"d\" Co"`, DNS: []string{"a.example", "b.example"}, URIs: []*url.URL{spiffe}})
		g.set.Policy = allowing(g.t, `CN=partner.example,O="Quote \"d\" Co"`)
		g.set.Headers = []proxy.Header{{Dialect: proxy.RFC9440}, {Dialect: proxy.XFCC}, {Dialect: proxy.IngressNginx}, {Dialect: proxy.Traefik}, {Dialect: proxy.AWS},
			{Name: "X-SSL-Subject", Value: proxy.ValueSubject}, {Name: "X-Rule", Value: proxy.ValueRule}, {Name: "X-Names", Value: proxy.ValueSANDNS}}
	})
	if status, body := g.get(g.client(g.partner, false), "/"); status != 200 {
		t.Fatalf("status %d: %s", status, body)
	}
	h := g.app.last(t).Header
	leaf, middle := g.partner.Leaf, g.partner.Chain[0]
	const dn = `CN=partner.example,O=Quote \"d\" Co`
	sequence := func(der []byte) string { return ":" + base64.StdEncoding.EncodeToString(der) + ":" }
	for name, want := range map[string]string{
		"Client-Cert":                          sequence(leaf.Raw),
		"Client-Cert-Chain":                    sequence(middle.Raw),
		"X-Forwarded-Client-Cert":              "Hash=" + h.Get("X-Client-Fingerprint") + `;Subject="CN=partner.example,O=Quote \22d\22 Co";URI="spiffe://example/partner";DNS="a.example";DNS="b.example"`,
		"Ssl-Client-Verify":                    "SUCCESS",
		"Ssl-Client-Subject-Dn":                dn,
		"Ssl-Client-Issuer-Dn":                 "CN=Middle",
		"X-Forwarded-Tls-Client-Cert":          base64.StdEncoding.EncodeToString(leaf.Raw),
		"X-Amzn-Mtls-Clientcert-Subject":       dn,
		"X-Amzn-Mtls-Clientcert-Serial-Number": strings.ToUpper(h.Get("X-Client-Serial")),
		"X-Ssl-Subject":                        dn,
		"X-Rule":                               "partner",
		"X-Names":                              "a.example,b.example",
	} {
		if got := h[http.CanonicalHeaderKey(name)]; len(got) != 1 || got[0] != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	for _, name := range []string{"Ssl-Client-Cert", "X-Amzn-Mtls-Clientcert-Leaf"} {
		text, err := url.PathUnescape(h.Get(name)) // a "+" stands for itself in both
		if err != nil {
			t.Fatal(err)
		}
		if block, _ := pem.Decode([]byte(text)); block == nil || string(block.Bytes) != string(leaf.Raw) {
			t.Errorf("%s does not decode to the certificate: %q", name, h.Get(name))
		}
	}
	info, err := url.QueryUnescape(h.Get("X-Forwarded-Tls-Client-Cert-Info"))
	if err != nil || !strings.HasPrefix(info, `Subject="CN=partner.example,O=Quote \22d\22 Co";Issuer="CN=Middle";NB="`) {
		t.Errorf("X-Forwarded-Tls-Client-Cert-Info: %q %v", info, err)
	}
}

func TestHostileAlternativeNamesStayOutOfLists(t *testing.T) {
	evil := `x",URI="spiffe://admin`
	g := openGate(t, func(g *gate) {
		g.partner = issue(g.t, g.clientCA, minica.Options{Subject: partnerDN, DNS: []string{"good.example", evil}})
		g.set.Headers = []proxy.Header{{Dialect: proxy.XFCC}, {Dialect: proxy.Traefik}, {Name: "X-Names", Value: proxy.ValueSANDNS}}
	})
	g.get(g.client(g.partner, false), "/")
	for name, values := range g.app.last(t).Header {
		if strings.Contains(strings.Join(values, " "), "spiffe") {
			t.Errorf("%s: %q", name, values)
		}
	}
}

func TestClientWithoutSubjectIsAdmittedByItsSAN(t *testing.T) {
	spiffe, _ := url.Parse("spiffe://example/workload")
	g := openGate(t, func(g *gate) {
		g.partner = issue(g.t, g.clientCA, minica.Options{URIs: []*url.URL{spiffe}})
		g.set.Policy = &policy.Policy{Rules: []policy.Rule{{Name: "spiffe", SAN: policy.SAN{URI: []string{spiffe.String()}}}}}
	})
	if status, body := g.get(g.client(g.partner, false), "/"); status != 200 {
		t.Fatalf("answer %d %s", status, body)
	}
	if h := g.app.last(t).Header; h["X-Client-Subject"] != nil || h.Get("X-Client-Rule") != "spiffe" {
		t.Errorf("headers %v", h)
	}
	g.configure(func(s *proxy.Settings) { s.Policy = allowing(t, partnerDN) })
	if status, _ := g.get(g.client(g.partner, false), "/"); status != 403 {
		t.Errorf("status %d under a rule about Subjects, want 403", status)
	}
}
