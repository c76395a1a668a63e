package config_test

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sidegate/sidegate/proxy/config"
	"github.com/sidegate/sidegate/proxy/policy"
	"github.com/sidegate/sidegate/proxy/subject"
)

// inCode returns what command line flags make: a Config that no file was read for.
func inCode(t *testing.T) *config.Config {
	t.Helper()
	name, err := subject.Parse("CN=web,O=Acme")
	if err != nil {
		t.Fatal(err)
	}
	cfg, in := config.Default(), config.DefaultIngress()
	in.Upstream = config.Upstream{Scheme: config.HTTP, Address: "127.0.0.1:8080"}
	in.Certificate = "/etc/sidegate/tls"
	in.ClientCA = []string{"/etc/sidegate/ca"}
	in.Allow = []config.Rule{{Subject: []subject.Name{name}}}
	cfg.Ingress = append(cfg.Ingress, in)
	return &cfg
}

func TestConfigMadeInCodeEqualsItsDocument(t *testing.T) {
	cfg := inCode(t)
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	parsed, err := config.Parse("c.yaml", withRule(`subject: "CN=web,O=Acme"`))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(parsed, cfg) {
		t.Error("they differ")
	}
	if cfg.Ingress[0].Name != "ingress" || cfg.Ingress[0].Allow[0].Name != "rule-1" {
		t.Errorf("the names are %q and %q", cfg.Ingress[0].Name, cfg.Ingress[0].Allow[0].Name)
	}
}

func TestConfigMadeInCodeIsChecked(t *testing.T) {
	for _, test := range []struct {
		what string
		make func(*config.Config, *config.Ingress)
		want string
	}{
		{"a zero Config", func(c *config.Config, _ *config.Ingress) { *c = config.Config{} }, "ingress: has no entry"},
		{"a zero Ingress", func(_ *config.Config, in *config.Ingress) { *in = config.Ingress{} }, `ingress[0].listen: "" is not host:port`},
		{"a zero rule", func(_ *config.Config, in *config.Ingress) { in.Allow = make([]config.Rule, 1) }, `ingress[0].allow[0]: rule "rule-1" names no client`},
		{"a zero name", func(_ *config.Config, in *config.Ingress) { in.Allow[0].Subject[0] = subject.Name{} }, "ingress[0].allow[0].subject[0]: is empty"},
		{"a zero pin", func(_ *config.Config, in *config.Ingress) { in.Allow[0].SPKISHA256 = make([]config.SHA256, 1) }, "ingress[0].allow[0].spkiSHA256[0]: is all zeros"},
		{"a zero header", func(_ *config.Config, in *config.Ingress) { in.Headers = make([]config.Header, 1) }, "ingress[0].headers[0].name: is required"},
		{"an https upstream", func(_ *config.Config, in *config.Ingress) { in.Upstream.Scheme = "https" }, `ingress[0].upstream: "https://127.0.0.1:8080" is not an address`},
		{"a zero prefix", func(_ *config.Config, in *config.Ingress) { in.ProxyProtocol.From = make([]netip.Prefix, 1) }, "ingress[0].proxyProtocol.from[0]: is empty"},
		{"PEM for a path", func(_ *config.Config, in *config.Ingress) { in.Key = "-----BEGIN PRIVATE KEY-----" }, "ingress[0].key: is not a path"},
		{"an old version of TLS", func(_ *config.Config, in *config.Ingress) { in.MinTLSVersion = 0x301 }, `ingress[0].minTLSVersion: "0x0301" is unknown`},
		{"strict about no lists", func(_ *config.Config, in *config.Ingress) { in.CRLPolicy = config.CRLStrict }, "ingress[0].crlPolicy: strict needs lists to be strict about, and there is no crl: nobody would be checked; add crl, or remove crlPolicy"},
		{"no policy for lists", func(_ *config.Config, in *config.Ingress) { in.CRLPolicy = "" }, "ingress[0].crlPolicy: is required; write one of whenAvailable, strict"},
		{"a zero deny entry", func(_ *config.Config, in *config.Ingress) { in.Deny = make([]config.Deny, 1) }, `ingress[0].deny[0]: deny entry "deny-1" names no client`},
		{"an odd serial number", func(_ *config.Config, in *config.Ingress) {
			in.Deny = []config.Deny{{Issuer: in.Allow[0].Subject[0], Serial: []config.Serial{"3FA"}}}
		}, `ingress[0].deny[0].serial[0]: "3FA" is not in the form that certificates are compared in; write "03fa"`},
		{"a level that is none", func(c *config.Config, _ *config.Ingress) { c.Log.Level = "" }, "log.level: is required; write one of info, debug"},
		{"too many listeners", func(c *config.Config, in *config.Ingress) { c.Ingress = slices.Repeat(c.Ingress, 65) }, "ingress: has 65 entries"},
		{"no time to shut down", func(c *config.Config, _ *config.Ingress) { c.DrainTimeout = 0 }, "drainTimeout: 0s is not above 0"},
	} {
		t.Run(test.what, func(t *testing.T) {
			cfg := inCode(t)
			test.make(cfg, &cfg.Ingress[0])
			err := cfg.Validate()
			if _, ok := errors.AsType[config.Errors](err); !ok || !strings.Contains("\n"+err.Error(), "\n"+test.want) {
				t.Errorf("error is %v\nwant    %s", err, test.want)
			}
		})
	}
}

func TestDefaults(t *testing.T) {
	cfg, err := config.Load("testdata/minimal.good.yaml")
	if err != nil {
		t.Fatal(err)
	}
	in := cfg.Ingress[0]
	for what, pair := range map[string][2]any{
		"listen":                 {in.Listen, ":8443"},
		"upstreamTimeout":        {in.UpstreamTimeout, time.Minute},
		"upstreamConnectTimeout": {in.UpstreamConnectTimeout, 2 * time.Second},
		"clientCertificateUsage": {in.ClientCertificateUsage, config.ClientAuth},
		"minTLSVersion":          {in.MinTLSVersion.String(), "1.2"},
		"HTTP/2":                 {in.OffersHTTP2(), false},
		"upstreamNotLocal":       {in.UpstreamNotLocal, false},
		"crlPolicy":              {in.CRLPolicy, config.CRLWhenAvailable},
		"crlGrace":               {in.CRLGrace, time.Duration(0)},
		"withdrawalGrace":        {in.WithdrawalGrace, 5 * time.Second},
		"report":                 {in.Report, false},
		"proxyProtocol.from":     {len(in.ProxyProtocol.From), 0},
		"limits": {in.Limits, config.Limits{HandshakeTimeout: 10 * time.Second, HeaderTimeout: 10 * time.Second, HeaderBytes: 32768,
			BodyBytes: 67108864, BodyIdleTimeout: 30 * time.Second, IdleTimeout: 120 * time.Second, MaxConnections: 10000, MaxStreams: 250, MaxRequests: 4096}},
		"health":       {cfg.Health.Listen, ":9901"},
		"admin":        {cfg.Admin.Listen, "127.0.0.1:9902"},
		"log":          {cfg.Log, config.Log{Format: config.LogJSON, Level: config.LogInfo, Requests: true}},
		"startupWait":  {cfg.StartupWait, time.Duration(0)},
		"drainDelay":   {cfg.DrainDelay, 5 * time.Second},
		"drainTimeout": {cfg.DrainTimeout, 25 * time.Second},
	} {
		if !reflect.DeepEqual(pair[0], pair[1]) {
			t.Errorf("%s is %v, want %v", what, pair[0], pair[1])
		}
	}
}

// What stands in the document is what the proxy is told, defaults around it and all.
func TestValuesOfTwoListeners(t *testing.T) {
	cfg, err := config.Load("testdata/two-listeners.good.yaml")
	if err != nil {
		t.Fatal(err)
	}
	first, second := &cfg.Ingress[0], &cfg.Ingress[1]
	if !first.OffersHTTP2() || second.OffersHTTP2() {
		t.Errorf("HTTP/2 is %t for h2c:// and %t for unix://", first.OffersHTTP2(), second.OffersHTTP2())
	}
	if first.MinTLSVersion.String() != "1.3" || second.MinTLSVersion.String() != "1.2" {
		t.Errorf("the TLS versions are %v and %v", first.MinTLSVersion, second.MinTLSVersion)
	}
	if second.Name != "ingress-2" || second.Upstream != (config.Upstream{Scheme: config.Unix, Address: "/run/app.sock"}) {
		t.Errorf("the second is %q for %v", second.Name, second.Upstream)
	}
	if cfg.Health.Listen != "" || cfg.Admin.Listen != "" {
		t.Errorf("health is at %q and admin at %q", cfg.Health.Listen, cfg.Admin.Listen)
	}
}

func TestPolicyHasEveryRule(t *testing.T) {
	cfg, err := config.Load("testdata/example.good.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p := cfg.Ingress[0].Policy
	var names []string
	for _, r := range p.Rules {
		names = append(names, r.Name)
	}
	if want := []string{"digiteal", "acme", "orders", "pinned", "anybody"}; !slices.Equal(names, want) {
		t.Fatalf("the rules are %q, want %q", names, want)
	}
	if n := len(p.Rules[1].Subjects); n != 3 {
		t.Errorf("the rule acme has %d subjects; the one of subjectParts is missing", n)
	}
	name, _ := subject.Parse("CN=test.digiteal.eu,O=Digiteal SA,L=Mont-Saint-Guibert,ST=Brabant wallon,C=BE")
	digiteal := &policy.Client{Subject: name}
	for _, test := range []struct {
		client       *policy.Client
		method, path string
		rule         string
	}{
		{digiteal, "POST", "/webhook", "digiteal"},
		{digiteal, "GET", "/webhook", ""},
		{digiteal, "POST", "/hooks/a", "digiteal"},
		{&policy.Client{}, "GET", "/ping", "anybody"},
		{&policy.Client{}, "GET", "/", ""},
	} {
		if d := p.Decide(test.client, test.method, test.path); d.Allowed != (test.rule != "") || d.Rule != test.rule {
			t.Errorf("%s %s: %+v, want the rule %q", test.method, test.path, d, test.rule)
		}
	}
}

// A condition that is dropped on the way to the policy lets somebody in. So each
// field of a policy.Rule must be filled by a Rule that has everything.
func TestPolicyHasEveryCondition(t *testing.T) {
	cfg, err := config.Parse("c.yaml", withRule(`subject: CN=a, subjectHas: {CN: a}, issuer: CN=b,
      san: {dns: a.example, uri: "a:b", email: a@b, ip: 192.0.2.7}, methods: GET, paths: /a, report: true,
      spkiSHA256: `+strings.Repeat("ab", 32)+`, certSHA256: `+strings.Repeat("cd", 32)))
	if err != nil {
		t.Fatal(err)
	}
	rule := reflect.ValueOf(cfg.Ingress[0].Policy.Rules[0])
	san := rule.FieldByName("SAN")
	for _, v := range []reflect.Value{rule, san} {
		for i := range v.NumField() {
			if v.Field(i).IsZero() {
				t.Errorf("%s.%s is empty", v.Type(), v.Type().Field(i).Name)
			}
		}
	}
}

func TestListenersInConflict(t *testing.T) {
	for _, test := range []struct {
		a, b     string
		conflict bool
	}{
		{":8443", ":8443", true},
		{":8443", ":8444", false},
		{":8443", "127.0.0.1:8443", true},
		{":8443", "[::1]:8443", true},
		{"[::]:8443", "192.0.2.7:8443", true},
		{"0.0.0.0:8443", "192.0.2.7:8443", true},
		{"0.0.0.0:8443", "[::1]:8443", false},
		{"127.0.0.1:8443", "127.0.0.2:8443", false},
		{"localhost:8443", "127.0.0.1:8443", true},
		{"[::ffff:127.0.0.1]:8443", "127.0.0.1:8443", true},
		{"[::1]:8443", "[0:0:0:0:0:0:0:1]:8443", true},
		{":0", ":0", false},
	} {
		for _, pair := range [][2]string{{test.a, test.b}, {test.b, test.a}} {
			cfg := inCode(t)
			cfg.Ingress = append(cfg.Ingress, cfg.Ingress[0])
			cfg.Ingress[0].Listen, cfg.Ingress[1].Listen = pair[0], pair[1]
			if err := cfg.Validate(); (err != nil) != test.conflict {
				t.Errorf("%v: conflict is %t, error is %v", pair, test.conflict, err)
			}
		}
	}
}

func TestWarnings(t *testing.T) {
	for _, test := range []struct {
		what string
		make func(*config.Config, *config.Ingress)
		want string
	}{
		{"an empty list", func(_ *config.Config, in *config.Ingress) { in.Allow = nil }, `ingress "ingress": allow is empty: nobody is let in`},
		{"a rule for everybody", func(_ *config.Config, in *config.Ingress) { in.Allow = []config.Rule{{AnyClient: true}} }, `rule "rule-1" lets in every client`},
		{"a rule for all of a CA", func(_ *config.Config, in *config.Ingress) {
			in.Allow = []config.Rule{{Issuer: in.Allow[0].Subject[0], Methods: []string{"GET"}}}
		}, `rule "rule-1" lets in every client whom the CA "`},
		{"a wildcard", func(_ *config.Config, in *config.Ingress) { in.Allow[0].SAN.DNS = []string{"*.a.example"} }, "not the names below it"},
		{"gRPC without HTTP/2", func(_ *config.Config, in *config.Ingress) { in.Upstream.Scheme, in.HTTP2 = config.H2C, new(bool) }, "gRPC clients cannot connect"},
		{"a permission for nothing", func(_ *config.Config, in *config.Ingress) { in.UpstreamNotLocal = true }, "the upstream is local: remove it"},
		{"an upstream elsewhere", func(_ *config.Config, in *config.Ingress) {
			in.UpstreamNotLocal, in.Upstream.Address = true, "192.0.2.7:80"
		}, "identity headers travel to 192.0.2.7:80 in plaintext"},
		{"health for nobody", func(c *config.Config, _ *config.Ingress) { c.Health.Listen = "off" }, "health: there is no listener"},
		{"health out of reach", func(c *config.Config, _ *config.Ingress) { c.Health.Listen = "127.0.0.1:9901" }, "where the kubelet cannot ask"},
	} {
		t.Run(test.what, func(t *testing.T) {
			cfg := inCode(t)
			test.make(cfg, &cfg.Ingress[0])
			if err := cfg.Validate(); err != nil {
				t.Fatal(err)
			}
			if ws := cfg.Warnings(); len(ws) != 1 || !strings.Contains(ws[0], test.want) {
				t.Errorf("the warnings are %q, want %q", ws, test.want)
			}
		})
	}
	cfg := inCode(t)
	cfg.Ingress[0].Allow[0].Issuer = cfg.Ingress[0].Allow[0].Subject[0]
	if ws := cfg.Warnings(); len(ws) != 0 {
		t.Errorf("a rule by subject and issuer makes the warnings %q", ws)
	}
	cfg, err := config.Parse("c.yaml", []byte(strings.ReplaceAll(string(withRule("subject: CN=a")), "allow:",
		"proxyProtocol: {from: [0.0.0.0/0]}\n    allow:")))
	if err != nil {
		t.Fatal(err)
	}
	if ws := cfg.Warnings(); len(ws) != 1 || !strings.Contains(ws[0], "proxyProtocol.from has 0.0.0.0/0") {
		t.Errorf("the warnings are %q", ws)
	}
}

func ExampleParse() {
	_, err := config.Parse("sidegate.yaml", []byte(`
ingress:
  - upstream: http://10.0.0.7:8080
    certificate: /etc/sidegate/tls
    clientCA: [/etc/sidegate/ca]
    alow:
      - subject: CN=web,O=Acme
`))
	fmt.Println(err)
	// Output:
	// sidegate.yaml:3: ingress[0].upstream: "10.0.0.7" is not a loopback address, and the identity headers would travel there in plaintext; write 127.0.0.1, or set upstreamNotLocal: true if that is meant
	// sidegate.yaml:6: ingress[0].alow: the key is unknown; did you mean "allow"?
}
