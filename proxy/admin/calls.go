package admin

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A run is what the last failed calls tell of a partner: how many of them were not
// the application's own fault.
type run struct {
	times int
	last  *CallReport // of these
}

// runOf looks at the failures of late. As of an application, nothing else is known
// of a partner: it is not probed, and calls that succeed are not kept.
func runOf(failed []CallReport, now time.Time) (r run) {
	for i := range failed { // newest first
		if now.Sub(failed[i].Time) > heed {
			break
		}
		if !concernsPartner(failed[i].Reason) {
			continue
		}
		if r.times++; r.times == 1 {
			r.last = &failed[i]
		}
	}
	return r
}

// concernsPartner reports whether a call failed between the partner and us.
func concernsPartner(reason string) bool {
	return strings.HasPrefix(reason, "server-") || slices.Contains([]string{"certificate-refused", "tls-failed"}, reason)
}

// calls tells of a partner that could not be called. It is a warning: the listener
// itself is well, and it may be mended on the other side alone.
func (v *Verdict) calls(out *EgressReport, now time.Time) {
	r := runOf(out.Failed, now)
	if r.times == 0 {
		return
	}
	which := "the last one "
	if r.times > 1 {
		which = fmt.Sprintf("%d of late, the last one ", r.times)
	}
	v.add(Finding{Level: LevelWarning, Egress: out.Name,
		Problem: fmt.Sprintf("calls to %s failed (%s): ", out.Upstream, r.last.Reason) + which + relative(now, r.last.Time),
		Fix:     r.last.Explanation})
}

// lapse returns what the headline says of a partner that could not be called, or "".
func (out *EgressReport) lapse(now time.Time) string {
	if runOf(out.Failed, now).times == 0 {
		return ""
	}
	return "calls%s failed"
}
