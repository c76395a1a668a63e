package main

import "time"

const (
	// touchBurst is how many touches a pod gets at once, and touchEvery when there
	// is one more. People renew a few times in a row; what changes all the time is
	// a mistake or an attack, and costs a patch of each pod that mounts it.
	touchBurst = 8
	touchEvery = 5 * time.Second
)

// An allowance bounds the touches of one pod: a token bucket, full at first.
type allowance struct{ full time.Time } // when all tokens are there again

// wait returns how long it takes until a touch is allowed; 0: it is now.
func (a *allowance) wait(now time.Time) time.Duration {
	return max(0, a.full.Add(-(touchBurst-1)*touchEvery).Sub(now))
}

// take notes a touch.
func (a *allowance) take(now time.Time) {
	if a.full.Before(now) {
		a.full = now
	}
	a.full = a.full.Add(touchEvery)
}

const (
	// eventsAtOnce is how many Events one object may cause before it has to wait
	// between one news and the next: paceLeast, and each time twice as long, up to
	// paceMost. After paceCalm without news all is forgotten.
	eventsAtOnce = 20
	paceLeast    = time.Minute
	paceMost     = time.Hour
	paceCalm     = 10 * time.Minute
)

// A pace bounds how often people are told of one object, which may turn from
// good to bad and back several times in a second. What is held back is not lost:
// when the wait is over the state that the object has then is told.
type pace struct {
	events int // since it was calm
	last   time.Time
	hold   time.Duration
}

// next returns when the next news may be told.
func (p *pace) next() time.Time { return p.last.Add(p.hold) }

// spend notes news that made so many Events.
func (p *pace) spend(events int, now time.Time) {
	if now.Sub(p.last) >= max(paceCalm, 2*p.hold) {
		*p = pace{}
	}
	p.events, p.last = p.events+events, now
	if p.events > eventsAtOnce {
		p.hold = min(max(2*p.hold, paceLeast), paceMost)
	}
}
