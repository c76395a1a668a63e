package certs

import (
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/go-logr/logr"
)

// fields describes b for a log line. Their keys begin with prefix, in lower
// camel case.
func fields(prefix string, b *Bundle) []any {
	f := []any{prefix + "Generation", b.Generation, prefix + "Anchors", len(b.Anchors)}
	if len(b.CRLs) > 0 {
		f = append(f, prefix+"CRLs", listLines(b.CRLs))
	}
	if b.Certificate == nil {
		return f
	}
	leaf := b.Certificate.Leaf
	return append(f, prefix+"Subject", bareName(leaf.RawSubject, leaf.Subject), prefix+"Serial", shownSerial(leaf), prefix+"NotAfter", shownTime(leaf.NotAfter))
}

// listLines describes revocation lists, as far as one log line can hold them.
func listLines(lists []*CRL) []string {
	const most = 20
	var all []string
	for _, c := range lists[:min(most, len(lists))] {
		all = append(all, fmt.Sprintf("%s, nextUpdate %s, entries %d", c.named(), shownTime(c.NextUpdate), c.Entries))
	}
	if more := len(lists) - most; more > 0 {
		all = append(all, fmt.Sprintf("and %d more", more))
	}
	return all
}

// lines writes the Faults of err out, each with its mending, as far as one log
// line can hold them.
func lines(err error) []string {
	const most = 20
	faults := Faults(err)
	var all []string
	for _, f := range faults[:min(most, len(faults))] {
		all = append(all, f.Code+": "+f.Error()+"; to mend it: "+f.Fix)
	}
	if more := len(faults) - most; more > 0 {
		all = append(all, fmt.Sprintf("and %d more", more))
	}
	return all
}

// An expiry announces the end of our own certificate and of the revocation lists,
// each step once.
type expiry struct {
	leaf  [sha256.Size]byte         // whose end was announced
	told  int                       // steps announced
	lists map[[sha256.Size]byte]int // steps announced of the lists in use
}

const day = 24 * time.Hour

// steps are the times before the end at which it is announced.
var steps = [...]time.Duration{30 * day, 14 * day, 7 * day, day, 0}

// look announces if one more step has passed; of several, the last.
func (e *expiry) look(log logr.Logger, b *Bundle, now time.Time) {
	e.lookAtLists(log, b, now)
	if b.Certificate == nil {
		return
	}
	leaf := b.Certificate.Leaf
	if sum := sha256.Sum256(leaf.Raw); sum != e.leaf {
		e.leaf, e.told = sum, 0
	}
	passed := passedSteps(leaf.NotBefore, leaf.NotAfter, now)
	if passed <= e.told {
		return
	}
	e.told = passed
	about := []any{"subject", bareName(leaf.RawSubject, leaf.Subject), "serial", shownSerial(leaf), "notAfter", shownTime(leaf.NotAfter),
		"daysLeft", int(leaf.NotAfter.Sub(now) / day), "generation", b.Generation}
	own := b.usage.words().own
	switch {
	case passed == len(steps):
		log.Error(nil, own+" has expired", about...)
	case steps[passed-1] <= 7*day:
		log.Error(nil, own+" expires soon", about...)
	default:
		log.Info(own+" expires soon", about...)
	}
}

// passedSteps returns how many of the steps lie behind now. A step that is more
// than two thirds of a certificate's whole life says nothing: one that lives a
// day is not about to expire for all of it, and one of 47 days is renewed with
// 16 left.
func passedSteps(notBefore, notAfter, now time.Time) (passed int) {
	for i, step := range steps {
		if step <= notAfter.Sub(notBefore)*2/3 && notAfter.Sub(now) < step {
			passed = i + 1
		}
	}
	return passed
}

// The steps of a revocation list.
const (
	listEndsSoon = iota + 1
	listExpired
)

// lookAtLists is look for the revocation lists. One that is made anew each hour and
// holds for a day is late only when most of that day is over.
func (e *expiry) lookAtLists(log logr.Logger, b *Bundle, now time.Time) {
	told := make(map[[sha256.Size]byte]int, len(b.CRLs))
	for _, c := range b.CRLs {
		passed, left := 0, c.NextUpdate.Sub(now)
		switch {
		case left < 0:
			passed = listExpired
		case left < c.NextUpdate.Sub(c.ThisUpdate)/10:
			passed = listEndsSoon
		}
		told[c.Sum] = max(passed, e.lists[c.Sum])
		if passed <= e.lists[c.Sum] {
			continue
		}
		about := []any{"file", c.File, "list", c.named(), "nextUpdate", shownTime(c.NextUpdate), "generation", b.Generation}
		if b.revocation != nil {
			about = append(about, "countsUntil", shownTime(b.revocation.end(c)), "crlPolicy", b.revocation.policy.String())
		}
		if passed == listExpired {
			log.Error(nil, "a revocation list has expired", about...)
		} else {
			log.Info("a revocation list expires soon and has not been replaced", about...)
		}
	}
	e.lists = told
}
