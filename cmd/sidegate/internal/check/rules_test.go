package check_test

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/sidegate/sidegate/cmd/sidegate/internal/check"
	"github.com/sidegate/sidegate/proxy/config"
	"github.com/sidegate/sidegate/proxy/minica"
)

// ruled is a document with one ingress; more is what else stands in it.
func ruled(w *world, more string) *config.Config {
	w.t.Helper()
	w.mounted(w.leaf)
	w.file("root.crt", w.root.PEM())
	head := "ingress:\n  - name: gate\n    upstream: http://127.0.0.1:8080\n    certificate: DIR/tls\n    clientCA: DIR/root.crt\n"
	cfg, err := config.Parse("sidegate.yaml", []byte(strings.ReplaceAll(head+more, "DIR", w.dir)))
	if err != nil {
		w.t.Fatal(err)
	}
	return cfg
}

func pin(c *minica.Cert) string {
	sum := sha256.Sum256(c.Leaf.Raw)
	return hex.EncodeToString(sum[:])
}

const partnerRule = `    allow: [{name: partner, subject: "CN=webhook.example,O=Example SA,C=BE"}]` + "\n"

func TestRules(t *testing.T) {
	w := newWorld(t)
	old := w.issue(minica.Options{NotAfter: time.Now().Add(-time.Hour)})
	withdrawn := w.issue(minica.Options{})
	w.file("issuing.crl", list(t, w.issuing, revoking(withdrawn)))
	for _, c := range []struct {
		name, word, problem string
		severity            check.Severity
		more                string
		paths               []string
	}{
		{"all denied", "rule-never-matches", `rule "partner" lets nobody in: whom it names is denied by "stolen"`, check.Warning,
			partnerRule + `    deny: [{name: stolen, subject: "CN=webhook.example,O=Example SA,C=BE"}]`, nil},
		{"shadowed", "rule-shadowed", `rule "b" is never reached: rule "a"`, check.Warning,
			`    allow: [{name: a, subject: "CN=a"}, {name: b, subject: "CN=a", methods: [GET]}]`, nil},
		{"contradicting itself", "rule-never-matches", "no Subject that it names has the attributes", check.Warning,
			`    allow: [{name: a, subject: "CN=a,O=A", subjectHas: {O: B}}]`, nil},
		{"of an issuer that nobody knows", "rule-never-matches", "unless clients bring an intermediate", check.Note,
			`    allow: [{name: a, subject: "CN=a", issuer: "CN=Typo"}]`, nil},
		{"denying under an issuer that nobody knows", "deny-never-matches", `deny entry "d" refuses nobody`, check.Note,
			partnerRule + `    deny: [{name: d, issuer: "CN=Typo", serial: 0a}]`, nil},
		{"pinning what has expired", "rule-never-matches", "pins has expired", check.Warning,
			"    allow: [{name: a, certSHA256: " + pin(old) + "}]", []string{w.file("old.crt", old.ChainPEM())}},
		{"pinning what is revoked", "rule-never-matches", "pins is revoked", check.Warning,
			"    allow: [{name: a, certSHA256: " + pin(withdrawn) + "}]\n    crl: DIR/issuing.crl", []string{w.file("withdrawn.crt", withdrawn.ChainPEM())}},
		{"on trial", "report-only", `rule "a" is on trial`, check.Note, `    allow: [{name: a, subject: "CN=a", report: true}, {name: b, subject: "CN=b"}]`, nil},
		{"report", "report-only", "rules refuse nobody", check.Warning, partnerRule + "    report: true", nil},
		{"strict without a list of the CA", "crl-missing", "nobody below it is let in", check.Error, partnerRule + "    crl: DIR/issuing.crl\n    crlPolicy: strict", nil},
		{"without a list of the CA", "crl-missing", "its clients pass unchecked", check.Note, partnerRule + "    crl: DIR/issuing.crl", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := check.Run(check.Options{Config: ruled(w, c.more), Paths: c.paths})
			f := found(t, r, c.word)
			if f.Severity != c.severity || !strings.Contains(f.Problem, c.problem) || f.Listener != "gate" || f.Fix == "" {
				t.Errorf("%+v", f)
			}
			for _, other := range r.Findings {
				if other.Word == "configuration" {
					t.Errorf("said twice: %q", other.Problem)
				}
			}
		})
	}
}

// That an intermediate is named takes the doubt away, and a CA that may have none
// below it makes it a warning.
func TestRuleOfAnIntermediate(t *testing.T) {
	w := newWorld(t)
	more := `    allow: [{name: a, subject: "CN=a", issuer: "CN=Example Issuing CA,O=Example CA,C=BE"}]`
	if r := check.Run(check.Options{Config: ruled(w, more), Paths: []string{w.file("issuing.crt", w.issuing.PEM())}}); len(r.Findings) > 0 {
		t.Errorf("%s", text(t, r))
	}
	var err error
	w.root, err = minica.New(minica.Options{Subject: "CN=Short Root", Change: func(c *x509.Certificate) { c.MaxPathLen, c.MaxPathLenZero = 0, true }})
	if err != nil {
		t.Fatal(err)
	}
	if f := found(t, check.Run(check.Options{Config: ruled(w, more)}), "rule-never-matches"); f.Severity != check.Warning || !strings.Contains(f.Problem, "pathLenConstraint 0") {
		t.Errorf("%+v", f)
	}
}

// Deny, report and rules on trial, as a client meets them.
func TestClientUnderDenyAndReport(t *testing.T) {
	const denied = `    deny: [{name: stolen, subject: "CN=webhook.example,O=Example SA,C=BE"}]` + "\n"
	const other = `    allow: [{name: other, subject: "CN=other"}]` + "\n"
	for _, c := range []struct {
		name, more, line string
		reason, deniedBy string
		admitted, report bool
	}{
		{"denied", partnerRule + denied, `not admitted: denied by the deny entry "stolen"`, "denied", "stolen", false, false},
		{"denied, in report mode", partnerRule + denied + "    report: true", `not admitted: denied by the deny entry "stolen"`, "denied", "stolen", false, false},
		{"let through", other + "    report: true", "let through by report: true only; without it not admitted: subject-not-allowed", "subject-not-allowed", "", false, true},
		{"admitted, in report mode", partnerRule + "    report: true", `admitted by rule "partner"`, "", "", true, false},
		{"on trial", strings.Replace(partnerRule, "}]", ", report: true}]", 1), `not admitted: subject-not-allowed; admitted by rule "partner" if that were not on trial`, "subject-not-allowed", "", false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			r := check.Run(check.Options{Config: ruled(w, c.more), Client: w.file("client.crt", w.leaf.ChainPEM())})
			a := r.Clients[0]
			if a.Reason != c.reason || a.DeniedBy != c.deniedBy || a.Admitted != c.admitted || a.ReportOnly != c.report {
				t.Errorf("%+v", a)
			}
			if !strings.Contains(text(t, r), c.line) {
				t.Errorf("no %q in:\n%s", c.line, text(t, r))
			}
			if c.reason != "" && !r.Failed() {
				t.Error("nothing is said to be wrong")
			}
		})
	}
}
