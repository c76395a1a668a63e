package admin

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"slices"
	"time"

	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/policy"
	"github.com/sidegate/sidegate/proxy/subject"
)

// certificates sorts what b holds into what is served, what goes along with it,
// and who is trusted.
func (r *ListenerReport) certificates(b *certs.Bundle, now time.Time) {
	var leaf *x509.Certificate
	if b.Certificate != nil {
		leaf = b.Certificate.Leaf
	}
	trusted := make(map[string]bool, len(b.Anchors))
	for _, a := range b.Anchors {
		trusted[string(a.Raw)] = true
	}
	for _, it := range b.Items {
		c := certificate(it, now)
		switch {
		case it.Role == "ca":
			c.Trusted = trusted[string(it.Cert.Raw)]
			r.Anchors = append(r.Anchors, c)
		case leaf != nil && r.Served == nil && bytes.Equal(it.Cert.Raw, leaf.Raw):
			r.Served = &c
		default:
			r.Chain = append(r.Chain, c)
		}
	}
	slices.SortStableFunc(r.Anchors, func(a, b Certificate) int { return a.NotAfter.Compare(b.NotAfter) })
}

func certificate(it certs.Item, now time.Time) Certificate {
	c := it.Cert
	sum := sha256.Sum256(c.Raw)
	return Certificate{
		File:      it.File,
		Subject:   name(c.RawSubject),
		Issuer:    name(c.RawIssuer),
		Serial:    policy.SerialOf(c),
		Names:     names(c),
		SHA256:    hex.EncodeToString(sum[:]),
		NotBefore: c.NotBefore.UTC(),
		NotAfter:  c.NotAfter.UTC(),
		DaysLeft:  daysLeft(c.NotAfter.Sub(now)),
		Level:     validity(c.NotBefore, c.NotAfter, now),
		Ends:      ends(now, c.NotAfter),
		Left:      percentLeft(c.NotBefore, c.NotAfter, now),
	}
}

// name returns the canonical form of a Name, or in parentheses why it has none.
func name(der []byte) string {
	n, err := subject.FromDER(der)
	if err != nil {
		return "(" + err.Error() + ")"
	}
	return n.String()
}

func names(c *x509.Certificate) []string {
	out := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		out = append(out, ip.String())
	}
	return out
}

const day = 24 * time.Hour

// notices are the times before its end at which a certificate is due for
// renewal: thirty days, and less for one that does not live long enough.
var notices = [...]time.Duration{30 * day, 14 * day, 7 * day, day}

// validity tells how a certificate stands at the time now. As in the log, a
// notice that is more than two thirds of its whole life does not count: a
// certificate of seven days is not due for all of its life.
func validity(notBefore, notAfter, now time.Time) Level {
	if now.Before(notBefore) || now.After(notAfter) {
		return LevelError
	}
	for _, n := range notices {
		if n <= notAfter.Sub(notBefore)*2/3 && notAfter.Sub(now) < n {
			return LevelWarning
		}
	}
	return LevelOK
}

// daysLeft rounds towards the past: an hour ago is -1.
func daysLeft(d time.Duration) int {
	days := int(d / day)
	if d < 0 && d%day != 0 {
		days--
	}
	return days
}

// percentLeft returns the share of a certificate's life that is left, 0 to 100.
func percentLeft(notBefore, notAfter, now time.Time) int {
	life, left := notAfter.Sub(notBefore), notAfter.Sub(now)
	if life <= 0 || left <= 0 {
		return 0
	}
	return int(min(100, 100*left.Seconds()/life.Seconds()))
}
