package check_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/sidegate/sidegate/cmd/sidegate/internal/check"
	"github.com/sidegate/sidegate/proxy/minica"
)

// The keys of the JSON object, with which scripts read it. What is there may
// grow; nothing of it may go.
var jsonKeys = map[string]string{
	"":             "certificates clients errors findings keys lists notes now warnings",
	"certificates": "certificate daysLeft file fingerprint issuer key names notAfter notBefore role serial signature subject usages",
	"keys":         "certificate file kind spkiSHA256",
	"clients":      "admitted allow file onTrial reason reportOnly rules subject verified",
	"lists":        "entries file issuer keyID nextUpdate number signedBy signerFile thisUpdate",
	"findings":     "certificate file fix peersSay problem severity subject word",
}

func TestJSONKeys(t *testing.T) {
	w := newWorld(t)
	r := check.Run(check.Options{
		Certificate: w.file("a.crt", w.leaf.ChainPEM()), Key: w.file("a.key", w.leaf.KeyPEM()), Hosts: []string{"other.example"},
		Client:   w.file("c.crt", w.issue(minica.Options{Subject: "CN=c"}).PEM()),
		ClientCA: []string{w.file("ca.crt", w.root.PEM())},
		CRL:      []string{w.file("root.crl", list(t, w.root, minica.CRLOptions{}))},
	})
	var out bytes.Buffer
	if err := r.WriteJSON(&out); err != nil {
		t.Fatal(err)
	}
	var top map[string]json.RawMessage
	if err := json.Unmarshal(out.Bytes(), &top); err != nil {
		t.Fatal(err)
	}
	doc := read(t, "../../../../docs/check.md")
	for name, want := range jsonKeys {
		object := top
		if name != "" {
			var list []map[string]json.RawMessage
			if err := json.Unmarshal(top[name], &list); err != nil || len(list) == 0 {
				t.Fatalf("%s: %v in %s", name, err, top[name])
			}
			object = list[0]
		}
		var keys []string
		for key := range object {
			keys = append(keys, key)
			if !strings.Contains(doc, "`"+key+"`") {
				t.Errorf("docs/check.md does not tell of %q", key)
			}
		}
		slices.Sort(keys)
		if got := strings.Join(keys, " "); got != want {
			t.Errorf("%q has the keys %s\nwant %s", name, got, want)
		}
	}
}

// Lists are never null, whatever is in them.
func TestJSONOfNothing(t *testing.T) {
	var out bytes.Buffer
	if err := check.Run(check.Options{}).WriteJSON(&out); err != nil || strings.Contains(out.String(), "null") {
		t.Errorf("%v: %s", err, out.String())
	}
}
