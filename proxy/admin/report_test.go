package admin_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sidegate/sidegate/proxy"
	"github.com/sidegate/sidegate/proxy/admin"
)

// TestKeysAreStable holds the keys of /status.json to testdata/keys.txt: scripts
// read them, so a line may be added there, but none changed.
func TestKeysAreStable(t *testing.T) {
	s := newShop(t).open().breakKey()
	full := snapshot(s.Status, proxy.Refusal{Time: time.Now(), Remote: "10.0.0.1:1", Status: 403,
		Reason: "subject-not-allowed", Detail: "d", Subject: "CN=x", Allow: "subject: 'CN=x'", ReportOnly: true})
	full.Ingress[0].Certs.Bundle = listed(t, day).Bundle
	full.Ingress[0].Warnings, full.Ingress[0].CRLPolicy = []string{"odd"}, "strict"
	full.Ingress[0].Report, full.Ingress[0].Rules[0].Report = true, true
	full.Ingress[0].Deny = []admin.Rule{{Name: "d", Conditions: []string{"serial: 01"}}}
	full.Egress = []admin.Egress{partner(s.Status, proxy.Failure{Time: time.Now(), Reason: "server-subject", Detail: "d", Server: "CN=x"})}
	full.Egress[0].Warnings = []string{"odd"}
	_, body := ask(t, "GET", status(t, full), "/status.json")
	var doc any
	if err := json.Unmarshal([]byte(body), &doc); err != nil {
		t.Fatal(err)
	}
	keys := make(map[string]bool)
	collect(keys, "", doc)
	want, err := os.ReadFile(filepath.Join("testdata", "keys.txt"))
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(slices.Sorted(maps.Keys(keys)), "\n") + "\n"
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("keys changed (-want +got):\n%s", diff)
	}
}

// collect notes the path and the type of every value in v.
func collect(keys map[string]bool, path string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for k, inner := range v {
			collect(keys, path+"."+k, inner)
		}
	case []any:
		for _, inner := range v {
			collect(keys, path+"[]", inner)
		}
	default:
		keys[fmt.Sprintf("%s %T", strings.TrimPrefix(path, "."), v)] = true
	}
}

func TestListsAreNeverNull(t *testing.T) {
	for _, s := range []admin.Snapshot{{}, {Ingress: []admin.Ingress{{Name: "bare", Rules: []admin.Rule{{Name: "any"}}}}, Egress: []admin.Egress{{Name: "bare"}}}} {
		if _, body := ask(t, "GET", status(t, s), "/status.json"); strings.Contains(body, "null") {
			t.Errorf("a null is in %s", body)
		}
		if res, body := ask(t, "GET", status(t, s), "/"); res.StatusCode != 200 {
			t.Errorf("GET / of a bare snapshot = %d %s", res.StatusCode, body)
		}
	}
}

func TestTimesAreUTC(t *testing.T) {
	s := snapshot(newShop(t).open().Status, proxy.Refusal{Reason: "unknown-ca", Time: time.Now()})
	far := time.FixedZone("far", 9*3600)
	s.Now, s.Started, s.ConfigLoaded = s.Now.In(far), s.Started.In(far), s.ConfigLoaded.In(far)
	s.Ingress[0].Refusals[0].Time = s.Now
	if _, body := ask(t, "GET", status(t, s), "/status.json"); strings.Contains(body, "+09:00") {
		t.Errorf("a time is not UTC in %s", body)
	}
}

func TestCertificatesAreSortedOut(t *testing.T) {
	s := newShop(t).open()
	in := reportOf(t, snapshot(s.Status)).Ingress[0]
	leaf := s.Bundle.Certificate.Leaf
	if c := in.Served; c == nil || c.Subject != "CN=webhooks.shop.example,O=Shop NV,C=BE" || c.Trusted ||
		c.DaysLeft != 43 || !c.NotAfter.Equal(leaf.NotAfter) || !slices.Equal(c.Names, leaf.DNSNames) ||
		strings.TrimLeft(c.Serial, "0") != leaf.SerialNumber.Text(16) {
		t.Errorf("served = %+v", in.Served)
	}
	if len(in.Chain) != 1 || in.Chain[0].Subject != "CN=Example Issuing CA 4,O=Example Trust,C=BE" {
		t.Errorf("chain = %+v", in.Chain)
	}
	var anchors []string
	for _, a := range in.Anchors {
		anchors = append(anchors, fmt.Sprint(a.Subject, a.Trusted))
	}
	want := []string{"CN=Partner CA,O=Digiteal SA,C=BEtrue", "CN=Partner CA 2,O=Digiteal SA,C=BEtrue"}
	if diff := cmp.Diff(want, anchors); diff != "" {
		t.Errorf("anchors, soonest to end first (-want +got):\n%s", diff)
	}
}

func TestNoKeyIsShown(t *testing.T) {
	s := newShop(t).open()
	addr := status(t, snapshot(s.Status))
	for _, path := range []string{"/", "/status.json"} {
		if _, body := ask(t, "GET", addr, path); strings.Contains(body, "PRIVATE") || strings.Contains(body, "BEGIN") {
			t.Errorf("%s shows PEM", path)
		}
	}
}
