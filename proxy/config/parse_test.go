package config_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sidegate/sidegate/proxy/config"
)

func TestGoodDocumentsLoad(t *testing.T) {
	for _, file := range glob(t, "testdata/*.good.yaml") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			cfg, err := config.Load(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := cfg.Validate(); err != nil {
				t.Errorf("validating it again: %v", err)
			}
			if once, err := config.Load(file); err != nil || !reflect.DeepEqual(once, cfg) {
				t.Error("validating it again changed it")
			}
		})
	}
}

// In a bad document, the comment "# want: …" on a line is the error for that
// line. There are no others.
func TestBadDocumentsNameEveryFaultAtItsLine(t *testing.T) {
	for _, file := range glob(t, "testdata/*.bad.yaml") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			cfg, err := config.Parse("bad.yaml", data)
			if cfg != nil || err == nil {
				t.Fatal("the document was accepted")
			}
			got := strings.Split(err.Error(), "\n")
			if diff := cmp.Diff(wants("bad.yaml", data), got); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
		})
	}
}

func wants(name string, data []byte) []string {
	var want []string
	line := 0
	for text := range bytes.Lines(data) {
		line++
		for _, w := range strings.Split(string(text), "# want:")[1:] {
			want = append(want, fmt.Sprintf("%s:%d: %s", name, line, strings.TrimSpace(w)))
		}
	}
	return want
}

func TestWholeDocument(t *testing.T) {
	for _, test := range []struct{ what, document, want string }{
		{"nothing", "", "c.yaml: the document is empty; it needs at least one entry under ingress or egress"},
		{"a comment", "# later\n", "c.yaml: the document is empty; it needs at least one entry under ingress or egress"},
		{"an empty document", "---\n", "c.yaml:2: the document is empty; it needs at least one entry under ingress or egress"},
		{"a null", "null\n", "c.yaml:1: the document is empty; it needs at least one entry under ingress or egress"},
		{"empty keys", "{}\n", "c.yaml:1: ingress: has no entry; write at least one listener with upstream, certificate, clientCA and allow"},
		{"a list", "- ingress\n", "c.yaml:1: is a list, but keys and values are wanted here"},
		{"a text", "ingress\n", `c.yaml:1: is "ingress", but keys and values are wanted here`},
		{"a second document", "{}\n---\n{}\n", "c.yaml:2: a second document begins here; keep one, and remove the line with ---"},
		{"a second document that is broken", "{}\n---\n{\n", "c.yaml:3: is not YAML: did not find expected node content; mend the syntax there or shortly below"},
		{"a tab", "ingress:\n\t- a\n", "c.yaml:2: is not YAML: found character that cannot start any token; indent with spaces, not tabs"},
		{"a tab at the start", "\tingress: []\n", "c.yaml: is not YAML: found character that cannot start any token; indent line 1 with spaces, not tabs"},
		{"a tab that is noticed late", "ingress:\n  - listen: a\n  \tname: b\n", "c.yaml:2: is not YAML: found a tab character that violates indentation; indent line 3 with spaces, not tabs"},
		{"a list that is not closed", "health: {}\ningress: [a\n", "c.yaml:1: is not YAML: did not find expected ',' or ']'; mend the syntax there or shortly below"},
		{"a backslash in double quotes", "log:\n  format: \"O=Acme\\, SA\"\n", "c.yaml:2: is not YAML: found unknown escape character; in double quotes a backslash begins an escape of YAML; put the text into single quotes"},
		{"no text at all", "\x00\xff", "c.yaml: is not YAML: "},
		{"too much", "#" + strings.Repeat("a", 1<<20), "c.yaml: the document is larger than 1048576 bytes; remove what is not configuration"},
		{"an unknown alias", "ingress: *a\n", "c.yaml: is not YAML: unknown anchor"},
		{"a merge key", "ingres: []\n<<: {a: 1}\n", "c.yaml:1: ingres: the key is unknown; did you mean \"ingress\"?\nc.yaml:2: merge keys are not accepted; write the values out"},
	} {
		t.Run(test.what, func(t *testing.T) {
			_, err := config.Parse("c.yaml", []byte(test.document))
			if err == nil || !strings.HasPrefix(err.Error(), test.want) || strings.Count(err.Error(), "\n") != strings.Count(test.want, "\n") {
				t.Errorf("error is %v\nwant    %s", err, test.want)
			}
		})
	}
}

func TestFaultsOfKeysHideNoOthers(t *testing.T) {
	_, err := config.Parse("c.yaml", []byte("? [a]\n: b\ningress:\n  - ? [b]\n    : c\n    clientCA: ca\n    upstream: http://localhost\n"))
	want := []string{
		"c.yaml:1: a key is a list; a plain text is wanted",
		"c.yaml:4: ingress[0]: a key is a list; a plain text is wanted",
		"c.yaml:4: ingress[0].certificate: is required; write the directory of tls.crt and tls.key, such as /etc/sidegate/tls",
	}
	if diff := cmp.Diff(want, strings.Split(fmt.Sprint(err), "\n")); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
}

// A document of a few lines that would be billions of items if its aliases were
// followed.
func TestAliasesAreNotFollowed(t *testing.T) {
	var doc strings.Builder
	doc.WriteString("a0: &a0 [x]\n")
	for i := 1; i < 40; i++ {
		fmt.Fprintf(&doc, "a%d: &a%d [%s*a%d]\n", i, i, strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 9), i-1)
	}
	doc.WriteString("ingress: *a39\n")
	_, err := config.Parse("c.yaml", []byte(doc.String()))
	if err == nil || !strings.Contains(err.Error(), "c.yaml:41: ingress: anchors and aliases are not accepted") {
		t.Errorf("error is %v", err)
	}
}

func TestErrorsAreBounded(t *testing.T) {
	var doc strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&doc, "%s%d: 1\n", strings.Repeat("x", 90), i)
	}
	_, err := config.Parse("c.yaml", []byte(doc.String()))
	errs, ok := errors.AsType[config.Errors](err)
	if !ok || len(errs) != 100 {
		t.Fatalf("%d errors were returned, want 100: %v", len(errs), err)
	}
	for _, e := range errs {
		if n := len(e.Error()); n > 300 {
			t.Fatalf("one error has %d bytes: %v", n, &e)
		}
	}
}

func TestPastedKeysAreNotRepeated(t *testing.T) {
	const secret = "c2VjcmV0c2VjcmV0"
	pem := `"-----BEGIN PRIVATE KEY-----\n` + secret + `\n-----END PRIVATE KEY-----\n"`
	for _, key := range []string{"name", "listen", "upstream", "certificate", "key", "clientCA", "upstreamTimeout",
		"minTLSVersion", "clientCertificateUsage", "headers", "http2", "limits", "allow", "deny", "report",
		"serverName", "serverCA", "serverSubject", "serverSPKISHA256", "allowPaths", pem} {
		for _, list := range []string{"ingress", "egress"} {
			_, err := config.Parse("c.yaml", []byte(list+":\n  - "+key+": "+pem+"\n"))
			if err == nil {
				t.Errorf("%s: accepted", key)
			} else if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: the error repeats the secret: %v", key, err)
			}
		}
	}
}

func TestSubjectsThatCannotBeReadAreNamed(t *testing.T) {
	for _, test := range []struct{ what, yaml, path string }{
		{"no type", `subject: [CN=web, 7]`, "subject[1]"},
		{"no type, and not a list", `subject: web`, "subject"},
		{"an order that cannot be known", `subject: "CN=web, O=Acme, CN=web"`, "subject"},
		{"an issuer of nothing", `issuer: ""`, "issuer"},
		{"a type that does not exist", `subjectParts: [{CN: web}, {XY: Acme}]`, "subjectParts[1].XY"},
		{"a name without RDNs", `subjectParts: []`, "subjectParts"},
		{"an RDN without attributes", `subjectParts: [{}]`, "subjectParts"},
		{"an invisible character", `subjectHas: {O: "Ac\u200bme"}`, "subjectHas.O"},
		{"an attribute without a value", `subjectHas: {O: ""}`, "subjectHas.O"},
	} {
		t.Run(test.what, func(t *testing.T) {
			_, err := config.Parse("c.yaml", withRule("name: r, "+test.yaml))
			errs, _ := errors.AsType[config.Errors](err)
			if want := "ingress[0].allow[0]." + test.path; len(errs) != 1 || errs[0].Path != want || errs[0].Line != 5 {
				t.Errorf("error is %v\nwant one for line 5, %s", err, want)
			}
		})
	}
}

// withRule returns a document that is in order if its one rule is. The rule is on line 5.
func withRule(rule string) []byte {
	return []byte(`ingress:
  - upstream: http://127.0.0.1:8080
    certificate: /etc/sidegate/tls
    clientCA: /etc/sidegate/ca
    allow: [{` + rule + `}]
`)
}

func TestNearest(t *testing.T) {
	known := []string{"subject", "subjectHas", "issuer"}
	for word, want := range map[string]string{
		"subject":                         "subject",
		"SUBJECTHAS":                      "subjectHas",
		"isuser":                          "issuer", // two letters in the wrong order
		"sbject":                          "subject",
		"allow":                           "",
		"":                                "",
		strings.Repeat("subject", 10_000): "",
	} {
		if got, ok := config.Nearest(word, known); got != want || ok != (want != "") {
			t.Errorf("%.20q: %q, %v; want %q", word, got, ok, want)
		}
	}
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no files %s: %v", pattern, err)
	}
	return files
}
