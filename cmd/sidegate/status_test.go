package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sidegate/sidegate/proxy/config"
)

func TestEveryConditionOfARuleIsShown(t *testing.T) {
	cfg, err := config.Parse("test.yaml", []byte(`
ingress:
  - upstream: http://127.0.0.1:1
    certificate: tls
    clientCA: ca
    allow:
      - subject: ["CN=a,C=BE", "CN=b,C=BE"]
        subjectParts: [{CN: c}, {O: "Acme, Inc."}]
        subjectHas: {O: Acme, C: BE}
        issuer: CN=ca
        san: {dns: a.example, uri: "spiffe://a/b", email: a@b.example, ip: 192.0.2.1}
        spkiSHA256: "`+digest+`"
        certSHA256: "`+digest+`"
        methods: [GET, POST]
        paths: [/a, /b/*]
      - anyClient: true
`))
	if err != nil {
		t.Fatal(err)
	}
	var got [][]string
	for i := range cfg.Ingress[0].Allow {
		got = append(got, conditions(&cfg.Ingress[0].Allow[i]))
	}
	want := [][]string{{
		`subject: CN=a,C=BE or CN=b,C=BE or CN=c,O=Acme\, Inc.`,
		"subjectHas: O=Acme", "subjectHas: C=BE",
		"issuer: CN=ca",
		"san.dns: a.example", "san.uri: spiffe://a/b", "san.email: a@b.example", "san.ip: 192.0.2.1",
		"spkiSHA256: " + digest, "certSHA256: " + digest,
		"methods: GET or POST", "paths: /a or /b/*",
	}, {"anyClient: true"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

const digest = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
