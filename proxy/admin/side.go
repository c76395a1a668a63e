package admin

import (
	"fmt"
	"time"

	"github.com/sidegate/sidegate/proxy/certs"
)

// A side is one listener of a Report while it is judged: where clients come in,
// or where the application's calls go out.
type side struct {
	*ListenerReport
	kind   string // "ingress" or "egress"
	words  *sideWords
	status certs.Status

	peers func(*Verdict, time.Time) // tells of the application, or of the partner
	lapse func(time.Time) string    // what follows "Serving, but" if it failed lately; %s is for the listener
}

// sideWords say the same of either kind.
type sideWords struct {
	certificate, chain, none string
	peer, peers              string // who is verified
	used                     string // what happens to certificates
	withdrawn, Withdrawn     string
	blocked                  string
}

var (
	ingressWords = &sideWords{
		certificate: "the served certificate", chain: "the served chain", none: "no certificate is served",
		peer: "client", peers: "clients", used: "served",
		withdrawn: "lets nobody in", Withdrawn: "Lets nobody in", blocked: "Clients cannot get in",
	}
	egressWords = &sideWords{
		certificate: "the client certificate", chain: "the chain that is sent with the client certificate", none: "there is no client certificate",
		peer: "server", peers: "servers", used: "used",
		withdrawn: "calls nobody", Withdrawn: "Calls nobody", blocked: "Calls fail",
	}
)

// sides returns the listeners of r, which is made of s.
func sides(s Snapshot, r *Report) []side {
	var all []side
	for i := range r.Ingress {
		in := &r.Ingress[i]
		all = append(all, side{ListenerReport: &in.ListenerReport, kind: "ingress", words: ingressWords, status: s.Ingress[i].Certs,
			peers: func(v *Verdict, now time.Time) {
				v.onTrial(in)
				v.lists(in)
				v.application(in, now)
			},
			lapse: in.lapse,
		})
	}
	for i := range r.Egress {
		out := &r.Egress[i]
		all = append(all, side{ListenerReport: &out.ListenerReport, kind: "egress", words: egressWords, status: s.Egress[i].Certs,
			peers: func(v *Verdict, now time.Time) { v.calls(out, now) },
			lapse: out.lapse,
		})
	}
	return all
}

// first returns the first of all that is so, or nil.
func first(all []side, so func(side) bool) *side {
	for i := range all {
		if so(all[i]) {
			return &all[i]
		}
	}
	return nil
}

// finding returns f as one about s.
func (s side) finding(f Finding) Finding {
	if s.kind == "egress" {
		f.Egress = s.Name
	} else {
		f.Ingress = s.Name
	}
	return f
}

// serving is the first sentence about listeners that have no fault.
func serving(all []side, now time.Time) string {
	for _, s := range all {
		which := ""
		if len(all) > 1 {
			which = fmt.Sprintf(" of %s %q", s.kind, s.Name)
		}
		if lapse := s.lapse(now); lapse != "" {
			return "Serving, but " + fmt.Sprintf(lapse, which) + ". "
		}
	}
	return "Serving. "
}
