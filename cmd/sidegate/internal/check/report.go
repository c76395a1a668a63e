package check

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/sidegate/sidegate/proxy/policy"
	"github.com/sidegate/sidegate/proxy/subject"
)

// A Report is what was looked at and what was found.
type Report struct {
	Now          time.Time     `json:"now"` // what the dates were compared with
	Certificates []Certificate `json:"certificates"`
	Keys         []Key         `json:"keys"`
	Lists        []List        `json:"lists"`
	Clients      []Admission   `json:"clients"`
	Findings     []Finding     `json:"findings"` // errors first
	Errors       int           `json:"errors"`
	Warnings     int           `json:"warnings"`
	Notes        int           `json:"notes"`

	units  []*unit
	within time.Duration
	listed map[place]bool // what is in Certificates
	left   int            // bytes that may still be read

	known     []placed // every certificate that was read
	withLists []*file  // the files named beside others, in which there are revocation lists
	listsLeft int64    // bytes of them that may still be read
	later     []func() // what is asked once everything has been read
}

// A place is where a certificate lies.
type place struct {
	file string
	at   int
}

// A Certificate is what a certificate says, in the spelling of the identity
// headers.
type Certificate struct {
	File         string    `json:"file"`
	Number       int       `json:"certificate"` // its place in File, from 1
	Role         string    `json:"role"`        // server, client, intermediate, root, ca or other
	Subject      string    `json:"subject"`
	Issuer       string    `json:"issuer"`
	Serial       string    `json:"serial"`      // hex
	Fingerprint  string    `json:"fingerprint"` // SHA-256 of the certificate, hex
	NotBefore    time.Time `json:"notBefore"`
	NotAfter     time.Time `json:"notAfter"`
	DaysLeft     int       `json:"daysLeft"` // whole days; negative once it has expired
	Names        []string  `json:"names"`    // subject alternative names of every kind
	Key          string    `json:"key"`
	SignatureAlg string    `json:"signature"`
	Usages       []string  `json:"usages"` // extended key usages; empty: any
}

// A Key is the public half of a private key.
type Key struct {
	File        string `json:"file"`
	Kind        string `json:"kind"`
	SPKISHA256  string `json:"spkiSHA256"`            // hex
	Certificate string `json:"certificate,omitempty"` // whose key it is, if the certificate is at hand
}

// describe returns what c says.
func (r *Report) describe(p placed, role string) Certificate {
	c := p.cert
	fingerprint := sha256.Sum256(c.Raw)
	return Certificate{File: plain(p.file.name), Number: p.at + 1, Role: role, Subject: nameOf(c), Issuer: issuerOf(c),
		Serial: policy.SerialOf(c), Fingerprint: hex.EncodeToString(fingerprint[:]), NotBefore: c.NotBefore.UTC(), NotAfter: c.NotAfter.UTC(),
		DaysLeft: daysLeft(c, r.Now), Names: namesIn(c), Key: keyKind(c.PublicKey), SignatureAlg: c.SignatureAlgorithm.String(),
		Usages: usagesOf(c)}
}

// nameOf returns the Subject of c in canonical form. A Subject that Sidegate
// refuses is shown as Go reads it, escaped.
func nameOf(c *x509.Certificate) string { return shown(c.RawSubject, c.Subject.String()) }

func issuerOf(c *x509.Certificate) string { return shown(c.RawIssuer, c.Issuer.String()) }

// named is nameOf in quotes, for a sentence. What is canonical is not escaped
// again: it is pasted into rules.
func named(c *x509.Certificate) string { return `"` + nameOf(c) + `"` }

func issuerNamed(c *x509.Certificate) string { return `"` + issuerOf(c) + `"` }

func shown(der []byte, fallback string) string {
	if name, err := subject.FromDER(der); err == nil {
		return plain(name.String())
	}
	return plain(fallback)
}

// daysLeft counts whole days.
func daysLeft(c *x509.Certificate, now time.Time) int {
	const day = 24 * time.Hour
	left := c.NotAfter.Sub(now)
	if left < 0 {
		return -int((-left + day - 1) / day)
	}
	return int(left / day)
}

// maxNames bounds the names of one certificate in a Report.
const maxNames = 200

func namesIn(c *x509.Certificate) []string {
	names := []string{}
	add := func(name string) {
		if len(names) < maxNames {
			names = append(names, plain(name))
		}
	}
	for _, n := range c.DNSNames {
		add(n)
	}
	for _, ip := range c.IPAddresses {
		add(ip.String())
	}
	for _, m := range c.EmailAddresses {
		add(m)
	}
	for _, u := range c.URIs {
		add(u.String())
	}
	return names
}

// keyKind names the algorithm and size of a public key.
func keyKind(k any) string {
	switch k := k.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA %d", k.N.BitLen())
	case *ecdsa.PublicKey:
		return "ECDSA " + k.Params().Name
	case ed25519.PublicKey:
		return "Ed25519"
	}
	return "unknown"
}

func spkiOf(k crypto.PublicKey) string {
	der, err := x509.MarshalPKIXPublicKey(k)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

// Failed reports whether anything but notes was found.
func (r *Report) Failed() bool { return r.Errors+r.Warnings > 0 }

// Summary says how much was found, in a clause.
func (r *Report) Summary() string {
	return fmt.Sprintf("%s, %s, %s", plural(r.Errors, "error"), plural(r.Warnings, "warning"), plural(r.Notes, "note"))
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// WriteJSON writes r as one JSON object.
func (r *Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// WriteText writes r for people: what was looked at, what was found, and one
// line that sums it up.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	file := ""
	for i := range r.Certificates {
		c := &r.Certificates[i]
		if c.File != file {
			file = c.File
			fmt.Fprintf(&b, "%s\n", file)
		}
		c.write(&b)
	}
	for _, k := range r.Keys {
		fmt.Fprintf(&b, "%s\n  private key, %s%s\n", k.File, k.Kind, k.belongs())
	}
	file = ""
	for i := range r.Lists {
		l := &r.Lists[i]
		if l.File != file {
			file = l.File
			fmt.Fprintf(&b, "%s\n", file)
		}
		l.write(&b, r.Now)
	}
	for _, a := range r.Clients {
		a.write(&b)
	}
	if b.Len() > 0 {
		b.WriteByte('\n')
	}
	writeFindings(&b, r.Findings)
	fmt.Fprintf(&b, "%s\n", r.Summary())
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteFindings writes the findings alone, as WriteText does.
func (r *Report) WriteFindings(w io.Writer) error {
	var b strings.Builder
	writeFindings(&b, r.Findings)
	_, err := io.WriteString(w, b.String())
	return err
}

func (k *Key) belongs() string {
	if k.Certificate == "" {
		return ", of none of these certificates"
	}
	return ", of " + k.Certificate
}

// shownNames is how many names of a certificate people are shown.
const shownNames = 20

func (c *Certificate) write(b *strings.Builder) {
	subject := c.Subject
	if subject == "" {
		subject = "(no Subject)"
	}
	if c.Role == roleCA { // of which there may be a hundred
		fmt.Fprintf(b, "  %d. ca: %s, valid to %s, %s\n", c.Number, subject, c.NotAfter.Format(time.DateOnly), left(c.DaysLeft))
		return
	}
	fmt.Fprintf(b, "  %d. %s: %s\n", c.Number, c.Role, subject)
	line := func(what, text string) { fmt.Fprintf(b, "     %-9s %s\n", what, text) }
	line("issuer", c.Issuer)
	line("serial", c.Serial)
	line("valid", fmt.Sprintf("%s to %s, %s", c.NotBefore.Format(time.DateOnly), c.NotAfter.Format(time.DateOnly), left(c.DaysLeft)))
	if len(c.Names) > 0 {
		names := strings.Join(c.Names[:min(len(c.Names), shownNames)], ", ")
		if more := len(c.Names) - shownNames; more > 0 {
			names += fmt.Sprintf(" and %d more", more)
		}
		line("names", names)
	}
	line("key", c.Key+", signed with "+c.SignatureAlg)
	if len(c.Usages) > 0 {
		line("usage", strings.Join(c.Usages, ", "))
	}
}

func left(days int) string {
	if days < 0 {
		return "expired"
	}
	if days == 0 {
		return "less than a day left"
	}
	return plural(days, "day") + " left"
}

func writeFindings(b *strings.Builder, findings []Finding) {
	for i := range findings {
		f := &findings[i]
		fmt.Fprintf(b, "%s: %s: %s\n", f.Severity, f.Word, f.where())
		fmt.Fprintf(b, "    %s\n", f.Problem)
		for _, s := range f.PeersSay {
			fmt.Fprintf(b, "    %s says: %s\n", s.Peer, s.Text)
		}
		if f.Fix != "" {
			fmt.Fprintf(b, "    mend: %s\n", f.Fix)
		}
		b.WriteByte('\n')
	}
}

func (f *Finding) where() string {
	var parts []string
	for _, p := range []string{f.Listener, f.File} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	where := strings.Join(parts, ": ")
	if f.Certificate > 0 {
		where += fmt.Sprintf(", certificate %d", f.Certificate)
	}
	if f.Subject != "" {
		where += ", " + f.Subject
	}
	return strings.TrimPrefix(where, ", ")
}
