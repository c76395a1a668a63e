package admin

import (
	"fmt"
	"slices"
	"time"

	"github.com/sidegate/sidegate/proxy/certs"
)

// CRL is one revocation list in use.
type CRL struct {
	File       string    `json:"file"`
	Issuer     string    `json:"issuer"`           // the CA's name
	Number     string    `json:"number,omitempty"` // decimal
	Entries    int       `json:"entries"`          // how many certificates it revokes
	ThisUpdate time.Time `json:"thisUpdate"`
	NextUpdate time.Time `json:"nextUpdate"`
	State      CRLState  `json:"state"`
	Level      Level     `json:"level"` // of the state

	ends time.Time // when it ends to count
}

// A CRLState says whether a list counts.
type CRLState string

// The states.
const (
	CRLFresh   CRLState = "fresh"
	CRLGrace   CRLState = "grace"   // its nextUpdate has passed, crlGrace has not
	CRLExpired CRLState = "expired" // the clients of its CA are refused
)

// crls reports on lists, the first to end at the top. grace is how long one counts
// after its nextUpdate.
func crls(lists []*certs.CRL, grace time.Duration, now time.Time) []CRL {
	lists = slices.Clone(lists)
	slices.SortStableFunc(lists, func(a, b *certs.CRL) int { return a.NextUpdate.Compare(b.NextUpdate) })
	out := make([]CRL, 0, len(lists))
	for _, l := range lists {
		c := CRL{File: l.File, Issuer: l.Issuer, Entries: l.Entries, ThisUpdate: l.ThisUpdate.UTC(), NextUpdate: l.NextUpdate.UTC(),
			State: CRLFresh, Level: LevelOK, ends: l.NextUpdate.Add(grace)}
		if l.Number != nil {
			c.Number = l.Number.String()
		}
		if now.After(l.NextUpdate) {
			c.State, c.Level = CRLGrace, LevelWarning
		}
		if now.After(c.ends) {
			c.State = CRLExpired
		}
		out = append(out, c)
	}
	return out
}

// lists tells of revocation lists that are not fresh. It is a warning: the clients of
// other CAs are let in.
func (v *Verdict) lists(in *IngressReport) {
	for i := range in.CRLs {
		c := &in.CRLs[i]
		if c.Level == LevelOK {
			continue
		}
		what := "the clients of this CA are refused"
		if c.State == CRLGrace {
			what = "it counts until " + utc(c.ends) + " because of crlGrace, and whom the CA has revoked since is not known"
		}
		v.add(Finding{Level: c.Level, Ingress: in.Name, File: c.File,
			Problem: fmt.Sprintf("the revocation list of %q has expired, at %s: ", c.Issuer, utc(c.NextUpdate)) + what,
			Fix:     "replace it by the present list of the CA; nothing has to be restarted"})
	}
}

// onTrial tells that nothing is refused by allow.
func (v *Verdict) onTrial(in *IngressReport) {
	if in.Report {
		v.add(Finding{Level: LevelWarning, Ingress: in.Name, Problem: "report only: nothing is refused by allow",
			Fix: "set report to false when everybody who would be refused here should be"})
	}
}
