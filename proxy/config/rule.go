package config

import (
	"net/netip"

	"github.com/sidegate/sidegate/proxy/policy"
	"github.com/sidegate/sidegate/proxy/subject"
)

// Rule lets in the requests that meet all of its conditions.
//
// A distinguished name may be written in any usual form: RFC 4514
// (`CN=web,O=Acme,C=BE`), as OpenSSL prints it, or with slashes. A form
// that can be read in two ways is refused. `sidegate subject FILE` prints the form to
// paste, and so does the log line of a refused client.
type Rule struct {
	// What the rule is called in logs, metrics and `X-Client-Rule`. Letters, digits,
	// `.`, `_` and `-`, at most 63 of them, unique in its list.
	Name string `yaml:"name" default:"rule-1, rule-2, …"`

	// The client's full Subject is one of these. Order, case and spaces count; the ASN.1
	// string type, which may change at a renewal, does not.
	Subject []subject.Name `yaml:"subject"`

	// One more full Subject, attribute by attribute with the most specific first, where
	// nothing needs to be escaped: `[{CN: web}, {O: "Acme, Inc."}, {C: BE}]`. A map with
	// two keys is one multi-valued RDN.
	SubjectParts Parts `yaml:"subjectParts"`

	// Attributes that the Subject must have, each exactly once and with this value, whatever
	// else is in it: `{O: Acme, C: BE}`.
	SubjectHas Attributes `yaml:"subjectHas"`

	// The distinguished name of the CA that issued the client certificate. It says less than a
	// pin: two CAs can have one name, and both may be in `clientCA`.
	Issuer subject.Name `yaml:"issuer"`

	// Subject alternative names (RFC 5280 §4.2.1.6) that the certificate must carry: of each
	// kind that is given, at least one of those listed. The CN of the Subject is not one.
	SAN SAN `yaml:"san"`

	// SHA-256 of the public key (its SubjectPublicKeyInfo), as hex with or without
	// colons, or as base64. It survives a renewal that keeps the key.
	SPKISHA256 []SHA256 `yaml:"spkiSHA256"`

	// SHA-256 of the whole certificate in DER, written as above. It changes with every renewal.
	CertSHA256 []SHA256 `yaml:"certSHA256"`

	// Says that the rule is meant for every client that the `clientCA` ever certified.
	// A rule that names no client in one of the ways above is refused without it,
	// and one that does is refused with it.
	AnyClient bool `yaml:"anyClient"`

	// The request methods, as the client writes them: `POST`, not `post`.
	Methods []string `yaml:"methods" default:"every method"`

	// The paths, each exact (`/webhook`, which is not `/webhook/`) or with everything below
	// (`/hooks/*`, which is not `/hooks`). They are compared with the decoded path,
	// so write `/a b` and not `/a%20b`. As soon as one rule has paths, a request whose path can be read
	// in two ways (`..`, `//`, `%2f`, `\`) is refused, whatever rule it would fit.
	Paths []string `yaml:"paths" default:"every path"`

	// Says that the rule is on trial: it lets nobody in. A request that it fits is logged, even where
	// `log.requests` is false, with the rule's name as `fits`, and counted in
	// `sidegate_report_rule_fits_total`. It changes nothing else.
	Report bool `yaml:"report"`
}

// SAN are conditions on the subject alternative names.
type SAN struct {
	// DNS names, in any case. There are no patterns: `*.example.com` fits a certificate with
	// this very name in it, not one for `a.example.com`.
	DNS []string `yaml:"dns"`

	// URIs, compared byte for byte, such as a SPIFFE ID.
	URI []string `yaml:"uri"`

	// Mail addresses. Case counts before the `@` and not after it.
	Email []string `yaml:"email"`

	// IP addresses, IPv4 or IPv6.
	IP []netip.Addr `yaml:"ip"`
}

// Parts is one distinguished name written attribute by attribute.
type Parts struct{ subject.Name }

// Attributes are attributes of a distinguished name, in the order written.
type Attributes []subject.Attribute

// namesClient reports whether r has a condition on who the client is.
func (r *Rule) namesClient() bool {
	return len(r.Subject) > 0 || !r.SubjectParts.IsZero() || len(r.SubjectHas) > 0 ||
		!r.Issuer.IsZero() || r.SAN.any() || len(r.SPKISHA256) > 0 || len(r.CertSHA256) > 0
}

// issuerAlone reports whether the issuer is all that r asks of a client's identity.
func (r *Rule) issuerAlone() bool {
	others := *r
	others.Issuer = subject.Name{}
	return !r.Issuer.IsZero() && !others.namesClient()
}

func (s *SAN) any() bool {
	return len(s.DNS) > 0 || len(s.URI) > 0 || len(s.Email) > 0 || len(s.IP) > 0
}

// policyRule returns r as package policy wants it. It shares no slice with r
// that anybody writes to.
func (r *Rule) policyRule() policy.Rule {
	names := append([]subject.Name(nil), r.Subject...)
	if !r.SubjectParts.IsZero() {
		names = append(names, r.SubjectParts.Name)
	}
	return policy.Rule{
		Name:       r.Name,
		Report:     r.Report,
		Subjects:   names,
		SubjectHas: r.SubjectHas,
		Issuer:     r.Issuer,
		SAN:        policy.SAN{DNS: r.SAN.DNS, URI: r.SAN.URI, Email: r.SAN.Email, IP: r.SAN.IP},
		SPKISHA256: digests(r.SPKISHA256),
		CertSHA256: digests(r.CertSHA256),
		Methods:    r.Methods,
		Paths:      r.Paths,
	}
}

func digests(in []SHA256) [][32]byte {
	var out [][32]byte
	for _, d := range in {
		out = append(out, d)
	}
	return out
}
