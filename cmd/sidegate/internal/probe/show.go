package probe

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sidegate/sidegate/proxy/subject"
)

// Bounds of what is shown of one thing.
const (
	maxShown = 300 // bytes of a text; a canonical name is bounded by package subject
	maxNames = 100 // subjectAltNames
	maxHints = 50
	maxChain = 10
)

// shown escapes text from outside and cuts it after max bytes. What is left has
// no line end, no control character and nothing that cannot be seen.
func shown(s string, maxLen int) string {
	cut := ""
	if len(s) > maxLen {
		s, cut = strings.ToValidUTF8(s[:maxLen], ""), "…"
	}
	quoted := strconv.Quote(s)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`) + cut
}

// nameOf returns a distinguished name in canonical form. One that has none,
// because it can be read in two ways, is shown as well as it can be.
func nameOf(der []byte, fallback pkix.Name) string {
	name, err := subject.FromDER(der)
	if err == nil {
		return name.String() // ASCII with escapes of its own, and never cut: it is pasted
	}
	if text := shown(fallback.String(), maxShown); text != "" {
		return text + " (ambiguous)"
	}
	return "(none)"
}

func subjectOf(c *x509.Certificate) string { return nameOf(c.RawSubject, c.Subject) }
func issuerOf(c *x509.Certificate) string  { return nameOf(c.RawIssuer, c.Issuer) }

// namesOf returns the subjectAltNames of c.
func namesOf(c *x509.Certificate) []string {
	names := []string{}
	for _, n := range c.DNSNames {
		names = append(names, shown(n, maxShown))
	}
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	for _, u := range c.URIs {
		names = append(names, shown(u.String(), maxShown))
	}
	for _, m := range c.EmailAddresses {
		names = append(names, shown(m, maxShown))
	}
	return names[:min(len(names), maxNames)]
}

// keyOf names the public key of c.
func keyOf(c *x509.Certificate) string {
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA %d", key.N.BitLen())
	case *ecdsa.PublicKey:
		return "ECDSA " + key.Curve.Params().Name
	case ed25519.PublicKey:
		return "Ed25519"
	}
	return c.PublicKeyAlgorithm.String()
}

// few joins the first n of a list, and says how many more there are.
func few(list []string, n int, separator string) string {
	text := strings.Join(list[:min(n, len(list))], separator)
	if more := len(list) - n; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// count writes 1 certificate, 2 certificates.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// daysLeft returns the whole days from now until the end.
func daysLeft(end, now time.Time) int {
	left := end.Sub(now)
	if left < 0 {
		return -1 - int(-left/(24*time.Hour))
	}
	return int(left / (24 * time.Hour))
}

// days says how long d is, in whole days.
func days(d time.Duration) string {
	if n := int(d / (24 * time.Hour)); n > 0 {
		return count(n, "day")
	}
	return "less than a day"
}

func date(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
