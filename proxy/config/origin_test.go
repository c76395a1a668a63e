package config_test

import (
	"strings"
	"testing"

	"github.com/sidegate/sidegate/proxy/config"
)

func TestOrigin(t *testing.T) {
	for text, want := range map[string]string{
		"https://api.partner.example":       "https://api.partner.example",
		"https://api.partner.example/":      "https://api.partner.example",
		"https://api.partner.example:443":   "https://api.partner.example",
		"https://API.Partner.example:8443":  "https://api.partner.example:8443",
		"https://api.partner.example.:8443": "https://api.partner.example.:8443",
		"https://192.0.2.7":                 "https://192.0.2.7",
		"https://7.0xyz":                    "https://7.0xyz",
		"https://[2001:DB8::1]":             "https://[2001:db8::1]",
		"https://[2001:db8::1]:8443":        "https://[2001:db8::1]:8443",
	} {
		var o, again config.Origin
		if err := o.UnmarshalText([]byte(text)); err != nil {
			t.Errorf("%s: %v", text, err)
		} else if o.String() != want {
			t.Errorf("%s became %s, want %s", text, o, want)
		}
		if err := again.UnmarshalText([]byte(o.String())); err != nil || again != o {
			t.Errorf("%s was read back as %v: %v", o, again, err)
		}
	}
}

func TestOriginRefused(t *testing.T) {
	for text, problem := range map[string]string{
		"":                             "is not the address of a partner",
		"api.partner.example":          "is not the address of a partner",
		"api.partner.example:8443":     "is not the address of a partner",
		"127.0.0.1:8443":               "is not a URL",
		"https:api.partner.example":    "is not the address of a partner",
		"http://api.partner.example":   "is http, but",
		"h2c://api.partner.example":    "is not the address of a partner",
		"https://":                     "neither an IP address nor a host name",
		"https://.":                    "neither an IP address nor a host name",
		"https://a..example":           "neither an IP address nor a host name",
		"https://ü.example":            "neither an IP address nor a host name",
		"https://127.1":                "four decimal numbers",
		"https://0x7f000001":           "four decimal numbers",
		"https://2130706433":           "four decimal numbers",
		"https://api.example.0x":       "four decimal numbers",
		"https://api.example.010.":     "four decimal numbers",
		"https://*.example":            "neither an IP address nor a host name",
		"https://[fe80::1%25eth0]":     "neither an IP address nor a host name",
		"https://a.example:0":          "a port is 1 to 65535",
		"https://a.example:65536":      "a port is 1 to 65535",
		"https://a.example/v1":         "has a path",
		"https://a.example?":           "has a query",
		"https://a.example?a=b":        "has a query",
		"https://a.example#":           "has a query or fragment",
		"https://user:hunter2@a.b":     "has a user name or password",
		"https://user:hunter2@a.b:x":   "is not a URL",
		"https://a.example\r\nX: evil": "is not a URL",
	} {
		var o config.Origin
		err := o.UnmarshalText([]byte(text))
		if err == nil || !strings.Contains(err.Error(), problem) {
			t.Errorf("%q: error is %v, want %s", text, err, problem)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: the error repeats the password: %v", text, err)
		}
		if !o.IsZero() {
			t.Errorf("%q: became %v", text, o)
		}
	}
}
