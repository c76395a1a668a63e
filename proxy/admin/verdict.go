package admin

import (
	"fmt"
	"time"

	"github.com/sidegate/sidegate/proxy/certs"
)

// judge puts a Snapshot into a line, with everything there is to mend.
func judge(s Snapshot, r *Report) Verdict {
	v := Verdict{Level: LevelOK, Findings: []Finding{}}
	if s.NotReady != nil && !s.Draining {
		v.add(Finding{Level: LevelError, Problem: "not ready: " + s.NotReady.Error()})
	}
	all := sides(s, r)
	for _, side := range all {
		if side.Withdrawn { // that nothing passes is meant, or is all there is to mend
			v.add(side.finding(Finding{Level: LevelError, Problem: side.words.withdrawn + ": it is not in the configuration any more",
				Fix: "put it back into the configuration, or restart the pod to close its address"}))
			continue
		}
		v.faults(side)
		v.served(side, s.Now)
		v.anchors(side, s.Now)
		side.peers(&v, s.Now)
	}
	if s.ConfigFault != nil {
		v.add(Finding{Level: LevelError, Problem: "the configuration as it is now cannot be used:\n" + s.ConfigFault.Error(),
			Fix: "correct the file; it is read again by itself, and the one before it stays in use until then"})
	}
	v.Text = v.headline(s, all)
	return v
}

// add adds f and takes its level if it is worse.
func (v *Verdict) add(f Finding) {
	v.Findings = append(v.Findings, f)
	if f.Level == LevelError || v.Level == LevelOK {
		v.Level = f.Level
	}
}

// faults tells why what is mounted is not in use.
func (v *Verdict) faults(s side) {
	if s.status.Fault == nil {
		return
	}
	since := s.status.FaultSince.UTC()
	all := certs.Faults(s.status.Fault)
	for _, f := range all {
		v.add(s.finding(Finding{Level: LevelError, File: f.File, Code: f.Code, Problem: f.Problem, Fix: f.Fix, Since: since}))
	}
	if len(all) == 0 {
		v.add(s.finding(Finding{Level: LevelError, Problem: s.status.Fault.Error(), Since: since}))
	}
}

// served tells of the end of our certificate and of its chain.
func (v *Verdict) served(s side, now time.Time) {
	if s.Served == nil {
		v.add(s.finding(Finding{Level: LevelError, Problem: s.words.none}))
		return
	}
	if c := s.Served; c.Level != LevelOK {
		v.add(s.finding(Finding{Level: c.Level, File: c.File,
			Problem: s.words.certificate + " " + standing(c, now),
			Fix:     "put the renewed certificate, its chain and its key into the Secret; nothing has to be restarted"}))
	}
	for i := range s.Chain {
		if c := &s.Chain[i]; c.Level != LevelOK {
			v.add(s.finding(Finding{Level: c.Level, File: c.File,
				Problem: fmt.Sprintf("the intermediate %q in %s %s", c.Subject, s.words.chain, standing(c, now)),
				Fix:     "replace it by the present intermediate of the same CA; " + s.words.peers + " refuse the chain once it has ended"}))
		}
	}
}

// anchors tells of the first CA that ends. Others may be trusted beside it, so
// that it is an error only if none is left.
func (v *Verdict) anchors(s side, now time.Time) {
	var due, invalid, trusted int
	var first *Certificate
	for i := range s.Anchors {
		c := &s.Anchors[i]
		if !c.Trusted {
			continue
		}
		trusted++
		if c.Level == LevelOK {
			continue
		}
		if due++; first == nil {
			first = c
		}
		if c.Level == LevelError {
			invalid++
		}
	}
	switch {
	case trusted == 0:
		v.add(s.finding(Finding{Level: LevelError, Problem: "no CA is trusted: no " + s.words.peer + " can pass"}))
	case invalid == trusted:
		v.add(s.finding(Finding{Level: LevelError, File: first.File,
			Problem: "no trusted CA is valid now: no " + s.words.peer + " can pass", Fix: "get the present certificates of these CAs"}))
	case due > 0:
		v.add(s.finding(Finding{Level: LevelWarning, File: first.File,
			Problem: fmt.Sprintf("the trusted CA %q %s%s", first.Subject, standing(first, now), more(due-1)),
			Fix:     "put the CA's next certificate beside it, and take this one out when no " + s.words.peer + " needs it"}))
	}
}

func more(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("; so do %d more, or have already", n)
}

// standing tells where now lies in the life of c.
func standing(c *Certificate, now time.Time) string {
	if now.Before(c.NotBefore) {
		return "is not valid before " + utc(c.NotBefore)
	}
	return c.Ends + ", at " + utc(c.NotAfter)
}

// headline is the first line of the page: what is most urgent to know.
func (v *Verdict) headline(s Snapshot, all []side) string {
	const inUse = "The certificate in use"
	gone := first(all, func(s side) bool { return s.Withdrawn })
	broken := first(all, func(s side) bool { return s.status.Fault != nil && !s.Withdrawn })
	switch {
	case s.Draining:
		return "Draining: the pod is going away; requests are still answered until it has."
	case broken != nil:
		return "What is mounted is not " + broken.words.used + ". " + firstEnd(all, inUse)
	case s.NotReady != nil:
		return "Not ready. " + firstEnd(all, inUse)
	case s.ConfigFault != nil:
		return "The changed configuration is not used, the one before it is. " + firstEnd(all, "The certificate")
	case len(all) == 0:
		return "Running. No ingress is configured."
	case gone != nil:
		return fmt.Sprintf("%s: %s %q is not in the configuration any more. ", gone.words.Withdrawn, gone.kind, gone.Name) + firstEnd(all, inUse)
	case v.Level == LevelError:
		return v.blocked(all) + firstEnd(all, inUse)
	}
	return serving(all, s.Now) + firstEnd(all, "Certificate") + warned(all)
}

// blocked tells where nothing passes, with a name if there are several to choose from.
func (v *Verdict) blocked(all []side) string {
	for _, f := range v.Findings {
		for _, s := range all {
			if f.Level != LevelError || f.Ingress+f.Egress != s.Name || (f.Egress != "") != (s.kind == "egress") {
				continue
			}
			if len(all) == 1 {
				return s.words.blocked + ". "
			}
			return fmt.Sprintf("%s at %s %q. ", s.words.blocked, s.kind, s.Name)
		}
	}
	return ""
}

// firstEnd tells when the first of our certificates ends, in a sentence about what.
func firstEnd(all []side, what string) string {
	var soonest *side
	for i := range all {
		if c := all[i].Served; c != nil && (soonest == nil || c.NotAfter.Before(soonest.Served.NotAfter)) {
			soonest = &all[i]
		}
	}
	switch {
	case soonest == nil:
		return "No certificate is served."
	case len(all) > 1:
		what += fmt.Sprintf(" of %s %q", soonest.kind, soonest.Name)
	}
	return what + " " + soonest.Served.Ends + "."
}

func warned(all []side) string {
	n := 0
	for _, s := range all {
		n += len(s.Warnings)
	}
	if n == 0 {
		return ""
	}
	return " " + count(n, "warning") + "."
}
