package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/minica"
)

const goodConfig = `
ingress:
  - upstream: http://127.0.0.1:8080
    certificate: /etc/sidegate/tls
    clientCA: [/etc/sidegate/ca]
    allow: [{subject: "CN=web,O=Acme,C=BE"}]
`

func TestJudgementsByReason(t *testing.T) {
	p := newPKI(t)
	pair := p.pair(minica.Options{Subject: "CN=web"})
	with := func(name string, data []byte) certs.Contents {
		c := certs.Contents{"tls.crt": pair["tls.crt"], "tls.key": pair["tls.key"]}
		c[name] = data
		return c
	}
	old := p.pair(minica.Options{Subject: "CN=web", NotBefore: time.Now().Add(-40 * day), NotAfter: time.Now().Add(-day)})
	soon := p.pair(minica.Options{Subject: "CN=web", NotBefore: time.Now().Add(-80 * day), NotAfter: time.Now().Add(10 * day)})
	early := p.pair(minica.Options{Subject: "CN=web", NotBefore: time.Now().Add(day), NotAfter: time.Now().Add(80 * day)})
	for _, c := range []struct {
		what  string
		role  role
		files certs.Contents
		want  []string
	}{
		{"a pair", rolePair, pair, nil},
		{"a pair and its CA, for both", rolePair | roleCA, with("ca.crt", p.ca.PEM()), nil},
		{"a pair alone, for both", rolePair | roleCA, pair, []string{reasonNoCA}},
		{"a key that does not match", rolePair, with("tls.key", old["tls.key"]), []string{reasonKeyMismatch}},
		{"garbage for a certificate", rolePair, with("tls.crt", []byte("x")), []string{reasonNotParsable}},
		{"no key", rolePair, certs.Contents{"tls.crt": pair["tls.crt"]}, []string{reasonMissing}},
		{"nothing", rolePair, nil, []string{reasonMissing, reasonMissing}},
		{"an old pair", rolePair, old, []string{reasonExpired}},
		{"a pair with 10 days left", rolePair, soon, []string{reasonExpiring}},
		{"a pair of tomorrow", rolePair, early, []string{reasonNotUsable}},
		{"a CA", roleCA, certs.Contents{"ca.crt": p.ca.PEM()}, nil},
		{"no CA", roleCA, nil, []string{reasonNoCA}},
		{"a leaf for a CA", roleCA, certs.Contents{"ca.crt": pair["tls.crt"]}, []string{reasonNoCA}},
		{"half a CA", roleCA, certs.Contents{"ca.crt": p.ca.PEM()[:90]}, []string{reasonNotParsable}},
		{"a configuration", roleConfig, certs.Contents{configKey: []byte(goodConfig)}, nil},
		{"a wrong configuration", roleConfig, certs.Contents{configKey: []byte("ingres: []\n")}, []string{reasonInvalidConfig}},
		{"another key for a configuration", roleConfig, certs.Contents{"config.yaml": []byte(goodConfig)}, []string{reasonMissing}},
	} {
		v := judge(webSecret, content{files: c.files}, use{roles: c.role}, time.Now())
		var got []string
		for _, f := range v.findings {
			got = append(got, f.reason)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: (-want +got) %s%+v", c.what, diff, v.findings)
		}
	}
}

func TestNotesAreForPeople(t *testing.T) {
	p := newPKI(t)
	soon := p.pair(minica.Options{Subject: "CN=web,O=Acme", NotBefore: time.Now().Add(-80 * day), NotAfter: time.Now().Add(10 * day)})
	v := judge(webSecret, content{files: soon}, use{roles: rolePair}, time.Now())
	note := v.findings[0].note
	for _, part := range []string{"tls.crt: ", `"CN=web,O=Acme"`, "serial ", time.Now().Add(10 * day).UTC().Format("2006-01-02"), "less than 14 days", "To mend it: renew"} {
		if !strings.Contains(note, part) {
			t.Errorf("the note lacks %q: %s", part, note)
		}
	}
}

// Whoever may write Secrets must not make us write what the API server refuses,
// nor what misleads a terminal, nor any of a key.
func TestNotesOfHostileContents(t *testing.T) {
	p := newPKI(t)
	long := p.pair(minica.Options{Subject: "CN=" + strings.Repeat("é", 60) + ",OU=" + strings.Repeat("世", 60) + ",O=" + strings.Repeat("x", 60), NotBefore: time.Now().Add(-40 * day), NotAfter: time.Now().Add(-day)})
	key := strings.Split(string(long["tls.key"]), "\n")[1]
	many := certs.Contents{}
	for i := range 500 {
		many[strings.Repeat("k", 200)+string(rune('a'+i%26))+strings.Repeat("z", i/26)+".crt"] = []byte("-----BEGIN \x1b[31m" + key + "-----")
	}
	for _, files := range []certs.Contents{
		long, many,
		{"tls.crt": long["tls.key"], "tls.key": long["tls.key"][:100], "ca.crt": long["tls.key"]},
		{configKey: []byte("a: \"\x1b[31m\u202e" + strings.Repeat("y", 5000) + "\"\n")},
		{configKey: long["tls.key"]},
		{strings.Repeat("q", 253): nil},
	} {
		o := object{secret, strings.Repeat("n", 63), strings.Repeat("s", 253)}
		v := judge(o, content{files: files}, use{roles: rolePair | roleCA | roleConfig}, time.Now())
		if len(v.findings) == 0 || len(v.findings) > maxFindings || len(v.expires) > maxKeys {
			t.Errorf("%d findings, %d ends", len(v.findings), len(v.expires))
		}
		for _, f := range v.findings {
			for _, e := range eventsOf(o, "", f, nil) {
				checkNote(t, e.note, key)
			}
			checkNote(t, newEvent(eventsOf(o, "", f, nil)[0].regarding, nil, f, "Secret "+o.name+": "+f.note).note, key)
		}
	}
}

func checkNote(t *testing.T, note, key string) {
	t.Helper()
	switch {
	case len(note) > maxNote || !utf8.ValidString(note):
		t.Errorf("a note of %d bytes: %q", len(note), note)
	case strings.ContainsAny(note, "\x1b\u202e\n"):
		t.Errorf("a note with control characters: %q", note)
	case strings.Contains(note, key[:20]):
		t.Errorf("a note with a piece of a key: %q", note)
	}
}

func TestReasonsAsMetricsHaveThem(t *testing.T) {
	for reason, want := range map[string]string{
		reasonExpiring: "certificate-expiring", reasonExpired: "certificate-expired", reasonKeyMismatch: "key-mismatch",
		reasonNotParsable: "not-parsable", reasonNoCA: "no-ca", reasonMissing: "missing", reasonInvalidConfig: "invalid-config",
		reasonListExpired: "revocation-list-expired",
	} {
		if got := kebab(reason); got != want {
			t.Errorf("kebab(%q) = %q, want %q", reason, got, want)
		}
	}
}

func TestTheFirstCertificateOfAKeyToExpireCounts(t *testing.T) {
	p, q := newPKI(t), newPKI(t)
	short, err := minica.New(minica.Options{Subject: "CN=Short", NotAfter: time.Now().Add(40 * day)})
	must(t, err)
	files := certs.Contents{"ca.crt": slices.Concat(p.ca.PEM(), short.PEM(), q.ca.PEM())}
	v := judge(partnerCA, content{files: files}, use{roles: roleCA}, time.Now())
	if got := v.expires["ca.crt"]; !got.Equal(short.Leaf.NotAfter) {
		t.Errorf("ca.crt ends at %v, want %v", got, short.Leaf.NotAfter)
	}
}

// Where pods have configurations, only these say which keys are read.
func TestJudgementsOfWhatConfigurationsName(t *testing.T) {
	p := newPKI(t)
	pair := p.pair(minica.Options{Subject: "CN=web"})
	old := p.pair(minica.Options{Subject: "CN=web", NotBefore: time.Now().Add(-40 * day), NotAfter: time.Now().Add(-day)})
	for _, c := range []struct {
		what  string
		files certs.Contents
		want  []string
	}{
		{"names of one's own", certs.Contents{"web.crt": pair["tls.crt"], "web.key": pair["tls.key"], "partners": p.ca.PEM()}, nil},
		{"nothing", nil, nil},
		{"an old certificate by a name of one's own", certs.Contents{"web.crt": old["tls.crt"]}, []string{reasonExpired}},
		{"garbage by a common name", certs.Contents{"ca.crt": p.ca.PEM()[:90]}, []string{reasonNotParsable}},
		{"a pair that is none", certs.Contents{"tls.crt": pair["tls.crt"], "tls.key": old["tls.key"]}, []string{reasonKeyMismatch}},
	} {
		v := judge(webSecret, content{files: c.files}, use{roles: rolePair | roleCA, own: true}, time.Now())
		var got []string
		for _, f := range v.findings {
			got = append(got, f.reason)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: (-want +got) %s%+v", c.what, diff, v.findings)
		}
	}
	with := map[string]string{tlsSecretAnnotation: "web", clientCAAnnotation: "secret/web", configAnnotation: "gate"}
	alone := []*metav1.PartialObjectMetadata{podWith(with)}
	if u := useOf(webSecret, alone); !u.own {
		t.Error("the names are asked for though every pod has a configuration")
	}
	if u := useOf(webSecret, append(alone, podWith(mounts))); u.own {
		t.Error("the names are not asked for though a pod has no configuration")
	}
}

func TestReasonsWithoutRoomForWordsAreInTheMetrics(t *testing.T) {
	p := newPKI(t)
	files := certs.Contents{}
	for i := range 900 {
		files[fmt.Sprintf("k%d.crt", i)] = []byte("x")
	}
	files["old.crt"] = p.pair(minica.Options{Subject: "CN=web"})["tls.crt"]
	v := judge(webSecret, content{files: files, immutable: true}, use{roles: roleCA}, time.Now())
	if want := map[string]bool{reasonNotParsable: true, reasonImmutable: true}; !maps.Equal(v.reasons, want) {
		t.Errorf("reasons %v, want %v", v.reasons, want)
	}
	if last := v.findings[maxFindings-1].note; len(v.findings) != maxFindings || !strings.Contains(last, "There are 891 more findings") {
		t.Errorf("%d findings, the last %q", len(v.findings), last)
	}
}
