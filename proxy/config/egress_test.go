package config_test

import (
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sidegate/sidegate/proxy/config"
	"github.com/sidegate/sidegate/proxy/subject"
)

// calling returns a Config made in code that has egresses alone, each written
// "name@address". One without a name gets its default.
func calling(t *testing.T, egresses string) *config.Config {
	t.Helper()
	cfg := config.Default()
	for _, text := range strings.Fields(egresses) {
		out := config.DefaultEgress()
		out.Name, out.Listen, _ = strings.Cut(text, "@")
		out.Upstream = config.Origin{Host: "api.partner.example", Port: 443}
		out.Certificate = "/etc/sidegate/client"
		out.ServerCA = []string{"/etc/sidegate/partner-ca"}
		cfg.Egress = append(cfg.Egress, out)
	}
	if err := cfg.Validate(); err != nil {
		t.Fatalf("%s: %v", egresses, err)
	}
	return &cfg
}

func TestAnEgressNeedsNoIngress(t *testing.T) {
	cfg, err := config.Load("testdata/egress-only.good.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want := calling(t, "@127.0.0.1:8081")
	if !reflect.DeepEqual(cfg, want) {
		t.Errorf("it is %+v\nand in code %+v", cfg.Egress, want.Egress)
	}
	out := cfg.Egress[0]
	if out.Name != "egress" || out.ConnectTimeout != 5*time.Second || out.UpstreamTimeout != time.Minute ||
		out.MinTLSVersion.String() != "1.2" || out.HTTP2 || out.WebSocket || out.IKnowThisIsOpen {
		t.Errorf("the defaults are %+v", out)
	}
	if ws := cfg.Warnings(); len(ws) != 0 {
		t.Errorf("the warnings are %q", ws)
	}
}

func TestValuesOfAnEgress(t *testing.T) {
	cfg, err := config.Load("testdata/example.good.yaml")
	if err != nil {
		t.Fatal(err)
	}
	out := reflect.ValueOf(cfg.Egress[0])
	var empty []string
	for i := range out.NumField() {
		if out.Field(i).IsZero() {
			empty = append(empty, out.Type().Field(i).Name)
		}
	}
	if diff := cmp.Diff([]string{"IKnowThisIsOpen", "Key", "HTTP2", "WebSocket"}, empty); diff != "" {
		t.Errorf("fields that are not set (-want +got):\n%s", diff)
	}
	var subjects []string
	for _, name := range cfg.Egress[0].Subjects() {
		subjects = append(subjects, name.String())
	}
	if diff := cmp.Diff([]string{"CN=api.partner.example,O=Partner SA,C=BE", `CN=api.partner.example,O=Partner\, Inc.,C=BE`}, subjects); diff != "" {
		t.Errorf("subjects (-want +got):\n%s", diff)
	}
}

func TestTheEgressOfTheKubernetesGuideIsAccepted(t *testing.T) {
	page, err := os.ReadFile("../../docs/kubernetes.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(page), "  sidegate.yaml: |\n")
	document, _, _ := strings.Cut(rest, "---\n")
	if !found {
		t.Fatal("there is no sidegate.yaml on the page")
	}
	cfg, err := config.Parse("sidegate.yaml", []byte(document))
	if err != nil {
		t.Fatal(err)
	}
	if ws := cfg.Warnings(); len(cfg.Egress) != 1 || len(ws) != 0 {
		t.Errorf("%d egresses, warnings %q", len(cfg.Egress), ws)
	}
}

func TestTheServerIsExpectedUnderTheNameThatItIsCalledBy(t *testing.T) {
	for _, test := range []struct{ upstream, serverName, want string }{
		{"https://api.partner.example:8443", "", "api.partner.example"},
		{"https://API.partner.example", "", "api.partner.example"},
		{"https://api.partner.example.", "", "api.partner.example"},
		{"https://[2001:db8::1]:8443", "", "2001:db8::1"},
		{"https://192.0.2.7", "api.partner.example", "api.partner.example"},
	} {
		out := config.DefaultEgress()
		out.ServerName = test.serverName
		if err := out.Upstream.UnmarshalText([]byte(test.upstream)); err != nil {
			t.Fatal(err)
		}
		if got := out.ExpectedName(); got != test.want {
			t.Errorf("%s with %q: %q, want %q", test.upstream, test.serverName, got, test.want)
		}
	}
}

func TestEgressMadeInCodeIsChecked(t *testing.T) {
	for _, test := range []struct {
		what string
		make func(*config.Egress)
		want string
	}{
		{"all addresses", func(out *config.Egress) { out.Listen = ":8081" }, `egress[0].listen: ":8081" is not a loopback address`},
		{"the address of the pod", func(out *config.Egress) { out.Listen = "10.0.0.7:8081" }, `egress[0].listen: "10.0.0.7:8081" is not a loopback address`},
		{"no address", func(out *config.Egress) { out.Listen = "" }, `egress[0].listen: "" is not host:port`},
		{"no server", func(out *config.Egress) { out.Upstream = config.Origin{} }, "egress[0].upstream: is required"},
		{"half a server", func(out *config.Egress) { out.Upstream.Port = 0 }, `egress[0].upstream: "https://api.partner.example:0" is not the address`},
		{"a server with a path", func(out *config.Egress) { out.Upstream.Host = "a.example/b" }, `egress[0].upstream: "https://a.example/b" is not the address`},
		{"a zero name", func(out *config.Egress) { out.ServerSubject = make([]subject.Name, 1) }, "egress[0].serverSubject[0]: is empty"},
		{"a zero pin", func(out *config.Egress) { out.ServerSPKISHA256 = make([]config.SHA256, 1) }, "egress[0].serverSPKISHA256[0]: is all zeros"},
		{"PEM for a CA", func(out *config.Egress) { out.ServerCA = []string{"-----BEGIN CERTIFICATE-----"} }, "egress[0].serverCA[0]: is not a path"},
		{"a zero Egress", func(out *config.Egress) { *out = config.Egress{} }, "egress[0].minTLSVersion: \"0x0000\" is unknown"},
	} {
		t.Run(test.what, func(t *testing.T) {
			cfg := calling(t, "@127.0.0.1:8081")
			test.make(&cfg.Egress[0])
			err := cfg.Validate()
			if _, ok := errors.AsType[config.Errors](err); !ok || !strings.Contains("\n"+err.Error(), "\n"+test.want) {
				t.Errorf("error is %v\nwant    %s", err, test.want)
			}
		})
	}
	many := calling(t, "@127.0.0.1:8081")
	many.Egress = make([]config.Egress, 65)
	if err := many.Validate(); err == nil || err.Error() != "egress: has 65 entries; at most 64 are accepted" {
		t.Errorf("65 egresses: %v", err)
	}
}

func TestWarningsOfAnEgress(t *testing.T) {
	for listen, want := range map[string]string{
		"127.0.0.1:8081": `egress "egress": iKnowThisIsOpen is set, but only the pod itself reaches 127.0.0.1:8081: remove it`,
		":8081":          `egress "egress": whoever reaches :8081 calls https://api.partner.example with the certificate of this pod`,
	} {
		cfg := calling(t, "@127.0.0.1:8081")
		cfg.Egress[0].Listen, cfg.Egress[0].IKnowThisIsOpen = listen, true
		if err := cfg.Validate(); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{want}, cfg.Warnings()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", listen, diff)
		}
	}
}

func TestAnEgressIsSucceededLikeAnIngress(t *testing.T) {
	for _, tt := range []struct{ what, old, next, want string }{
		{"another order", "a@127.0.0.1:1 b@127.0.0.1:2", "b@127.0.0.1:2 a@127.0.0.1:1", "a b"},
		{"one removed", "a@127.0.0.1:1 b@127.0.0.1:2", "b@127.0.0.1:2", "- b"},
		{"the only one at another address", "@127.0.0.1:1", "@127.0.0.1:2", "egress"},
		{"a default name at another address", "@127.0.0.1:1 @127.0.0.1:2", "@127.0.0.1:3 @127.0.0.1:2", "- egress-2"},
	} {
		_, outs := config.Successors(calling(t, tt.old), calling(t, tt.next))
		var got []string
		for _, out := range outs {
			if out == nil {
				got = append(got, "-")
			} else {
				got = append(got, out.Name)
			}
		}
		if diff := cmp.Diff(strings.Fields(tt.want), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.what, diff)
		}
	}
}

func TestAnEgressNeverTakesThePlaceOfAnIngress(t *testing.T) {
	old, next := listening(t, "gate@127.0.0.1:1"), calling(t, "gate@127.0.0.1:1")
	if ins, outs := config.Successors(old, next); len(ins) != 1 || ins[0] != nil || len(outs) != 0 {
		t.Errorf("the successors are %v and %v", ins, outs)
	}
	want := []string{
		`ingress "gate" no longer listens on 127.0.0.1:1`,
		`egress "gate" listens on 127.0.0.1:1, where nothing did`,
	}
	if diff := cmp.Diff(want, config.NeedsRestart(old, next)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	want = []string{`egress "gate" listens on 127.0.0.1:2 instead of 127.0.0.1:1`}
	if diff := cmp.Diff(want, config.NeedsRestart(next, calling(t, "gate@127.0.0.1:2"))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
