package admin

import (
	"fmt"
	"time"

	"github.com/sidegate/sidegate/proxy/certs"
)

// judge puts a Snapshot into a line, with everything there is to mend.
func judge(s Snapshot, ins []IngressReport) Verdict {
	v := Verdict{Level: LevelOK, Findings: []Finding{}}
	if s.NotReady != nil && !s.Draining {
		v.add(Finding{Level: LevelError, Problem: "not ready: " + s.NotReady.Error()})
	}
	notServed := false
	for i := range ins {
		if ins[i].Withdrawn { // that nobody passes is meant, or is all there is to mend
			v.withdrawn(&ins[i])
			continue
		}
		notServed = notServed || s.Ingress[i].Certs.Fault != nil
		v.faults(ins[i].Name, s.Ingress[i].Certs)
		v.served(&ins[i], s.Now)
		v.anchors(&ins[i], s.Now)
		v.application(&ins[i], s.Now)
	}
	if s.ConfigFault != nil {
		v.add(Finding{Level: LevelError, Problem: "the configuration as it is now cannot be used:\n" + s.ConfigFault.Error(),
			Fix: "correct the file; it is read again by itself, and the one before it stays in use until then"})
	}
	v.Text = v.headline(s, ins, notServed)
	return v
}

// add adds f and takes its level if it is worse.
func (v *Verdict) add(f Finding) {
	v.Findings = append(v.Findings, f)
	if f.Level == LevelError || v.Level == LevelOK {
		v.Level = f.Level
	}
}

// withdrawn tells of a listener that outlives its place in the configuration.
func (v *Verdict) withdrawn(in *IngressReport) {
	v.add(Finding{Level: LevelError, Ingress: in.Name, Problem: "lets nobody in: it is not in the configuration any more",
		Fix: "put it back into the configuration, or restart the pod to close its address"})
}

// faults tells why what is mounted is not served.
func (v *Verdict) faults(ingress string, st certs.Status) {
	if st.Fault == nil {
		return
	}
	since := st.FaultSince.UTC()
	all := certs.Faults(st.Fault)
	for _, f := range all {
		v.add(Finding{Level: LevelError, Ingress: ingress, File: f.File, Code: f.Code, Problem: f.Problem, Fix: f.Fix, Since: since})
	}
	if len(all) == 0 {
		v.add(Finding{Level: LevelError, Ingress: ingress, Problem: st.Fault.Error(), Since: since})
	}
}

// served tells of the end of the served certificate and of its chain.
func (v *Verdict) served(in *IngressReport, now time.Time) {
	if in.Served == nil {
		v.add(Finding{Level: LevelError, Ingress: in.Name, Problem: "no certificate is served"})
		return
	}
	if c := in.Served; c.Level != LevelOK {
		v.add(Finding{Level: c.Level, Ingress: in.Name, File: c.File,
			Problem: "the served certificate " + standing(c, now),
			Fix:     "put the renewed certificate, its chain and its key into the Secret; nothing has to be restarted"})
	}
	for i := range in.Chain {
		if c := &in.Chain[i]; c.Level != LevelOK {
			v.add(Finding{Level: c.Level, Ingress: in.Name, File: c.File,
				Problem: fmt.Sprintf("the intermediate %q in the served chain %s", c.Subject, standing(c, now)),
				Fix:     "replace it by the present intermediate of the same CA; clients refuse the chain once it has ended"})
		}
	}
}

// anchors tells of the first CA that ends. Others may be trusted beside it, so
// that it is an error only if none is left.
func (v *Verdict) anchors(in *IngressReport, now time.Time) {
	var due, invalid, trusted int
	var first *Certificate
	for i := range in.Anchors {
		c := &in.Anchors[i]
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
		v.add(Finding{Level: LevelError, Ingress: in.Name, Problem: "no CA is trusted: no client can pass"})
	case invalid == trusted:
		v.add(Finding{Level: LevelError, Ingress: in.Name, File: first.File,
			Problem: "no trusted CA is valid now: no client can pass", Fix: "get the present certificates of these CAs"})
	case due > 0:
		v.add(Finding{Level: LevelWarning, Ingress: in.Name, File: first.File,
			Problem: fmt.Sprintf("the trusted CA %q %s%s", first.Subject, standing(first, now), more(due-1)),
			Fix:     "put the CA's next certificate beside it, and take this one out when no client needs it"})
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
func (v *Verdict) headline(s Snapshot, ins []IngressReport, notServed bool) string {
	switch {
	case s.Draining:
		return "Draining: the pod is going away; requests are still answered until it has."
	case notServed:
		return "What is mounted is not served. " + firstEnd(ins, "The certificate in use")
	case s.NotReady != nil:
		return "Not ready. " + firstEnd(ins, "The certificate in use")
	case s.ConfigFault != nil:
		return "The changed configuration is not used, the one before it is. " + firstEnd(ins, "The certificate")
	case len(ins) == 0:
		return "Running. No ingress is configured."
	case withdrawn(ins) != "":
		return fmt.Sprintf("Lets nobody in: ingress %q is not in the configuration any more. ", withdrawn(ins)) + firstEnd(ins, "The certificate in use")
	case v.Level == LevelError:
		return "Clients cannot get in" + v.where(ins) + ". " + firstEnd(ins, "The certificate in use")
	}
	return serving(ins, s.Now) + firstEnd(ins, "Certificate") + warned(ins)
}

// withdrawn returns the name of the first ingress that is withdrawn, or "".
func withdrawn(ins []IngressReport) string {
	for i := range ins {
		if ins[i].Withdrawn {
			return ins[i].Name
		}
	}
	return ""
}

// where names the ingress of the first error, if there are several to choose from.
func (v *Verdict) where(ins []IngressReport) string {
	for _, f := range v.Findings {
		if f.Level == LevelError && len(ins) > 1 {
			return fmt.Sprintf(" at ingress %q", f.Ingress)
		}
	}
	return ""
}

// firstEnd tells when the first of the served certificates ends, in a sentence
// about what.
func firstEnd(ins []IngressReport, what string) string {
	var first *IngressReport
	for i := range ins {
		if c := ins[i].Served; c != nil && (first == nil || c.NotAfter.Before(first.Served.NotAfter)) {
			first = &ins[i]
		}
	}
	switch {
	case first == nil:
		return "No certificate is served."
	case len(ins) > 1:
		what += fmt.Sprintf(" of ingress %q", first.Name)
	}
	return what + " " + first.Served.Ends + "."
}

func warned(ins []IngressReport) string {
	n := 0
	for i := range ins {
		n += len(ins[i].Warnings)
	}
	if n == 0 {
		return ""
	}
	return " " + count(n, "warning") + "."
}
