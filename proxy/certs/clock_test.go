package certs_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/minica"
)

// noWatcher is a node that is out of inotify instances.
func noWatcher() (*fsnotify.Watcher, error) { return nil, errors.New("too many open files") }

func TestNotYetValidCertificateIsServedWhenItsTimeComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := root(t, "Root")
		dir := plain(t, pair(issue(t, ca, "now")))
		var log journal
		store, err := certs.Open(certs.Files{Certificate: dir}, certs.Options{Log: log.logger()})
		if err != nil {
			t.Fatal(texts(err))
		}
		store.UseWatcher(noWatcher)
		run(t, store)
		synctest.Wait() // from here on, it looks when time passes
		early := issueWith(t, ca, minica.Options{Subject: "CN=early", NotBefore: time.Now().Add(time.Minute)})
		pair(early).write(t, dir)

		time.Sleep(50 * time.Second)
		synctest.Wait()
		if s := store.Status(); s.Fault == nil || s.Failures != 1 || len(log.with("cannot be used")) != 1 {
			t.Errorf("ten seconds early: %+v\n%s", s, &log)
		}
		time.Sleep(20 * time.Second)
		synctest.Wait()
		if !serves(store, early)() || store.Status().Fault != nil {
			t.Errorf("ten seconds late: %+v", store.Status())
		}
	})
}

const day = 24 * time.Hour

func TestExpiryIsAnnouncedOnceAStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		leaf := issueWith(t, root(t, "Root"), minica.Options{Subject: "CN=gate", NotAfter: time.Now().Add(47 * day)})
		var log journal
		store, err := certs.Open(certs.Files{Certificate: plain(t, pair(leaf))}, certs.Options{Log: log.logger()})
		if err != nil {
			t.Fatal(texts(err))
		}
		for _, step := range []struct {
			pass time.Duration
			want int
		}{{16 * day, 0}, {2*day + time.Hour, 1}, {day, 1}, {14 * day, 2}, {7 * day, 3}, {6 * day, 4}, {day, 5}, {day, 5}} {
			time.Sleep(step.pass)
			store.Look()
			if got := len(log.with("the served certificate")); got != step.want {
				t.Errorf("%v before its end: %d announcements, want %d\n%s", time.Until(leaf.Leaf.NotAfter), got, step.want, &log)
			}
		}
		if len(log.with("has expired")) != 1 {
			t.Errorf("want one line on the end:\n%s", &log)
		}
	})
}

func TestStepsOfExpiry(t *testing.T) {
	begin := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name       string
		life, left time.Duration
		want       int
	}{
		{"a year, half of it over", 365 * day, 180 * day, 0},
		{"a year, 30 days left", 365 * day, 30 * day, 0},
		{"a year, a little less than 30 days left", 365 * day, 30*day - time.Second, 1},
		{"a year, 10 days left", 365 * day, 10 * day, 2},
		{"a year, hours left", 365 * day, time.Hour, 4},
		{"a year, none left", 365 * day, -time.Second, 5},
		{"47 days, 31 left", 47 * day, 31 * day, 0},
		{"47 days, 29 left", 47 * day, 29 * day, 1},
		{"a week, new", 7 * day, 7 * day, 0},
		{"a week, hours left", 7 * day, time.Hour, 4},
		{"a day, an hour left", day, time.Hour, 0},
		{"a day, none left", day, -time.Second, 5},
	} {
		if got := certs.PassedSteps(begin, begin.Add(test.life), begin.Add(test.life-test.left)); got != test.want {
			t.Errorf("%s: %d steps, want %d", test.name, got, test.want)
		}
	}
}
