package config

import (
	"fmt"
	"math/big"
	"strings"

	"github.com/sidegate/sidegate/proxy/policy"
	"github.com/sidegate/sidegate/proxy/subject"
)

// Deny refuses the clients that it names, in one way.
//
// An entry has one of `subject`, `issuer` with `serial`, `certSHA256` and `spkiSHA256`; any of the
// listed values will do. Subject, issuer, serial number and fingerprint, which is `certSHA256`, stand in the log
// line of every request that is refused; `sidegate subject -o json FILE` prints them and `spkiSHA256`.
type Deny struct {
	// What the entry is called in logs. Letters, digits, `.`, `_` and `-`, at most 63 of them,
	// unique in its list.
	Name string `yaml:"name" default:"deny-1, deny-2, …"`

	// The client's full Subject is one of these, written as in a
	// [rule](#ingressallow), where case and blanks count too. It outlives a renewal of the
	// certificate, and refuses everybody of that name.
	Subject []subject.Name `yaml:"subject"`

	// The distinguished name of the CA that issued the certificates with one of the numbers
	// in `serial`. A number alone is no name: each CA counts for itself.
	Issuer subject.Name `yaml:"issuer"`

	// Serial numbers of certificates of the `issuer`, in hex as logs and `X-Client-Serial` have
	// them; upper case, colons, blanks, `0x` and leading zeros are fine. A number of decimal digits
	// only is hex as well, and `check` warns of a long one. A renewed certificate has another
	// number, and is let in again.
	Serial []Serial `yaml:"serial"`

	// SHA-256 of the whole certificate in DER, as hex with or without colons, or as base64. It holds
	// for the other form of an ECDSA signature too, in which the client itself can write its
	// certificate. A renewed certificate has another one, and is let in again.
	CertSHA256 []SHA256 `yaml:"certSHA256"`

	// SHA-256 of the public key (its SubjectPublicKeyInfo), written as above. It refuses the key in
	// every certificate in which it is written alike, renewed ones among them.
	SPKISHA256 []SHA256 `yaml:"spkiSHA256"`
}

// Serial is the serial number of a certificate (RFC 5280 §4.1.2.2) in the form of
// [policy.Client]: lower-case hex, an even number of digits and no more than it needs.
type Serial string

// String returns the digits.
func (s Serial) String() string { return string(s) }

// MarshalText implements [encoding.TextMarshaler].
func (s Serial) MarshalText() ([]byte, error) { return []byte(s), nil }

// UnmarshalText implements [encoding.TextUnmarshaler]. It reads hex in either case,
// with or without a 0x, leading zeros, and colons or blanks between the digits.
func (s *Serial) UnmarshalText(text []byte) error {
	digits := strings.NewReplacer(":", "", " ", "").Replace(strings.ToLower(string(text)))
	digits = strings.TrimPrefix(digits, "0x")
	significant := strings.TrimLeft(digits, "0")
	if digits == "" || strings.Trim(digits, "0123456789abcdef") != "" {
		return fmt.Errorf("%s is not a serial number; write it in hex, as logs have it, such as 3fa0117c or 3F:A0:11:7C", quote(string(text)))
	}
	if significant == "" {
		significant = "0"
	}
	if len(significant)%2 == 1 {
		significant = "0" + significant
	}
	*s = Serial(significant)
	return nil
}

// looksDecimal is how many digits without a letter among them are hardly chance.
const looksDecimal = 20

// warnings are of serial numbers that some tool has printed in decimal.
func (d *Deny) warnings() (ws []string) {
	for _, s := range d.Serial {
		n, ok := new(big.Int).SetString(string(s), 10)
		if ok && len(s) >= looksDecimal {
			ws = append(ws, fmt.Sprintf("deny entry %q: the serial number %s has decimal digits only and is read as hex; if it is decimal, write %x", d.Name, s, n))
		}
	}
	return ws
}

// policyDenial returns d as package policy wants it.
func (d *Deny) policyDenial() policy.Denial {
	out := policy.Denial{
		Name:       d.Name,
		Subjects:   append([]subject.Name(nil), d.Subject...),
		Issuer:     d.Issuer,
		CertSHA256: digests(d.CertSHA256),
		SPKISHA256: digests(d.SPKISHA256),
	}
	for _, s := range d.Serial {
		out.Serials = append(out.Serials, string(s))
	}
	return out
}

// ways returns the keys by which d names its clients.
func (d *Deny) ways() (keys []string) {
	for _, way := range []struct {
		key   string
		given bool
	}{
		{"subject", len(d.Subject) > 0},
		{"issuer and serial", !d.Issuer.IsZero() || len(d.Serial) > 0},
		{"certSHA256", len(d.CertSHA256) > 0},
		{"spkiSHA256", len(d.SPKISHA256) > 0},
	} {
		if way.given {
			keys = append(keys, way.key)
		}
	}
	return keys
}

func (v *validator) checkDenies(at string, denies []Deny) {
	names := map[string]string{}
	for i := range denies {
		d, p := &denies[i], index(at, i)
		v.checkEntryName(p, d.Name, names)
		v.checkWay(p, d)
		v.checkNames(p+".subject", d.Subject)
		v.checkSerials(p+".serial", d.Serial)
		v.checkPins(p+".certSHA256", d.CertSHA256, "a certificate")
		v.checkPins(p+".spkiSHA256", d.SPKISHA256, "a key")
	}
}

// checkWay wants an entry to name its clients, and in one way: whether two would
// both have to hold, or either, is a guess that lets somebody in.
func (v *validator) checkWay(at string, d *Deny) {
	switch ways := d.ways(); {
	case len(ways) == 0:
		v.addf(at, "deny entry %q names no client; add subject, issuer and serial, certSHA256 or spkiSHA256, or remove it", d.Name)
	case len(ways) > 1:
		v.addf(at, "deny entry %q names its clients by %s; write an entry for each, as any one of them refuses", d.Name, strings.Join(ways, " and by "))
	case len(d.Serial) == 0 && !d.Issuer.IsZero():
		v.addf(at+".issuer", "deny entry %q has no serial, and an issuer alone would refuse everybody of that CA; add serial, or take the CA out of clientCA", d.Name)
	case len(d.Serial) > 0 && d.Issuer.IsZero():
		v.addf(at+".serial", "deny entry %q has no issuer, and each CA counts its serial numbers for itself; add issuer", d.Name)
	}
}

// checkSerials refuses what was made in code and no certificate has.
func (v *validator) checkSerials(at string, serials []Serial) {
	for i, s := range serials {
		var read Serial
		if err := read.UnmarshalText([]byte(s)); err != nil {
			v.addf(index(at, i), "%v", err)
		} else if read != s {
			v.addf(index(at, i), "%s is not in the form that certificates are compared in; write %s", quote(string(s)), quote(string(read)))
		}
	}
}
