package check

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sidegate/sidegate/proxy/policy"
	"github.com/sidegate/sidegate/proxy/subject"
)

// Calendar returns an iCalendar object (RFC 5545) with an event for each
// certificate of a server or client: on the day on which to renew it, as far
// before its end, or an earlier end of its chain, as was asked for. An event
// whose day has passed is today's. Its UID is made of the certificate's
// fingerprint, so that importing it again changes nothing.
func (r *Report) Calendar() ([]byte, error) {
	if len(r.units) == 0 {
		return nil, errors.New("make a reminder: no certificate of a server or client was found; name its file")
	}
	c := &calendar{}
	c.line("BEGIN:VCALENDAR")
	c.line("VERSION:2.0")
	c.line("PRODID:-//Sidegate//sidegate check//EN")
	seen := map[string]bool{}
	for _, u := range r.units {
		if raw := string(u.leaf.cert.Raw); !seen[raw] {
			seen[raw] = true
			r.event(c, u)
		}
	}
	c.line("END:VCALENDAR")
	return []byte(c.String()), nil
}

func (r *Report) event(c *calendar, u *unit) {
	end, ahead := u.end(), defaultWithin
	if r.within > 0 {
		ahead = r.within
	}
	day := end.Add(-ahead)
	if day.Before(r.Now) {
		day = r.Now
	}
	fingerprint := sha256.Sum256(u.leaf.cert.Raw)
	name := nameOf(u.leaf.cert)
	if name == "" {
		name = "without a Subject"
	}
	c.line("BEGIN:VEVENT")
	c.line("UID:" + hex.EncodeToString(fingerprint[:]) + "@sidegate")
	c.line("DTSTAMP:" + r.Now.UTC().Format("20060102T150405Z"))
	c.line("DTSTART;VALUE=DATE:" + day.UTC().Format("20060102"))
	c.line("SUMMARY:" + escaped(fmt.Sprintf("Renew the certificate of %s, which ends on %s", u.called(), end.UTC().Format(time.DateOnly))))
	c.line("DESCRIPTION:" + escaped(fmt.Sprintf("The certificate %s, serial %s, in %s, or its chain, ends on %s.\nMake the request with:\n\nsidegate csr --renew %s --key FILE",
		name, policy.SerialOf(u.leaf.cert), plain(u.leaf.file.name), end.UTC().Format(time.RFC3339), plain(u.leaf.file.operand("CERT")))))
	c.line("TRANSP:TRANSPARENT")
	c.line("BEGIN:VALARM")
	c.line("ACTION:DISPLAY")
	c.line("TRIGGER:PT9H") // nine o'clock of the day
	c.line("DESCRIPTION:" + escaped("Renew the certificate of "+u.called()))
	c.line("END:VALARM")
	c.line("END:VEVENT")
}

// called returns how people call the holder: by the common name and the
// organization, else by the alternative names.
func (u *unit) called() string {
	var parts []string
	for _, a := range attributesOf(u.leaf.cert) {
		if a.Type == "CN" || a.Type == "O" {
			parts = append(parts, plain(a.Value))
		}
	}
	if len(parts) == 0 {
		parts = namesIn(u.leaf.cert)
	}
	return listed(parts)
}

// attributesOf returns the attributes of the Subject; none if it is ambiguous.
func attributesOf(c *x509.Certificate) []subject.Attribute {
	name, err := subject.FromDER(c.RawSubject)
	if err != nil {
		return nil
	}
	return name.Attributes()
}

// end returns when the first certificate on the path ends. The root's end is not
// the bundle's to mend.
func (u *unit) end() time.Time {
	end := u.leaf.cert.NotAfter
	for _, p := range u.needed() {
		if p.cert.NotAfter.Before(end) {
			end = p.cert.NotAfter
		}
	}
	return end
}

// A calendar is content lines as RFC 5545 §3.1 has them.
type calendar struct{ strings.Builder }

// maxLine is how many octets a line may have, its end not counted.
const maxLine = 75

// line writes one content line, folded: at most 75 octets a line, each but the
// first after a space, and never within a character.
func (c *calendar) line(s string) {
	for room := maxLine; len(s) > room; room = maxLine - 1 {
		cut := room
		for cut > 0 && !utf8.RuneStart(s[cut]) {
			cut--
		}
		c.WriteString(s[:cut] + "\r\n ")
		s = s[cut:]
	}
	c.WriteString(s + "\r\n")
}

// escaped returns s as the value of a TEXT property (RFC 5545 §3.3.11).
func escaped(s string) string {
	return strings.NewReplacer(`\`, `\\`, ";", `\;`, ",", `\,`, "\n", `\n`).Replace(s)
}
