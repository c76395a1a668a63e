package check_test

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/sidegate/sidegate/cmd/sidegate/internal/check"
	"github.com/sidegate/sidegate/proxy/minica"
)

// unfolded checks the form of each line (RFC 5545 §3.1), and returns the content
// lines.
func unfolded(t *testing.T, calendar []byte) []string {
	t.Helper()
	for line := range strings.SplitSeq(strings.TrimSuffix(string(calendar), "\r\n"), "\r\n") {
		if len(line) > 75 || !utf8.ValidString(line) || strings.ContainsAny(line, "\r\n") {
			t.Errorf("%q has %d octets", line, len(line))
		}
	}
	return strings.Split(strings.ReplaceAll(string(calendar), "\r\n ", ""), "\r\n")
}

func TestCalendar(t *testing.T) {
	w := newWorld(t)
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	c := w.issue(minica.Options{
		Subject:   `CN=webhook.example,O=Société d’Électricité\, Eaux\; et très très très longues Choses SA,C=BE`,
		NotBefore: now, NotAfter: time.Date(2027, 6, 15, 8, 0, 0, 0, time.UTC),
	})
	o := check.Options{Paths: []string{w.file("webhook.crt", c.PEM())}, Now: now}
	calendar, err := check.Run(o).Calendar()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Join(unfolded(t, calendar), "\n")
	sum := sha256.Sum256(c.Leaf.Raw)
	for _, want := range []string{
		"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//Sidegate//",
		"\nUID:" + hex.EncodeToString(sum[:]) + "@sidegate\n",
		"\nDTSTAMP:20261123T120000Z\n",
		"\nDTSTART;VALUE=DATE:20270516\n", // 30 days before
		`SUMMARY:Renew the certificate of webhook.example\, Société d’Électricité\, Eaux\; et très`,
		`The certificate CN=webhook.example\,O=Soci\\C3\\A9t\\C3\\A9`,
		`ends on 2027-06-15T08:00:00Z.\nMake the request with:\n\nsidegate csr --renew `,
		"\nBEGIN:VALARM\nACTION:DISPLAY\nTRIGGER:PT9H\n",
		"\nEND:VCALENDAR\n",
	} {
		if !strings.Contains(lines, want) {
			t.Errorf("no %q in:\n%s", want, lines)
		}
	}
}

func TestCalendarDay(t *testing.T) {
	w := newWorld(t)
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	file := w.file("a.crt", w.issue(minica.Options{NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(0, 0, 20)}).PEM())
	for within, day := range map[time.Duration]string{
		0:                  "20261123", // past already: today
		24 * 5 * time.Hour: "20261208",
	} {
		calendar, err := check.Run(check.Options{Paths: []string{file}, Now: now, Within: within}).Calendar()
		if want := "DTSTART;VALUE=DATE:" + day + "\r\n"; err != nil || !strings.Contains(string(calendar), want) {
			t.Errorf("within %v: no %q in %s (%v)", within, want, calendar, err)
		}
	}
	if _, err := check.Run(check.Options{Paths: []string{w.file("ca.crt", w.root.PEM())}}).Calendar(); err == nil {
		t.Error("a reminder of nothing")
	}
}
