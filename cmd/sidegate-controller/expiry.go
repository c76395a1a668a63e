package main

import (
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/subject"
)

// addDates adds what the dates of certificates say: which have expired or are
// about to, and when that changes.
func (v *verdict) addDates(items []certs.Item, roles role, now time.Time) {
	items = slices.Clone(items)
	slices.SortStableFunc(items, func(a, b certs.Item) int { return a.Cert.NotAfter.Compare(b.Cert.NotAfter) })
	for _, it := range items {
		earliest(&v.expires, it.File, it.Cert.NotAfter)
		step, next, passed := certs.ExpiryStep(it.Cert, now)
		if passed {
			v.find(reasonAt(step), "%s", dated{it, roles, step})
		}
		v.changes(next, now)
		v.changes(it.Cert.NotBefore, now)
	}
}

// earliest notes the end of something in file, if it is the first there. There is
// room in ends for so many files.
func earliest(ends *map[string]time.Time, file string, end time.Time) {
	if *ends == nil {
		*ends = map[string]time.Time{}
	}
	if first, known := (*ends)[file]; known && !end.Before(first) || !known && len(*ends) >= maxKeys {
		return
	}
	(*ends)[file] = end
}

// changes notes that at brings something, if it lies ahead.
func (v *verdict) changes(at, now time.Time) {
	if at.After(now) && (v.next.IsZero() || at.Before(v.next)) {
		v.next = at
	}
}

// reasonAt returns the reason for which it is told that step has passed, of which
// the last is the end.
func reasonAt(step time.Duration) string {
	if step == 0 {
		return reasonExpired
	}
	return reasonExpiring
}

// A dated certificate has passed a step, in an object with these roles.
type dated struct {
	certs.Item
	roles role
	step  time.Duration
}

// String words it, once there is room for words. It says no number of days left:
// the same words stand until the next step.
func (d dated) String() string {
	what := fmt.Sprintf("%s: %s, serial %x,", d.File, nameOf(d.Cert), d.Cert.SerialNumber)
	harm, mend := harmOf(d.Role, d.roles)
	end := shownTime(d.Cert.NotAfter)
	if d.step == 0 {
		return fmt.Sprintf("%s expired on %s. %s. To mend it: %s.", what, end, harm, mend)
	}
	days := fmt.Sprintf("%d days", d.step/(24*time.Hour))
	if d.step == 24*time.Hour {
		days = "a day"
	}
	return fmt.Sprintf("%s expires on %s, less than %s from this notice. From then on: %s. To mend it: %s; no restart is needed.", what, end, days, lowerFirst(harm), mend)
}

// harmOf says what the end of a certificate does, by its role in a file and those
// of its object.
func harmOf(part string, roles role) (harm, mend string) {
	switch part {
	case "ca":
		return oneOrBoth(roles&roleCA != 0, "Clients with certificates of this CA are refused",
				roles&roleServerCA != 0, "Calls to a partner whose server has a certificate of this CA fail"),
			"add the CA's new certificate beside it, and remove this one when no peer needs it"
	case "chain":
		return "Peers may refuse the chain", "get the present chain from the issuer and store it below the certificate"
	}
	return oneOrBoth(roles&rolePair != 0, "Clients refuse to connect",
			roles&roleClientPair != 0, "Partners refuse the calls that are made with it"),
		"renew the certificate, and store it together with its key"
}

// oneOrBoth returns the sentences that are so. If neither is, the object is not
// used for what it holds: the first is what people know.
func oneOrBoth(isFirst bool, first string, isSecond bool, second string) string {
	switch {
	case isFirst && isSecond:
		return first + ", and " + lowerFirst(second)
	case isSecond:
		return second
	}
	return first
}

func nameOf(c *x509.Certificate) string {
	if name, err := subject.FromDER(c.RawSubject); err == nil {
		return `"` + clip(name.String(), 300) + `"`
	}
	return shown(c.Subject.String())
}

// shownTime is how every date in a note is written (RFC 3339, UTC).
func shownTime(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }

// maxNote is the length of a note in bytes that the API server takes.
const maxNote = 1024

// sentence makes text a note: one line of valid UTF-8, with room for what is put
// in front of it.
func sentence(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.In(r, unicode.Cf) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	return clip(text, maxNote-350)
}

// clip cuts s to at most n bytes and an ellipsis, between two characters.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}
