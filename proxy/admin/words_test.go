package admin

import (
	"testing"
	"time"
)

func TestRelative(t *testing.T) {
	now := time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		from time.Duration
		want string
	}{
		{0, "just now"},
		{-time.Second, "1 second ago"},
		{-119 * time.Second, "119 seconds ago"},
		{2 * time.Minute, "in 2 minutes"},
		{-119 * time.Minute, "119 minutes ago"},
		{47*time.Hour + 59*time.Minute, "in 47 hours"},
		{48 * time.Hour, "in 2 days"},
		{44*day - time.Second, "in 43 days"},
		{729 * day, "in 729 days"},
		{-730 * day, "2 years ago"},
	} {
		if got := relative(now, now.Add(tt.from)); got != tt.want {
			t.Errorf("%v from now = %q, want %q", tt.from, got, tt.want)
		}
	}
}

func TestValidity(t *testing.T) {
	now := time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name       string
		life, left time.Duration
		want       Level
	}{
		{"new, of 200 days", 200 * day, 199 * day, LevelOK},
		{"31 days left of 200", 200 * day, 31 * day, LevelOK},
		{"29 days left of 200", 200 * day, 29 * day, LevelWarning},
		{"29 days left of 40", 40 * day, 29 * day, LevelOK},
		{"13 days left of 40", 40 * day, 13 * day, LevelWarning},
		{"6 days left of 7", 7 * day, 6 * day, LevelOK},
		{"one hour left of a day", day, time.Hour, LevelOK},
		{"ended", 200 * day, -time.Second, LevelError},
		{"not begun", day, 2 * day, LevelError},
	} {
		end := now.Add(tt.left)
		if got := validity(end.Add(-tt.life), end, now); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestLeft(t *testing.T) {
	now := time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		life, left    time.Duration
		percent, days int
	}{
		{100 * day, 43*day + time.Hour, 43, 43},
		{100 * day, 100 * day, 100, 100},
		{100 * day, 120 * day, 100, 120}, // not begun
		{100 * day, time.Hour, 0, 0},
		{100 * day, -time.Hour, 0, -1},
		{100 * day, -2 * day, 0, -2},
		{0, day, 0, 1}, // ends as it begins
	} {
		end := now.Add(tt.left)
		if got := percentLeft(end.Add(-tt.life), end, now); got != tt.percent {
			t.Errorf("%v left of %v = %d %%, want %d", tt.left, tt.life, got, tt.percent)
		}
		if got := daysLeft(tt.left); got != tt.days {
			t.Errorf("%v left = %d days, want %d", tt.left, got, tt.days)
		}
	}
}

func TestVisible(t *testing.T) {
	for in, want := range map[string]string{
		"CN=Żółć,O=株式会社":   "CN=Żółć,O=株式会社",
		"two\nlines":       "two\nlines",
		"\x00\u202e\u200b": `\u{0}\u{202e}\u{200b}`,
		"a\u00a0b":         `a\u{a0}b`,
		"\xff":             "\ufffd",
	} {
		if got := visible(in); got != want {
			t.Errorf("visible(%q) = %q, want %q", in, got, want)
		}
	}
}
