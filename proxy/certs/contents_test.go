package certs_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/minica"
)

// What a controller says of a Secret must be what the sidecar says that mounts
// it: each of these is judged in memory, and opened from a volume.
func TestContentsAreJudgedAsTheyWouldBeMounted(t *testing.T) {
	ca, other := root(t, "Root"), root(t, "Other Root")
	leaf, stranger := issue(t, ca, "gate"), issue(t, ca, "stranger")
	expired := issueWith(t, ca, minica.Options{Subject: "CN=old", NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(-24 * time.Hour)})
	for name, files := range map[string]folder{
		"a pair":                        pair(leaf),
		"the key of another":            pair(leaf).with("tls.key", stranger.KeyPEM()),
		"a pair that expired":           pair(expired),
		"files that changed places":     {"tls.crt": leaf.KeyPEM(), "tls.key": leaf.PEM()},
		"garbage":                       {"tls.crt": []byte("x"), "tls.key": []byte("y")},
		"values without anything":       {"tls.crt": nil, "tls.key": {}},
		"a chain cut short":             pair(leaf).with("tls.crt", leaf.ChainPEM()[:400]),
		"cert-manager's three":          pair(leaf).with("ca.crt", ca.PEM()),
		"two CA files":                  {"ca.crt": ca.PEM(), "other.pem": other.PEM(), "notes.txt": []byte("hello")},
		"a CA file by no known name":    {"bundle": ca.PEM()},
		"a CA file with a key beside":   {"ca.crt": ca.PEM(), "ca.key": ca.KeyPEM()},
		"a leaf for a CA":               {"ca.crt": leaf.PEM()},
		"a tls.crt for a CA":            {"tls.crt": ca.PEM()},
		"a CA beside one cut short":     {"ca.crt": ca.PEM(), "other.crt": other.PEM()[:100]},
		"an empty CA file":              {"ca.crt": {}},
		"a name that begins with a dot": {".ca.crt": ca.PEM()},
		"a bundle by its beginning":     {"ca-bundle.txt": ca.PEM()},
		"a key named like a bundle":     {"ca.crt": ca.PEM(), "ca-bundle.key": ca.KeyPEM()},
	} {
		t.Run(name, func(t *testing.T) {
			dir := mount(t, files).Dir
			short := func(text string) string {
				return strings.NewReplacer(dir+"/", "", dir, "*").Replace(text)
			}
			if _, ok := files["tls.key"]; ok {
				_, err := certs.Open(certs.Files{Certificate: dir}, certs.Options{})
				same(t, "pair", certs.Contents(files).JudgePair(time.Now()), err, short)
			}
			store, err := certs.Open(certs.Files{CA: []string{dir}}, certs.Options{})
			judged := certs.Contents(files).JudgeCA(certs.ClientAuth, time.Now())
			same(t, "CA", judged, err, short)
			if err != nil {
				return
			}
			var warnings []string
			for _, w := range store.Current().Warnings {
				warnings = append(warnings, short(w))
			}
			if diff := cmp.Diff(warnings, judged.Warnings); diff != "" {
				t.Errorf("warnings mounted → judged: %s", diff)
			}
			if len(judged.Items) == 0 || len(judged.Items) != len(store.Current().Items) {
				t.Errorf("%d certificates judged, %d mounted", len(judged.Items), len(store.Current().Items))
			}
		})
	}
}

// same fails the test unless j has the faults that err joins.
func same(t *testing.T, what string, j certs.Judgement, err error, short func(string) string) {
	t.Helper()
	var mounted, judged []string
	for _, f := range certs.Faults(err) {
		mounted = append(mounted, f.Code+" "+short(f.File))
	}
	for _, f := range j.Faults {
		if f.Problem == "" || f.Fix == "" {
			t.Errorf("%s: fault %s lacks a problem or a fix", what, f.Code)
		}
		judged = append(judged, f.Code+" "+f.File)
	}
	if diff := cmp.Diff(mounted, judged); diff != "" {
		t.Errorf("%s: faults mounted → judged: %s", what, diff)
	}
}

func TestJudgePairNamesTheKeyThatIsMissing(t *testing.T) {
	leaf := issue(t, root(t, "Root"), "gate")
	j := certs.Contents{"tls.crt": leaf.ChainPEM(), "cert.key": leaf.KeyPEM()}.JudgePair(time.Now())
	if len(j.Faults) != 1 {
		t.Fatalf("%d faults, want 1: %+v", len(j.Faults), j.Faults)
	}
	f := j.Faults[0]
	if f.Code != certs.CodeMissing || f.File != "tls.key" || !strings.Contains(f.Problem, "cert.key, tls.crt") {
		t.Errorf("fault %s of %s: %s", f.Code, f.File, f.Problem)
	}
}

func TestJudgementOfAnExpiredPairStillSaysWhenItEnded(t *testing.T) {
	end := time.Now().Add(-time.Hour).Truncate(time.Second)
	old := issueWith(t, root(t, "Root"), minica.Options{Subject: "CN=old", NotBefore: end.Add(-24 * time.Hour), NotAfter: end})
	j := certs.Contents(pair(old)).JudgePair(time.Now())
	if len(j.Items) == 0 || !j.Items[0].Cert.NotAfter.Equal(end) || j.Items[0].File != "tls.crt" {
		t.Errorf("items %+v, want tls.crt that ended at %v", j.Items, end)
	}
	if len(j.Faults) != 1 || j.Faults[0].Code != certs.CodeExpired {
		t.Errorf("faults %+v, want %s alone", j.Faults, certs.CodeExpired)
	}
}

func TestJudgementsNeverQuoteAKey(t *testing.T) {
	leaf := issue(t, root(t, "Root"), "gate")
	secret := strings.Split(string(leaf.KeyPEM()), "\n")[1]
	for _, c := range []certs.Contents{
		{"tls.crt": leaf.KeyPEM(), "tls.key": leaf.KeyPEM()[:80]},
		{"tls.crt": leaf.PEM(), "tls.key": []byte("-----BEGIN " + secret + "-----\nAAAA\n-----END " + secret + "-----\n")},
		{"ca.crt": leaf.KeyPEM()},
	} {
		for _, j := range []certs.Judgement{c.JudgePair(time.Now()), c.JudgeCA(certs.ClientAuth, time.Now())} {
			for _, f := range j.Faults {
				if text := f.Error() + f.Fix; strings.Contains(text, secret[:20]) {
					t.Errorf("a fault quotes the key: %s", text)
				}
			}
			if i := slices.IndexFunc(j.Warnings, func(w string) bool { return strings.Contains(w, secret[:20]) }); i >= 0 {
				t.Errorf("a warning quotes the key: %s", j.Warnings[i])
			}
		}
	}
}

func TestExpiryIsToldStepByStep(t *testing.T) {
	const day = 24 * time.Hour
	end := time.Now().Add(1000 * day)
	for _, c := range []struct {
		life, left time.Duration
		passed     bool
		step, next time.Duration // next before the end; -1: none
	}{
		{90 * day, 31 * day, false, 0, 30 * day},
		{90 * day, 30*day - time.Second, true, 30 * day, 14 * day},
		{90 * day, 10 * day, true, 14 * day, 7 * day},
		{90 * day, 2 * time.Hour, true, day, 0},
		{90 * day, -time.Second, true, 0, -1},
		{40 * day, 29 * day, false, 0, 14 * day}, // 30 days are more than two thirds of its life
		{time.Hour, 10 * time.Minute, false, 0, 0},
		{time.Hour, -time.Minute, true, 0, -1},
	} {
		cert := *root(t, "Root").Leaf
		cert.NotBefore, cert.NotAfter = end.Add(-c.life), end
		step, next, passed := certs.ExpiryStep(&cert, end.Add(-c.left))
		if passed != c.passed || step != c.step {
			t.Errorf("life %v, left %v: step %v, %v; want %v, %v", c.life, c.left, step, passed, c.step, c.passed)
		}
		switch {
		case c.next < 0 && !next.IsZero():
			t.Errorf("life %v, left %v: next at %v, want none", c.life, c.left, next)
		case c.next >= 0 && end.Sub(next).Round(time.Second) != c.next:
			t.Errorf("life %v, left %v: next %v before the end, want %v", c.life, c.left, end.Sub(next), c.next)
		}
	}
}

func TestAKeyIsLeftOutByItsName(t *testing.T) {
	ca := root(t, "Root")
	for _, files := range []certs.Contents{
		{"ca-bundle.key": ca.KeyPEM(), "ca.crt": ca.PEM()},
		{"ca-bundle.key": ca.KeyPEM()},
	} {
		j := files.JudgeCA(certs.ClientAuth, time.Now())
		if len(j.Warnings) > 0 {
			t.Errorf("%d keys: warned %q of a key", len(files), j.Warnings)
		}
		if len(files) == 1 && !strings.Contains(j.Faults[0].Problem, "ca-bundle.key by its name") {
			t.Errorf("fault %q", j.Faults[0].Problem)
		}
	}
}

// Whoever may write a Secret must not be able to keep its judges busy.
func TestContentsOfVeryManyKeysAreNotLookedInto(t *testing.T) {
	files := certs.Contents{}
	for i := range 60_000 {
		files[fmt.Sprintf("k%d.crt", i)] = nil
	}
	start := time.Now()
	for what, j := range map[string]certs.Judgement{"CA": files.JudgeCA(certs.ClientAuth, time.Now()), "any": files.JudgeAny(time.Now())} {
		if len(j.Faults) != 1 || j.Faults[0].Code != certs.CodeTooLarge || !strings.Contains(j.Faults[0].Problem, "60000 keys") {
			t.Errorf("%s: %d faults, the first %v; want one that tells of 60000 keys", what, len(j.Faults), j.Faults[0])
		}
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestJudgeAnyAsksForNoNames(t *testing.T) {
	ca := root(t, "Root")
	leaf, other := issue(t, ca, "gate"), issue(t, ca, "other")
	for _, c := range []struct {
		what  string
		files certs.Contents
		items string // file and role
		codes string
	}{
		{"nothing", nil, "", ""},
		{"names of one's own", certs.Contents{"web.pem": leaf.ChainPEM(), "partners": ca.PEM()}, "partners ca, web.pem certificate", ""},
		{"a certificate alone", certs.Contents{"tls.crt": leaf.PEM()}, "tls.crt certificate", ""},
		{"garbage by names of one's own", certs.Contents{"notes.txt": []byte("hello"), "web.crt": leaf.PEM()[:99]}, "", ""},
		{"garbage by common names", certs.Contents{"ca.crt": ca.PEM()[:99], "tls.key": []byte("x")}, "", "broken-pem no-pem"},
		{"a pair that is none", certs.Contents{"tls.crt": leaf.PEM(), "tls.key": other.KeyPEM()}, "tls.crt certificate", "key-mismatch"},
		{"a pair of garbage", certs.Contents{"tls.crt": []byte("x"), "tls.key": []byte("y")}, "", "no-pem no-pem"},
	} {
		j := c.files.JudgeAny(time.Now())
		var items, codes []string
		for _, it := range j.Items {
			items = append(items, it.File+" "+it.Role)
		}
		for _, f := range j.Faults {
			codes = append(codes, f.Code)
		}
		if got := strings.Join(items, ", "); got != c.items {
			t.Errorf("%s: items %q, want %q", c.what, got, c.items)
		}
		if got := strings.Join(codes, " "); got != c.codes {
			t.Errorf("%s: faults %q, want %q", c.what, got, c.codes)
		}
	}
}
