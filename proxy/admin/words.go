package admin

import (
	"fmt"
	"strings"
	"time"
	"unicode"
)

// span returns the length of d in the one unit that an operator would use,
// rounded down: a certificate never seems to last longer than it does.
func span(d time.Duration) string {
	d = d.Abs()
	switch {
	case d < 2*time.Minute:
		return count(int(d/time.Second), "second")
	case d < 2*time.Hour:
		return count(int(d/time.Minute), "minute")
	case d < 2*day:
		return count(int(d/time.Hour), "hour")
	case d < 2*365*day:
		return count(int(d/day), "day")
	}
	return count(int(d/(365*day)), "year")
}

func count(n int, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return fmt.Sprintf("%d %ss", n, unit)
}

// relative tells where t lies, seen from now.
func relative(now, t time.Time) string {
	switch d := t.Sub(now); {
	case d.Abs() < time.Second:
		return "just now"
	case d > 0:
		return "in " + span(d)
	default:
		return span(d) + " ago"
	}
}

// ends tells when what ends at t does, seen from now.
func ends(now, t time.Time) string {
	if t.After(now) {
		return "ends " + relative(now, t)
	}
	return "ended " + relative(now, t)
}

// utc is how the page writes a time; RFC 3339 is for machines.
func utc(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// visible returns s with every character that does not print (control, bidi,
// zero width) spelt out. What a client sent could otherwise pass for something
// else on the page, even where it cannot be markup.
func visible(s string) string {
	var b strings.Builder
	for _, r := range s {
		if unicode.IsPrint(r) || r == '\n' {
			b.WriteRune(r)
			continue
		}
		fmt.Fprintf(&b, `\u{%x}`, r)
	}
	return b.String()
}
