package config_test

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/sidegate/sidegate/proxy/config"
)

func TestUpstream(t *testing.T) {
	for _, test := range []struct {
		text, want string
		local      bool
	}{
		{"http://127.0.0.1:8080", "http://127.0.0.1:8080", true},
		{"http://127.0.0.1:8080/", "http://127.0.0.1:8080", true},
		{"http://127.255.0.1:8080", "http://127.255.0.1:8080", true},
		{"http://LocalHost", "http://localhost:80", true},
		{"h2c://[::1]:9000", "h2c://[::1]:9000", true},
		{"http://[::ffff:127.0.0.1]:80", "http://[::ffff:127.0.0.1]:80", true},
		{"unix:///run/app.sock", "unix:///run/app.sock", true},
		{"unix:///run/100% mine.sock", "unix:///run/100% mine.sock", true},
		{"http://0.0.0.0:8080", "http://0.0.0.0:8080", false},
		{"http://10.0.0.7:8080", "http://10.0.0.7:8080", false},
		{"http://app.default.svc:8080", "http://app.default.svc:8080", false},
		{"http://localhost.example:8080", "http://localhost.example:8080", false},
		{"http://127.1:8080", "http://127.1:8080", false}, // a name, as far as Go goes
	} {
		var u config.Upstream
		if err := u.UnmarshalText([]byte(test.text)); err != nil {
			t.Errorf("%s: %v", test.text, err)
		} else if u.String() != test.want || u.Local() != test.local {
			t.Errorf("%s became %s, local %t", test.text, u, u.Local())
		}
		var again config.Upstream
		if err := again.UnmarshalText([]byte(u.String())); err != nil || again != u {
			t.Errorf("%s was read back as %v: %v", u, again, err)
		}
	}
}

func TestUpstreamRefused(t *testing.T) {
	for text, problem := range map[string]string{
		"":                                "is not an address of an application",
		"127.0.0.1:8080":                  "is not a URL",
		"localhost:8080":                  "is not an address of an application",
		"https://127.0.0.1":               "is https",
		"ftp://127.0.0.1":                 "is not an address of an application",
		"http://":                         "neither an IP address nor a host name",
		"http://a b":                      "is not a URL",
		"http://a_b%:80":                  "is not a URL",
		"http://ü.example":                "neither an IP address nor a host name",
		"http://127.0.0.1:0":              "a port is 1 to 65535",
		"http://127.0.0.1:65536":          "a port is 1 to 65535",
		"http://127.0.0.1:8080/app":       "has a path",
		"http://127.0.0.1:8080?":          "has a query",
		"http://127.0.0.1:8080?a=b":       "has a query",
		"http://127.0.0.1:8080#":          "has a query or fragment",
		"http://user:hunter2@127.0.0.1":   "has a user name or password",
		"http://user:hunter2@127.0.0.1:x": "is not a URL",
		"unix://run/app.sock":             "three slashes",
		"unix:run/app.sock":               "three slashes",
		"unix:///run/app.sock?mode=1":     "absolute path",
	} {
		var u config.Upstream
		err := u.UnmarshalText([]byte(text))
		if err == nil || !strings.Contains(err.Error(), problem) {
			t.Errorf("%s: error is %v, want %s", text, err, problem)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error repeats the password: %v", text, err)
		}
		if !u.IsZero() {
			t.Errorf("%s: became %v", text, u)
		}
	}
}

func TestSHA256(t *testing.T) {
	sum := sha256.Sum256([]byte{250, 251}) // has a + and a / in base64
	digits := hex.EncodeToString(sum[:])
	var colons []string
	for i := 0; i < len(digits); i += 2 {
		colons = append(colons, strings.ToUpper(digits[i:i+2]))
	}
	for what, text := range map[string]string{
		"hex":                 digits,
		"upper-case hex":      strings.ToUpper(digits),
		"hex with colons":     strings.Join(colons, ":"),
		"base64":              base64.StdEncoding.EncodeToString(sum[:]),
		"base64 for URLs":     base64.URLEncoding.EncodeToString(sum[:]),
		"base64, not padded":  base64.RawStdEncoding.EncodeToString(sum[:]),
		"what String returns": config.SHA256(sum).String(),
	} {
		var d config.SHA256
		if err := d.UnmarshalText([]byte(text)); err != nil || d != sum {
			t.Errorf("%s, %s: %v %v", what, text, d, err)
		}
	}
	for what, text := range map[string]string{
		"nothing":           "",
		"SHA-1":             digits[:40],
		"one digit less":    digits[:63],
		"one byte more":     digits + "00",
		"not hex":           "g" + digits[1:],
		"not base64":        "!" + base64.StdEncoding.EncodeToString(sum[:])[1:],
		"a dash for nought": "-",
	} {
		var d config.SHA256
		if err := d.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%s, %s, was accepted", what, text)
		}
	}
}

func TestTLSVersion(t *testing.T) {
	for text, want := range map[string]config.TLSVersion{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13} {
		var v config.TLSVersion
		if err := v.UnmarshalText([]byte(text)); err != nil || v != want || v.String() != text {
			t.Errorf("%s became %v: %v", text, v, err)
		}
	}
	for _, text := range []string{"", "1", "1.1", "TLS1.2", "1.20"} {
		var v config.TLSVersion
		if err := v.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was accepted as %v", text, v)
		}
	}
}
