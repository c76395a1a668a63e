package policy_test

import (
	"net/netip"
	"testing"

	"github.com/sidegate/sidegate/proxy/policy"
)

// has makes a client with the names.
func has(set func(c *policy.Client)) *policy.Client {
	c := new(policy.Client)
	set(c)
	return c
}

func dns(names ...string) *policy.Client {
	return has(func(c *policy.Client) { c.DNSNames = names })
}

func uri(names ...string) *policy.Client {
	return has(func(c *policy.Client) { c.URIs = names })
}

func email(names ...string) *policy.Client {
	return has(func(c *policy.Client) { c.Emails = names })
}

func ip(addr string) *policy.Client {
	return has(func(c *policy.Client) { c.IPs = []netip.Addr{netip.MustParseAddr(addr)} })
}

// only makes a policy of one rule with the SAN condition.
func only(san policy.SAN) *policy.Policy {
	return &policy.Policy{Rules: []policy.Rule{{Name: "san", SAN: san}}}
}

func yes(c *policy.Client) verdict { return allow("san", c, "GET", "/") }

func no(c *policy.Client) verdict { return deny(policy.SubjectNotAllowed, c, "GET", "/") }

func TestDNSNames(t *testing.T) {
	check(t, only(policy.SAN{DNS: []string{"a.Example", "kelvin.example", ""}}),
		yes(dns("A.eXAMPLE")),
		yes(dns("x.example", "a.example")),
		yes(dns("kelvin.example")),
		no(dns("\u212aelvin.example")), // KELVIN SIGN folds to k in Unicode, not here
		no(dns("*.example")),
		no(dns("b.a.example")),
		no(dns("a.example.")),
		no(dns("a.example\x00.evil")),
		no(dns("")),
		no(dns()),
		no(uri("a.example")),
		no(email("a.example")),
	)
	check(t, only(policy.SAN{DNS: []string{"*.example"}}), no(dns("a.example")))
}

func TestURIs(t *testing.T) {
	check(t, only(policy.SAN{URI: []string{"spiffe://trust/ns/a", ""}}),
		yes(uri("spiffe://trust/ns/a")),
		no(uri("spiffe://TRUST/ns/a")),
		no(uri("spiffe://trust/ns/a/")),
		no(uri("spiffe://trust/ns/%61")),
		no(uri("")),
		no(dns("spiffe://trust/ns/a")),
	)
}

func TestEmails(t *testing.T) {
	check(t, only(policy.SAN{Email: []string{"Ops@Example.org", `"a@b"@example.org`, "noat", "@example.org", "x@"}}),
		yes(email("Ops@EXAMPLE.ORG")),
		yes(email(`"a@b"@Example.org`)),
		no(email("ops@example.org")),
		no(email(`"a@B"@example.org`)),
		no(email("noat")),
		no(email("@example.org")),
		no(email("x@")),
		no(email("")),
	)
}

func TestIPs(t *testing.T) {
	check(t, only(policy.SAN{IP: []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1"), {}}}),
		yes(ip("192.0.2.1")),
		yes(ip("::ffff:192.0.2.1")),
		yes(ip("2001:db8:0::1")),
		no(ip("192.0.2.2")),
		no(ip("::192.0.2.1")),
		no(dns("192.0.2.1")),
		no(has(func(c *policy.Client) { c.IPs = []netip.Addr{{}} })),
	)
}

func TestEveryKindThatIsListedHasToBeMet(t *testing.T) {
	both := only(policy.SAN{DNS: []string{"a.example", "b.example"}, URI: []string{"urn:a"}})
	check(t, both,
		no(dns("a.example")),
		no(uri("urn:a")),
		yes(has(func(c *policy.Client) { c.DNSNames, c.URIs = []string{"b.example"}, []string{"urn:x", "urn:a"} })),
	)
}
