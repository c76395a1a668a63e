package check_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sidegate/sidegate/cmd/sidegate/internal/check"
	"github.com/sidegate/sidegate/proxy/minica"
)

// A case makes the files of a world wrong, and says what to look at.
type wordCase struct {
	word     string
	severity check.Severity
	problem  string // a part of the sentence
	look     func(w *world) check.Options
}

// certificate looks at one served file, with the leaf's key.
func certificate(w *world, c *minica.Cert, chain ...*x509.Certificate) check.Options {
	return check.Options{
		Certificate: w.file("server.crt", encode(append([]*x509.Certificate{c.Leaf}, chain...)...)),
		Key:         w.file("server.key", c.KeyPEM()),
	}
}

func issued(change func(*minica.Options)) func(w *world) check.Options {
	return func(w *world) check.Options {
		var o minica.Options
		change(&o)
		return certificate(w, w.issue(o), w.issuing.Leaf)
	}
}

func template(change func(*x509.Certificate)) func(w *world) check.Options {
	return issued(func(o *minica.Options) { o.Change = change })
}

var wordCases = []wordCase{
	{"missing-intermediate", check.Note, "a certificate alone", func(w *world) check.Options { return certificate(w, w.leaf) }},
	{"missing-intermediate", check.Warning, "a certificate alone", func(w *world) check.Options {
		return certificate(w, w.issue(minica.Options{Change: func(c *x509.Certificate) { c.IssuingCertificateURL = []string{"http://ca.example/issuing.crt"} }}))
	}},
	{"missing-intermediate", check.Error, "public CAs never issue from a root", func(w *world) check.Options {
		return certificate(w, w.issue(minica.Options{Change: public}))
	}},
	{"missing-intermediate", check.Error, "no way leads from the certificate", func(w *world) check.Options {
		o := certificate(w, w.leaf)
		o.CA = []string{w.file("root.crt", w.root.PEM())}
		return o
	}},
	{"missing-intermediate", check.Error, "it is at hand, in", func(w *world) check.Options {
		o := certificate(w, w.leaf)
		o.Paths = []string{w.file("intermediate.crt", w.issuing.PEM())}
		return o
	}},
	{"wrong-root", check.Error, `leads to the issuer "CN=Example Root,O=Example CA,C=BE"`, func(w *world) check.Options {
		o := certificate(w, w.leaf, w.issuing.Leaf)
		o.CA = []string{w.file("other.crt", ca(w.t, "CN=Other Root").PEM())}
		return o
	}},
	{"wrong-root", check.Error, "the chain is complete, but it ends at the root", func(w *world) check.Options {
		o := certificate(w, w.leaf, w.issuing.Leaf, w.root.Leaf)
		o.CA = []string{w.file("other.crt", ca(w.t, "CN=Other Root").PEM())}
		return o
	}},
	{"self-signed", check.Warning, "every peer needs it", func(w *world) check.Options { return certificate(w, selfSigned(w)) }},
	{"self-signed", check.Error, "not among the trusted CAs", func(w *world) check.Options {
		o := certificate(w, selfSigned(w))
		o.CA = []string{w.file("root.crt", w.root.PEM())}
		return o
	}},
	{"duplicate-certificate", check.Note, "twice", func(w *world) check.Options { return certificate(w, w.leaf, w.issuing.Leaf, w.issuing.Leaf) }},
	{"root-included", check.Note, "holds the root", func(w *world) check.Options { return certificate(w, w.leaf, w.issuing.Leaf, w.root.Leaf) }},
	{"unrelated-certificate", check.Warning, "nothing to do with", func(w *world) check.Options {
		return certificate(w, w.leaf, w.issuing.Leaf, ca(w.t, "CN=Stranger").Leaf)
	}},
	{"outdated-issuer", check.Note, "not valid now", func(w *world) check.Options {
		old, present := twins(w, w.root, w.root, time.Now().Add(-time.Hour))
		return certificate(w, w.leaf, old.Leaf, present.Leaf)
	}},
	{"chain-order", check.Warning, "stands before the one that it issued", func(w *world) check.Options {
		below := w.below(w.issuing, minica.Options{Subject: "CN=Second CA"})
		leaf, err := below.Issue(minica.Options{Subject: leafDN, DNS: []string{"webhook.example"}})
		if err != nil {
			w.t.Fatal(err)
		}
		return certificate(w, leaf, w.issuing.Leaf, below.Leaf)
	}},
	{"chain-order", check.Error, "starts with", func(w *world) check.Options {
		return check.Options{Certificate: w.file("server.crt", encode(w.issuing.Leaf, w.leaf.Leaf)), Key: w.file("server.key", w.leaf.KeyPEM())}
	}},
	{"expired", check.Error, "1 day ago", issued(func(o *minica.Options) { o.NotAfter = time.Now().Add(-25 * time.Hour) })},
	{"not-yet-valid", check.Error, "is not valid before", issued(func(o *minica.Options) {
		o.NotBefore, o.NotAfter = time.Now().Add(time.Hour), time.Now().Add(2*time.Hour)
	})},
	{"expires-soon", check.Warning, "in 9 days", issued(func(o *minica.Options) {
		o.NotBefore, o.NotAfter = time.Now().AddDate(0, -3, 0), time.Now().Add(9*24*time.Hour+time.Hour)
	})},
	{"name-mismatch", check.Error, `not for "api.example"; its names are webhook.example`, func(w *world) check.Options {
		o := certificate(w, w.leaf, w.issuing.Leaf)
		o.Hosts = []string{"api.example"}
		return o
	}},
	{"cn-only", check.Error, `only the Common Name is "webhook.example"`, func(w *world) check.Options {
		o := certificate(w, w.issue(minica.Options{DNS: []string{}}), w.issuing.Leaf)
		o.Hosts = []string{"webhook.example"}
		return o
	}},
	{"cn-only", check.Warning, "no DNS name or IP address", issued(func(o *minica.Options) { o.DNS = []string{} })},
	{"server-only", check.Note, "serverAuth alone", issued(func(o *minica.Options) { o.Usage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })},
	{"public-client-auth", check.Note, "2027-03-15", template(public)},
	{"any-usage", check.Warning, "anyExtendedKeyUsage", issued(func(o *minica.Options) { o.Usage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny} })},
	{"wrong-usage", check.Error, "a CA limited to clientAuth", func(w *world) check.Options {
		w.issuing = w.below(w.root, minica.Options{Subject: "CN=Clients CA", Usage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
		return certificate(w, w.issue(minica.Options{}), w.issuing.Leaf)
	}},
	{"wrong-usage", check.Error, "is for clientAuth, and not for serverAuth", func(w *world) check.Options {
		o := certificate(w, w.issue(minica.Options{Usage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}), w.issuing.Leaf)
		o.Hosts = []string{"webhook.example"}
		return o
	}},
	{"leaf-key-usage", check.Warning, "every handshake of TLS 1.3 needs", template(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment })},
	{"leaf-key-usage", check.Warning, "OpenSSL refuses it", template(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign })},
	{"partial-chain", check.Note, "an intermediate that is trusted itself", func(w *world) check.Options {
		o := certificate(w, w.leaf)
		o.CA = []string{w.file("issuing.crt", w.issuing.PEM())}
		return o
	}},
	{"weak-signature", check.Error, "ECDSA-SHA1", template(func(c *x509.Certificate) { c.SignatureAlgorithm = x509.ECDSAWithSHA1 })},
	{"name-constraints", check.Error, "not permitted", func(w *world) check.Options {
		w.issuing = w.below(w.root, minica.Options{Subject: "CN=Fenced CA", Change: func(c *x509.Certificate) { c.PermittedDNSDomains = []string{"other.example"} }})
		o := certificate(w, w.issue(minica.Options{}), w.issuing.Leaf)
		o.CA = []string{w.file("root.crt", w.root.PEM())}
		return o
	}},
	{"no-pem", check.Error, "binary", func(w *world) check.Options {
		w.file("tls/tls.crt", w.leaf.Leaf.Raw)
		w.file("tls/tls.key", w.leaf.KeyPEM())
		return check.Options{Paths: []string{w.dir + "/tls"}}
	}},
	{"weak-key", check.Error, "RSA key of 1024 bits", issued(func(o *minica.Options) { o.Key = rsaKey(1024) })},
	{"unhandled-critical-extension", check.Error, "1.3.6.1.4.1.55555.1", template(func(c *x509.Certificate) {
		c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 55555, 1}, Critical: true, Value: []byte{5, 0}}}
	})},
	{"subject-ambiguous", check.Warning, "can be read in two ways", issued(func(o *minica.Options) {
		o.RawSubject, _ = asn1.Marshal(pkix.RDNSequence{{{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: "a\nCN=b"}}})
		o.Usage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	})},
	{"certificate-request", check.Note, "signing request", func(w *world) check.Options {
		der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, w.leaf.Key)
		if err != nil {
			w.t.Fatal(err)
		}
		return check.Options{Paths: []string{w.file("server.csr", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))}}
	}},
	{"bad-manifest", check.Error, "no Secret and no ConfigMap", func(w *world) check.Options {
		return check.Options{Paths: []string{w.file("pod.yaml", []byte("apiVersion: v1\nkind: Pod\n"))}}
	}},
	{"key-mismatch", check.Error, "no certificate at hand has it", func(w *world) check.Options {
		o := certificate(w, w.leaf, w.issuing.Leaf)
		o.Key = w.file("other.key", w.issue(minica.Options{}).KeyPEM())
		return o
	}},
	{"key-mismatch", check.Error, `it is the key of "CN=other.example"`, func(w *world) check.Options {
		other := w.issue(minica.Options{Subject: "CN=other.example"})
		o := certificate(w, w.leaf, w.issuing.Leaf)
		o.Key, o.Paths = w.file("other.key", other.KeyPEM()), []string{w.file("other.crt", other.PEM())}
		return o
	}},
	{"key-mismatch", check.Error, `it is the key of "CN=Example Issuing CA,O=Example CA,C=BE"`, func(w *world) check.Options {
		o := certificate(w, w.leaf, w.issuing.Leaf)
		o.Key = w.file("ca.key", w.issuing.KeyPEM())
		return o
	}},
	{"encrypted-key", check.Error, "passphrase", func(w *world) check.Options {
		o := certificate(w, w.leaf, w.issuing.Leaf)
		o.Key = w.file("server.key", pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("secret")}))
		return o
	}},
	{"stray-key", check.Warning, "which is not used", func(w *world) check.Options {
		o := certificate(w, w.leaf, w.issuing.Leaf)
		o.Certificate = w.file("server.crt", w.leaf.ChainPEM(), w.leaf.KeyPEM())
		return o
	}},
	{"several-keys", check.Error, "2 private keys", func(w *world) check.Options {
		o := certificate(w, w.leaf, w.issuing.Leaf)
		o.Key = w.file("server.key", w.leaf.KeyPEM(), w.issue(minica.Options{}).KeyPEM())
		return o
	}},
	{"no-key", check.Note, "nobody looked", func(w *world) check.Options {
		return check.Options{Certificate: w.file("server.crt", w.leaf.ChainPEM())}
	}},
	{"no-certificate", check.Error, "holds only a private key", func(w *world) check.Options {
		return check.Options{Certificate: w.file("server.key", w.leaf.KeyPEM())}
	}},
	{"missing", check.Error, "there is no tls.key", func(w *world) check.Options {
		w.file("tls/tls.crt", w.leaf.ChainPEM())
		return check.Options{Paths: []string{w.dir + "/tls"}}
	}},
	{"missing", check.Error, "does not exist", func(w *world) check.Options { return check.Options{Certificate: w.dir + "/nowhere"} }},
	{"left-out", check.Warning, "somebody's certificate", func(w *world) check.Options {
		w.file("ca/ca.crt", w.root.PEM())
		w.file("ca/issuing.crt", w.issuing.PEM())
		w.file("ca/issuing.key", w.issuing.KeyPEM())
		return check.Options{ClientCA: []string{w.dir + "/ca"}}
	}},
	{"ca-expired", check.Warning, "no client below it passes", func(w *world) check.Options {
		return check.Options{ClientCA: []string{w.file("ca.crt", w.root.PEM(), expiredCA(w).PEM())}}
	}},
	{"ca-expired", check.Note, "no client below it passes", func(w *world) check.Options {
		o := certificate(w, w.leaf, w.issuing.Leaf)
		o.CA = []string{w.file("ca.crt", w.root.PEM(), expiredCA(w).PEM())}
		return o
	}},
	{"ca-expired", check.Error, "no CA certificate is valid now", func(w *world) check.Options {
		return check.Options{ClientCA: []string{w.file("ca.crt", expiredCA(w).PEM())}}
	}},
	{"ca-usage", check.Error, "limited to serverAuth", func(w *world) check.Options {
		servers := w.below(w.root, minica.Options{Subject: "CN=Servers CA", Usage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
		return check.Options{ClientCA: []string{w.file("ca.crt", servers.PEM())}}
	}},
}

func public(c *x509.Certificate) {
	oid, err := x509.OIDFromInts([]uint64{2, 23, 140, 1, 2, 2})
	if err != nil {
		panic(err)
	}
	c.Policies = []x509.OID{oid}
}

func expiredCA(w *world) *minica.CA {
	c, err := minica.New(minica.Options{Subject: "CN=Old Root", NotAfter: time.Now().Add(-time.Hour)})
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func selfSigned(w *world) *minica.Cert {
	c, err := minica.New(minica.Options{Subject: leafDN, DNS: []string{"webhook.example"}, Change: func(c *x509.Certificate) { c.IsCA = false }})
	if err != nil {
		w.t.Fatal(err)
	}
	return &c.Cert
}

func rsaKey(bits int) *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic(err)
	}
	return k
}

func TestEveryWord(t *testing.T) {
	t.Setenv("GODEBUG", "rsa1024min=0")
	for _, c := range wordCases {
		t.Run(c.word+" "+string(c.severity)+" "+c.problem, func(t *testing.T) {
			r := check.Run(c.look(newWorld(t)))
			f := found(t, r, c.word)
			if f.Severity != c.severity || !strings.Contains(f.Problem, c.problem) {
				t.Errorf("%s %q, want %s with %q", f.Severity, f.Problem, c.severity, c.problem)
			}
			if r.Failed() == (r.Errors+r.Warnings == 0) || !strings.Contains(text(t, r), c.word) {
				t.Errorf("the report does not tell of it:\n%s", text(t, r))
			}
			if f.Severity != check.Note && f.Fix == "" && c.word != "left-out" {
				t.Errorf("%q has no fix", f.Problem)
			}
		})
	}
}

// Nothing is wrong with what is right.
func TestAllIsWell(t *testing.T) {
	w := newWorld(t)
	ca := w.file("root.crt", w.root.PEM())
	for name, o := range map[string]check.Options{
		"a file with its key": {Certificate: w.file("server.crt", w.leaf.ChainPEM()), Key: w.file("server.key", w.leaf.KeyPEM()), CA: []string{ca}, Hosts: []string{"webhook.example"}},
		"one file":            {Certificate: w.file("all.pem", w.leaf.KeyPEM(), w.leaf.ChainPEM()), CA: []string{ca}},
		"a mounted directory": {Paths: []string{w.mounted(w.leaf)}},
		"loose files":         {Paths: []string{w.file("server.crt", w.leaf.ChainPEM()), w.file("server.key", w.leaf.KeyPEM())}},
		"a list of CAs":       {Paths: []string{ca}},
	} {
		if r := check.Run(o); len(r.Findings) > 0 || len(r.Certificates) == 0 {
			t.Errorf("%s:\n%s", name, text(t, r))
		}
	}
}

// TestEveryWordIsExplained holds docs/check.md, and the table above, to the code.
func TestEveryWordIsExplained(t *testing.T) {
	doc := read(t, "../../../../docs/check.md")
	tried := map[string]bool{"oversized-key": true, "unsupported-key": true, "negative-serial": true, "configuration": true,
		"rule-never-matches": true, "rule-shadowed": true, "deny-never-matches": true, "report-only": true} // elsewhere
	for _, c := range wordCases {
		tried[c.word] = true
	}
	for file, pattern := range map[string]string{
		"finding.go":                         `word\w+ += "([a-z-]+)"`,
		"../../../../proxy/certs/fault.go":   `Code\w+ += "([a-z-]+)"`,
		"../../../../proxy/certs/crl.go":     `Code\w+ += "([a-z-]+)"`,
		"../../../../proxy/certs/verify.go":  `Reason\w+ += "([a-z-]+)"`,
		"../../../../proxy/policy/decide.go": `(?:Denied|SubjectNotAllowed) +Reason = "([a-z-]+)"`,
	} {
		words := regexp.MustCompile(pattern).FindAllStringSubmatch(read(t, file), -1)
		if len(words) == 0 {
			t.Errorf("%s has no words; has their form changed?", file)
		}
		for _, word := range words {
			if !explained(doc, word[1]) {
				t.Errorf("docs/check.md does not explain %q of %s", word[1], file)
			}
			if file == "finding.go" && !tried[word[1]] {
				t.Errorf("no test makes %q", word[1])
			}
		}
	}
}

// explained reports whether a line of a table begins with the word, or a second one.
func explained(doc, word string) bool {
	return strings.Contains(doc, "\n| `"+word+"`") || strings.Contains(doc, ", `"+word+"` |")
}

func read(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
