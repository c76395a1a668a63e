package admin

import (
	"fmt"
	"slices"
	"time"
)

// A silence is what the last refusals tell of an application: how many of them
// were its fault.
type silence struct {
	times, of int       // refusals for want of its answer, of all that were looked at
	last      time.Time // of the former
	reason    string    // of the last one
}

// heed is how long an answer that did not come is worth a line. Refusals are all
// there is to go by: the application is not probed, and of older ones it is not
// known whether it has answered since.
const heed = 5 * time.Minute

// silenceOf looks at the refusals of late. They are the newest that there were,
// however many came.
func silenceOf(refusals []RefusalReport, now time.Time) (s silence) {
	for _, r := range refusals { // newest first
		if now.Sub(r.Time) > heed {
			break
		}
		if r.ReportOnly { // the application has answered, or there is another entry
			continue
		}
		s.of++
		if !slices.Contains([]string{"app-down", "app-timeout", "app-failed"}, r.Reason) {
			continue
		}
		if s.times++; s.times == 1 {
			s.last, s.reason = r.Time, r.Reason
		}
	}
	return s
}

// application tells of an application that did not answer. It is a warning: the
// gate itself is well, and it may be one path that fails.
func (v *Verdict) application(in *IngressReport, now time.Time) {
	s := silenceOf(in.Refusals, now)
	if s.times == 0 {
		return
	}
	which := "the last refusal, "
	if s.of > 1 {
		which = fmt.Sprintf("%d of the last %d refusals, the last one ", s.times, s.of)
	}
	v.add(Finding{Level: LevelWarning, Ingress: in.Name,
		Problem: fmt.Sprintf("the application at %s did not answer (%s): ", in.Upstream, s.reason) + which + relative(now, s.last),
		Fix:     "see whether it runs, listens there and is ready, and what its own log says"})
}

// lapse returns what the headline says of an application that did not answer, or of
// rules that do not count, or "".
func (in *IngressReport) lapse(now time.Time) string {
	switch {
	case silenceOf(in.Refusals, now).times > 0:
		return "the application%s did not always answer"
	case in.Report:
		return "nothing%s is refused by allow"
	}
	return ""
}
