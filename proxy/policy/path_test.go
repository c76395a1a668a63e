package policy_test

import (
	"net/url"
	"path"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sidegate/sidegate/proxy/policy"
)

// at makes a policy that allows everybody the paths.
func at(paths ...string) *policy.Policy {
	return &policy.Policy{Rules: []policy.Rule{{Name: "at", Paths: paths}}}
}

func TestPathsAreComparedDecoded(t *testing.T) {
	for _, test := range []struct {
		pattern string
		allowed []string
		denied  []string
	}{
		{"/webhook",
			[]string{"/webhook", "/%77ebhook", "/webhoo%6B"},
			[]string{"/webhook/", "/webhooks", "/Webhook", "/webhoo", "/", "/webhook;v=1", "/webhook%3f", "/webhook%20"}},
		{"/a/*",
			[]string{"/a/", "/a/b", "/a/b/", "/a/b/c.d", "/%61/x", "/a/b;c=d", "/a/...", "/a/.b", "/a/b..", "/a/100%25", "/a/25%25%20off"},
			[]string{"/a", "/A/b", "/ab", "/b/a/", "/a;x/b", "/"}},
		{"/*", []string{"/", "/x", "/x/y", "/:@!$&'()*+,;=~_-"}, nil},
		{"/café x", []string{"/caf%C3%A9%20x", "/caf%c3%a9%20x"}, []string{"/cafe%CC%81%20x", "/caf%C3%A9+x"}},
		{"/a*", []string{"/a*", "/a%2a"}, []string{"/ab", "/a"}},
		{"", nil, []string{"/", "/x"}},
		{"webhook", nil, []string{"/webhook"}},
		{"*", nil, []string{"/", "/x"}},
		{"/a/../b", nil, []string{"/b", "/a/b"}},
	} {
		for _, raw := range test.allowed {
			check(t, at(test.pattern), allow("at", alice, "GET", raw))
		}
		for _, raw := range test.denied {
			check(t, at(test.pattern), deny(policy.PathNotAllowed, alice, "GET", raw))
		}
	}
}

func TestAmbiguousPaths(t *testing.T) {
	for fault, paths := range map[string][]string{
		"does not begin with a slash": {"", "*", "x", "http://h/a/", "h:443", "%2fa/"},
		"has an empty segment":        {"//", "//a/", "/a//", "/a//b", "//admin"},
		"has a dot segment": {
			"/.", "/..", "/a/.", "/a/..", "/a/./b", "/a/../b", "/a/%2e%2e/b", "/a/.%2E", "/a/%2e", "/a/%2E./b",
			"/a/..;/b", "/a/..;x=y/b", "/a/.;", "/a/;/b", "/a/;x", "/a/%2e%2e;x", "/a/..%3bx/b", "/a/%3Bx/b",
		},
		"has an encoded slash": {"/a%2fb", "/a/%2F", "/a/..%2f..%2fb", "/a/b%2F..%2fc"},
		"has a backslash":      {`/a\b`, `/a/..\b`, "/a/%5c", "/a/..%5Cb"},
		"has a control character": {
			"/a/\x00", "/a/%00", "/a/b\tc", "/a/.%09.", "/a/\r\n", "/a/%0d%0a", "/a/\x7f", "/a/%7F", "/a/x%00.png",
		},
		"has a percent sign without two hexadecimal digits": {"/a/%", "/a/%2", "/a/%zz", "/a/%u002e", "/%/", "/a/%2", "/a/%%32%65"},
		"is percent-encoded twice": {
			"/a/%252e%252e/b", "/a/%252F", "/a/%255c", "/a/%25%32%65", "/a/%25%32e", "/a/%252525%32%65", "/a/%2500",
		},
		"is not UTF-8": {"/a/%ff", "/a/%c0%ae%c0%ae/b", "/a/%e0%80%af", "/a/%c3", "/a/%c3x", "/a/%ed%a0%80", "/a/%f8%80%80%80%af", "/a/%c3\xa9"},
		"has a character that must be percent-encoded": {"/a/é", "/a/\xff", "/a/ ", "/a/b?c", "/a/b#c"},
	} {
		for _, raw := range paths {
			got := at("/*").Decide(alice, "GET", raw)
			if got.Allowed || got.Reason != policy.PathAmbiguous || !strings.HasSuffix(got.Detail, fault) {
				t.Errorf("%q: got %+v, want that it %s", raw, got, fault)
			}
		}
	}
}

// Each of the 256 bytes, alone and encoded, in a segment of its own.
func TestEveryByteOfAPath(t *testing.T) {
	const raw = "!\"$&'()*+,-0123456789:;<=>@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_`abcdefghijklmnopqrstuvwxyz{|}~."
	const encoded = raw + " #?%"
	const hex = "0123456789abcdef"
	for b := range 256 {
		c := byte(b)
		wantRaw := strings.IndexByte(raw, c) >= 0 || c == '/'
		if got := at("/*").Decide(alice, "GET", "/x"+string([]byte{c})).Allowed; got != wantRaw {
			t.Errorf("raw byte %#02x: allowed %v, want %v", b, got, wantRaw)
		}
		triplet := string([]byte{'%', hex[c>>4], hex[c&15]})
		wantEncoded := strings.IndexByte(encoded, c) >= 0
		if got := at("/*").Decide(alice, "GET", "/x"+triplet).Allowed; got != wantEncoded {
			t.Errorf("encoded byte %s: allowed %v, want %v", triplet, got, wantEncoded)
		}
	}
}

// Whatever reading of an allowed path a server takes, it stays where the rule is.
func FuzzAllowedPathsStayBelowTheirPrefix(f *testing.F) {
	for _, seed := range []string{
		"/a/b", "/a/", "/a/../b", "/a/%2e%2e/b", "/a/..;x/b", "/a/%25%32%65", "/a/%c0%ae/", "/a//b", "//a/", "/%61/100%25", `/a/\..\`,
		"/a/.%00./", "/a/%252e", "/a/%C3%A9;v=1", "/a/x;y/..;/", "/a;x/b", "http://h/a/", "*",
	} {
		f.Add(seed)
	}
	below := at("/a/*")
	f.Fuzz(func(t *testing.T, raw string) {
		if !below.Decide(alice, "GET", raw).Allowed {
			return
		}
		once, err := url.PathUnescape(raw)
		if err != nil || !utf8.ValidString(once) {
			t.Fatalf("%q: allowed, but decodes to %q: %v", raw, once, err)
		}
		twice, err := url.PathUnescape(once)
		if err != nil {
			twice = once // a server that decodes twice refuses it
		}
		for _, decoded := range []string{once, twice, withoutParameters(once), strings.ReplaceAll(twice, `\`, "/")} {
			stays(t, raw, decoded)
		}
	})
}

// stays fails the test if decoded, resolved, is not below /a/.
func stays(t *testing.T, raw, decoded string) {
	t.Helper()
	if clean := path.Clean(decoded) + "/"; !strings.HasPrefix(clean, "/a/") {
		t.Fatalf("%q: allowed below /a/, but read as %q it is %q", raw, decoded, clean)
	}
}

// withoutParameters takes from each segment what follows a semicolon.
func withoutParameters(p string) string {
	segments := strings.Split(p, "/")
	for i := range segments {
		segments[i], _, _ = strings.Cut(segments[i], ";")
	}
	return strings.Join(segments, "/")
}
