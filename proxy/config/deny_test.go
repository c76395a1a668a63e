package config_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/sidegate/sidegate/proxy/config"
	"github.com/sidegate/sidegate/proxy/policy"
	"github.com/sidegate/sidegate/proxy/subject"
)

func TestSerialNumbersAreReadAsTheyArePrinted(t *testing.T) {
	for text, want := range map[string]string{
		"3fa0117c":          "3fa0117c",
		"3F:A0:11:7C":       "3fa0117c",
		"3f a0 11 7c":       "3fa0117c",
		"0x3FA0117C":        "3fa0117c",
		"00:f3:a0":          "f3a0", // as some tools print a number with the highest bit set
		"fa0":               "0fa0",
		"7":                 "07",
		"0":                 "00",
		"00":                "00",
		"1234567890":        "1234567890", // hex, though the digits are all decimal
		"1e5":               "01e5",       // a float to YAML
		"0755":              "0755",       // octal to YAML
		"0b1":               "b1",
		"2026-11-24":        "",
		"":                  "",
		"0x":                "",
		":":                 "",
		"-7":                "",
		"1_000":             "",
		"3fa0g":             "",
		"\u0663":            "", // a digit, but not of hex
		"serial=3FA0":       "",
		"123456789.0":       "",
		"0x0x1":             "",
		"CN=mallory,O=Acme": "",
	} {
		cfg, err := config.Parse("c.yaml", withDeny("{issuer: CN=CA, serial: "+text+"}"))
		if quoted, again := config.Parse("c.yaml", withDeny(`{issuer: CN=CA, serial: "`+text+`"}`)); text != "" && text != ":" && (err == nil) != (again == nil) {
			t.Errorf("%q: without quotes %v, with them %v, %v", text, err, quoted, again)
		}
		switch {
		case want == "" && err == nil:
			t.Errorf("%q is read as %q", text, cfg.Ingress[0].Deny[0].Serial)
		case want != "" && err != nil:
			t.Errorf("%q: %v", text, err)
		case want != "" && cfg.Ingress[0].Policy.Deny[0].Serials[0] != want:
			t.Errorf("%q is read as %q, want %q", text, cfg.Ingress[0].Policy.Deny[0].Serials, want)
		}
	}
}

// withDeny returns a document that is in order if its one deny entry is.
func withDeny(entry string) []byte {
	return []byte(strings.Replace(string(withRule("subject: CN=web")), "    allow:", "    deny: ["+entry+"]\n    allow:", 1))
}

// A value that is dropped on the way to the policy lets somebody in. So each field
// of a policy.Denial must be filled by one of the entries.
func TestPolicyHasEveryDenial(t *testing.T) {
	cfg, err := config.Load("testdata/example.good.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p := cfg.Ingress[0].Policy
	if err := p.Check(); err != nil || len(p.Deny) != 4 {
		t.Fatalf("%d entries, %v", len(p.Deny), err)
	}
	filled := map[string]bool{}
	for i := range p.Deny {
		d := reflect.ValueOf(p.Deny[i])
		for f := range d.NumField() {
			filled[d.Type().Field(f).Name] = filled[d.Type().Field(f).Name] || !d.Field(f).IsZero()
		}
	}
	for field, ok := range filled {
		if !ok {
			t.Errorf("no entry fills Denial.%s", field)
		}
	}
	if p.Deny[2].Name != "deny-3" {
		t.Errorf("the third entry is %q", p.Deny[2].Name)
	}
	ca, _ := subject.Parse("CN=Partner CA 2,O=Trust,C=BE")
	for _, serial := range []string{"3fa0117c", "51d2"} {
		if d := p.Decide(&policy.Client{Issuer: ca, Serial: serial}, "GET", "/ping"); d.Reason != policy.Denied {
			t.Errorf("serial number %s: %+v", serial, d)
		}
	}
}

func TestReportArrivesInThePolicy(t *testing.T) {
	document := strings.Replace(string(withRule("subject: CN=web, report: true")), "    allow:", "    report: true\n    allow:", 1)
	cfg, err := config.Parse("c.yaml", []byte(document))
	if err != nil {
		t.Fatal(err)
	}
	if p := cfg.Ingress[0].Policy; !p.Report || !p.Rules[0].Report {
		t.Errorf("the policy is %+v", p)
	}
}

func TestWarningsOfWhatIsTriedOutOrDenied(t *testing.T) {
	web, _ := subject.Parse("CN=web,O=Acme") // whom the one rule is for
	other, _ := subject.Parse("CN=other")
	for _, test := range []struct {
		what string
		make func(*config.Ingress)
		want []string
	}{
		{"nothing odd", func(in *config.Ingress) {
			in.Deny = []config.Deny{{Subject: []subject.Name{other}}}
			in.CRL, in.CRLPolicy = []string{"/etc/sidegate/crl"}, config.CRLStrict
			in.Allow = append(in.Allow, config.Rule{AnyClient: true, Report: true}, config.Rule{Issuer: other, Report: true, Methods: []string{"GET"}})
		}, []string{`rule "rule-3" is never reached`}},
		{"report", func(in *config.Ingress) { in.Report, in.Allow = true, nil }, []string{"report is true: nothing is refused by allow"}},
		{"only rules on trial", func(in *config.Ingress) { in.Allow[0].Report = true }, []string{"every rule of allow has report: true: nobody is let in"}},
		{"a serial number that looks decimal", func(in *config.Ingress) {
			in.Deny = []config.Deny{{Issuer: other, Serial: []config.Serial{"12345678901234567890"}}}
		}, []string{`deny entry "deny-1": the serial number 12345678901234567890 has decimal digits only and is read as hex; if it is decimal, write ab54a98ceb1f0ad2`}},
		{"a serial number that hardly does", func(in *config.Ingress) {
			in.Deny = []config.Deny{{Issuer: other, Serial: []config.Serial{"123456789012345678", "1234567890123456789a"}}}
		}, nil},
		{"grace for nothing", func(in *config.Ingress) { in.CRLGrace = 1 }, []string{"crlGrace has no effect without crl"}},
		{"a rule that is denied", func(in *config.Ingress) {
			in.Deny = []config.Deny{{Name: "night", Subject: []subject.Name{other, web}}}
		}, []string{`rule "rule-1" lets nobody in: whom it names is denied by "night"; remove`}},
		{"a rule that is half denied", func(in *config.Ingress) {
			in.Allow[0].Subject = append(in.Allow[0].Subject, other)
			in.Deny = []config.Deny{{Subject: []subject.Name{web}}}
		}, nil},
		{"a rule that is denied by many", func(in *config.Ingress) {
			in.Allow[0].Subject, in.Allow[0].CertSHA256 = nil, []config.SHA256{{1}, {2}, {3}, {4}, {5}, {6}, {7}}
			for _, pin := range in.Allow[0].CertSHA256 {
				in.Deny = append(in.Deny, config.Deny{CertSHA256: []config.SHA256{pin}})
			}
		}, []string{`"deny-4", "deny-5", 2 more; remove`}},
		{"a rule behind a wider one", func(in *config.Ingress) {
			in.Allow = append(in.Allow, config.Rule{Subject: []subject.Name{web}, Methods: []string{"POST"}})
		}, []string{`rule "rule-2" is never reached: rule "rule-1" before it`}},
		{"a rule behind a narrower one", func(in *config.Ingress) {
			in.Allow = append([]config.Rule{{Subject: []subject.Name{web}, Methods: []string{"POST"}}}, in.Allow...)
		}, nil},
	} {
		t.Run(test.what, func(t *testing.T) {
			cfg := inCode(t)
			test.make(&cfg.Ingress[0])
			if err := cfg.Validate(); err != nil {
				t.Fatal(err)
			}
			got := cfg.Warnings()
			if len(got) != len(test.want) {
				t.Fatalf("the warnings are %q, want %q", got, test.want)
			}
			for i, w := range got {
				if !strings.Contains(w, test.want[i]) {
					t.Errorf("warning %q, want %q", w, test.want[i])
				}
			}
		})
	}
}
