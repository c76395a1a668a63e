package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sidegate/sidegate/proxy/config"
)

// listening returns a Config with ingresses, each written "name@address". One
// without a name gets its default.
func listening(t *testing.T, ingresses string) *config.Config {
	t.Helper()
	cfg := inCode(t)
	in := cfg.Ingress[0]
	cfg.Ingress = nil
	for _, text := range strings.Fields(ingresses) {
		in.Name, in.Listen, _ = strings.Cut(text, "@")
		cfg.Ingress = append(cfg.Ingress, in)
	}
	if err := cfg.Validate(); err != nil {
		t.Fatalf("%s: %v", ingresses, err)
	}
	return cfg
}

func TestAnAddressIsSucceededByItself(t *testing.T) {
	for _, tt := range []struct{ what, old, next, want string }{
		{"nothing changed", "a@:1 b@:2", "a@:1 b@:2", "a@:1 b@:2"},
		{"another order", "a@:1 b@:2", "b@:2 a@:1", "a@:1 b@:2"},
		{"another order without names", "@:1 @:2", "@:2 @:1", "ingress-2@:1 ingress@:2"},
		{"names that change places", "a@:1 b@:2", "b@:1 a@:2", "b@:1 a@:2"},
		{"another name", "a@:1 b@:2", "c@:1 b@:2", "c@:1 b@:2"},
		{"the same socket, spelled in another way", "a@:1 b@127.0.0.1:2", "x@0.0.0.0:1 y@localhost:2", "x@0.0.0.0:1 y@localhost:2"},
		{"the same port elsewhere", "a@127.0.0.1:1 b@127.0.0.2:1", "x@127.0.0.3:1 b@127.0.0.2:1", "- b@127.0.0.2:1"},
		{"one removed", "a@:1 b@:2", "b@:2", "- b@:2"},
		{"one removed without names", "@:1 @:2", "@:2", "- ingress@:2"},
		{"one more", "a@:1", "b@:2 a@:1", "a@:1"},

		{"a written name at another address", "a@:1 b@:2", "a@:3 b@:2", "a@:3 b@:2"},
		{"an address that comes before a name", "a@:1 b@:2", "a@:2 b@:3", "- a@:2"},
		{"a default name at another address", "@:1 @:2", "@:3 @:2", "- ingress-2@:2"},
		{"a default name that was written", "x@:1 ingress-2@:2", "x@:1 ingress-2@:3", "x@:1 -"},
		{"almost a default name", "x@:1 ingress-b@:2", "x@:1 ingress-b@:3", "x@:1 ingress-b@:3"},
		{"the only one, without a name", "@:1", "@:3", "ingress@:3"},
		{"the only one of then, without a name", "@:1", "@:3 @:4", "-"},
		{"the only one of now, without a name", "@:1 @:2", "@:3", "- -"},
		{"the only one, under another name and address", "a@:1", "b@:3", "-"},

		{"port 0 once", "a@:0 b@:2", "x@:0 b@:2", "x@:0 b@:2"},
		{"port 0 twice goes by name", "a@:0 b@:0", "b@:0 a@:0", "a@:0 b@:0"},
		{"port 0 twice without names", "@:0 @:0", "@:0 @:0", "- -"},
	} {
		t.Run(tt.what, func(t *testing.T) {
			var got []string
			ins, _ := config.Successors(listening(t, tt.old), listening(t, tt.next))
			for _, in := range ins {
				if in == nil {
					got = append(got, "-")
				} else {
					got = append(got, in.Name+"@"+in.Listen)
				}
			}
			if got := strings.Join(got, " "); got != tt.want {
				t.Errorf("from %q to %q: %q, want %q", tt.old, tt.next, got, tt.want)
			}
		})
	}
}

func TestNeedsRestart(t *testing.T) {
	withAdmin := func(cfg *config.Config, listen string) *config.Config {
		cfg.Admin.Listen = listen
		if err := cfg.Validate(); err != nil {
			t.Fatal(err)
		}
		return cfg
	}
	upstream := listening(t, "@:8443")
	upstream.Ingress[0].Upstream.Address = "127.0.0.1:9999"
	old := listening(t, "@:8443")
	next := withAdmin(listening(t, "@:8443 other@:9444"), "off")
	for _, test := range []struct {
		what     string
		from, to *config.Config
		want     []string
	}{
		{"another upstream", old, upstream, nil},
		{"another spelling", old, listening(t, "@[::]:8443"), nil},
		{"another order", listening(t, "a@:1 b@:2"), listening(t, "b@:2 a@:1"), nil},
		{"more and less", old, next, []string{
			`admin no longer listens on 127.0.0.1:9902`,
			`ingress "other" listens on :9444, where nothing did`}},
		{"less and more", next, old, []string{
			`ingress "other" no longer listens on :9444`,
			`admin listens on 127.0.0.1:9902, where nothing did`}},
		{"other addresses", old, withAdmin(listening(t, "@:9443"), "127.0.0.1:9"), []string{
			`ingress "ingress" listens on :9443 instead of :8443`,
			`admin listens on 127.0.0.1:9 instead of 127.0.0.1:9902`}},
		{"another name", old, listening(t, "web@:8443"), []string{`ingress "ingress" on :8443 is called "web"`}},
		{"a new one under the name of an old one", listening(t, "@:1 @:2"), listening(t, "@:3 @:2"), []string{
			`ingress "ingress" no longer listens on :1`,
			`ingress "ingress" listens on :3, where nothing did`}},
	} {
		if diff := cmp.Diff(test.want, config.NeedsRestart(test.from, test.to)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.what, diff)
		}
	}
}
