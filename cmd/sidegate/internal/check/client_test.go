package check_test

import (
	"crypto/x509"
	"strings"
	"testing"

	"github.com/sidegate/sidegate/cmd/sidegate/internal/check"
	"github.com/sidegate/sidegate/proxy/config"
	"github.com/sidegate/sidegate/proxy/minica"
	"github.com/sidegate/sidegate/proxy/policy"
	"github.com/sidegate/sidegate/proxy/subject"
)

func rule(t *testing.T, name, dn string) policy.Rule {
	t.Helper()
	n, err := subject.Parse(dn)
	if err != nil {
		t.Fatal(err)
	}
	return policy.Rule{Name: name, Subjects: []subject.Name{n}}
}

func allowing(t *testing.T, dn string) *policy.Policy {
	t.Helper()
	return &policy.Policy{Rules: []policy.Rule{rule(t, "partner", dn)}}
}

// try puts c to a listener that trusts the root.
func try(w *world, c *minica.Cert, rules ...policy.Rule) *check.Report {
	w.t.Helper()
	return check.Run(check.Options{
		Client:   w.file("client.crt", c.ChainPEM()),
		ClientCA: []string{w.file("clients/ca.crt", w.root.PEM())},
		Allow:    &policy.Policy{Rules: rules},
	})
}

func TestClientIsAdmitted(t *testing.T) {
	w := newWorld(t)
	limited := rule(t, "digiteal", leafDN)
	limited.Methods, limited.Paths = []string{"POST"}, []string{"/webhook"}
	r := try(w, w.leaf, rule(t, "someone", "CN=someone"), limited)
	if r.Failed() || len(r.Clients) != 1 || !r.Clients[0].Admitted {
		t.Fatalf("not admitted:\n%s", text(t, r))
	}
	if want := `client.crt: admitted by rule "digiteal", only for POST /webhook` + "\n"; !strings.Contains(text(t, r), want) {
		t.Errorf("no line %q in:\n%s", want, text(t, r))
	}
}

// Whoever is not let in learns which rule comes nearest, and all that differs.
func TestNearestRule(t *testing.T) {
	w := newWorld(t)
	for dn, want := range map[string]string{
		"CN=webhook.example,O=Example,C=BE":          `the nearest, rule "partner", wants O="Example", the certificate has O="Example SA"`,
		"CN=webhook.example,O=example sa,C=BE":       `wants O="example sa", the certificate has O="Example SA" (upper and lower case differ)`,
		`CN=webhook.example,O=Example\20\20SA,C=BE`:  `(spaces differ)`,
		"CN=webhook.example,OU=IT,O=Example SA,C=BE": `wants OU="IT", the certificate has none`,
		"CN=webhook.example,C=BE":                    `wants no O, the certificate has O="Example SA"`,
		"O=Example SA,CN=webhook.example,C=BE":       `wants the same attributes in another order or grouping`,
		"CN=api.example,O=Example,C=BE":              `wants CN="api.example", the certificate has CN="webhook.example"; it wants O="Example", the certificate has O="Example SA"`,
	} {
		r := try(w, w.leaf, rule(t, "stranger", "CN=a,O=b,OU=c,L=d,C=FR"), rule(t, "partner", dn))
		f := found(t, r, "subject-not-allowed")
		if !strings.Contains(f.Problem, want) {
			t.Errorf("%s: %q, want %q", dn, f.Problem, want)
		}
		if paste := "- subject: '" + leafDN + "'"; !strings.HasSuffix(f.Fix, paste) {
			t.Errorf("%q does not end in %q", f.Fix, paste)
		}
		if r.Clients[0].Admitted || !r.Clients[0].Verified {
			t.Errorf("%s: %+v", dn, r.Clients[0])
		}
	}
}

func TestNearestRuleByOtherConditions(t *testing.T) {
	w := newWorld(t)
	issuer, err := subject.Parse("CN=Another CA")
	if err != nil {
		t.Fatal(err)
	}
	by := rule(t, "by", leafDN)
	for want, change := range map[string]func(*policy.Rule){
		`wants the issuer "CN=Another CA", the certificate has "CN=Example Issuing CA,O=Example CA,C=BE"`: func(r *policy.Rule) { r.Issuer = issuer },
		"wants other subject alternative names than the certificate has (webhook.example)":                func(r *policy.Rule) { r.SAN.DNS = []string{"api.example"} },
		"wants another public key (spkiSHA256)":                                                           func(r *policy.Rule) { r.SPKISHA256 = [][32]byte{{1}} },
		"wants another certificate (certSHA256)":                                                          func(r *policy.Rule) { r.CertSHA256 = [][32]byte{{1}} },
		`wants L="Brussels", the certificate has none`: func(r *policy.Rule) {
			r.SubjectHas = []subject.Attribute{{Type: "L", Value: "Brussels"}}
		},
	} {
		one := by
		change(&one)
		if f := found(t, try(w, w.leaf, one), "subject-not-allowed"); !strings.Contains(f.Problem, want) {
			t.Errorf("%q, want %q", f.Problem, want)
		}
	}
}

// Before any rule, a CA has to vouch for the client, as in the sidecar.
func TestClientIsNotVerified(t *testing.T) {
	w := newWorld(t)
	allow := rule(t, "partner", leafDN)
	alone := *w.leaf
	alone.Chain = nil
	for name, c := range map[string]struct {
		cert      *minica.Cert
		word, fix string
	}{
		"without its intermediate": {&alone, "unknown-ca", "have the client send it after its certificate"},
		"for servers": {w.issue(minica.Options{Usage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}),
			"wrong-usage", "clientCertificateUsage: clientOrServer"},
	} {
		t.Run(name, func(t *testing.T) {
			r := try(w, c.cert, allow)
			if f := found(t, r, c.word); !strings.Contains(f.Fix, c.fix) || !strings.HasPrefix(f.Problem, "the client is not admitted: ") {
				t.Errorf("%q, %q", f.Problem, f.Fix)
			}
			if a := r.Clients[0]; a.Verified || a.Admitted || a.Reason != c.word {
				t.Errorf("%+v", a)
			}
		})
	}
}

const document = `
ingress:
  - name: first
    upstream: http://127.0.0.1:8080
    certificate: DIR/tls
    clientCA: DIR/root.crt
    allow: [{name: partner, subject: "CN=webhook.example,O=Example SA,C=BE", paths: [/webhook]}]
  - name: second
    listen: ":9443"
    upstream: http://127.0.0.1:8080
    certificate: DIR/tls
    clientCA: DIR/root.crt
    allow: [{name: other, subject: "CN=other,O=Example SA,C=BE"}]
health: {listen: "127.0.0.1:9901"}
egress:
  - name: out
    upstream: https://api.partner.example:8443
    certificate: DIR/out.pem
    serverCA: DIR/root.crt
`

func TestConfig(t *testing.T) {
	w := newWorld(t)
	w.mounted(w.leaf)
	w.file("root.crt", w.root.PEM())
	servers := w.issue(minica.Options{Subject: "CN=out", Usage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	w.file("out.pem", servers.KeyPEM(), servers.ChainPEM())
	cfg, err := config.Parse("sidegate.yaml", []byte(strings.ReplaceAll(document, "DIR", w.dir)))
	if err != nil {
		t.Fatal(err)
	}
	r := check.Run(check.Options{Config: cfg, Client: w.file("client.crt", w.leaf.ChainPEM())})
	if len(r.Clients) != 2 || !r.Clients[0].Admitted || r.Clients[1].Admitted {
		t.Errorf("the clients are %+v", r.Clients)
	}
	if f := found(t, r, "subject-not-allowed"); f.Listener != "second" || !strings.Contains(f.Problem, `wants CN="other"`) {
		t.Errorf("%+v", f)
	}
	if f := found(t, r, "wrong-usage"); f.Listener != "out" || !strings.Contains(f.Fix, "clientOrServer") {
		t.Errorf("%+v", f)
	}
	if f := found(t, r, "configuration"); f.Severity != check.Note || !strings.Contains(f.Problem, "where the kubelet cannot ask") {
		t.Errorf("%+v", f)
	}
	if r.Errors != 1 || r.Warnings != 1 {
		t.Errorf("%s:\n%s", r.Summary(), text(t, r))
	}
}

// What the sidecar refuses is an error here, in the same words.
func TestConfigThatCannotRun(t *testing.T) {
	w := newWorld(t)
	w.file("tls/tls.crt", w.leaf.ChainPEM())
	w.file("root.crt", w.leaf.PEM())
	cfg, err := config.Parse("sidegate.yaml", []byte(strings.ReplaceAll(document, "DIR", w.dir)))
	if err != nil {
		t.Fatal(err)
	}
	r := check.Run(check.Options{Config: cfg})
	for _, word := range []string{"missing", "ca-not-ca"} {
		if f := found(t, r, word); f.Severity != check.Error {
			t.Errorf("%+v", f)
		}
	}
}
