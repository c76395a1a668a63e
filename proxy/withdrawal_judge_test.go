package proxy_test

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// outLimit is how soon after a change its guests must be out: half a second for it
// to be noticed, withdrawalGrace, and the rest is for a machine that has other things
// to do.
func outLimit() time.Duration {
	if raceEnabled {
		return 10 * time.Second
	}
	return 3 * time.Second
}

// bring brings the change about and holds every guest to it: who is out, how, how
// soon and by which word, and that nobody else has noticed anything.
func (f *fleet) bring(c *change) {
	f.t.Helper()
	var out []*guest
	for _, g := range f.visiting() {
		if g.party.name == c.party {
			out = append(out, g)
			g.stayLost, g.visitLost = true, !c.errandsGoOn || !g.outlives()
		}
	}
	if len(out) == 0 {
		f.t.Fatalf("%s: there is nobody of the party %q", c.name, c.party)
	}
	began := time.Now()
	c.bring()
	f.await(c.name, out, (*guest).isOut)
	for _, g := range out {
		g.judge(f.t.Errorf, c, began)
	}
	f.mustBeLogged(c, out)
	f.mustGoOn(c.name)
	f.t.Logf("%-40s %3d out after %s", c.name, len(out), paces(out, began))
}

// isOut reports whether everything has ended that was to end.
func (g *guest) isOut() bool {
	v := g.view()
	return (v.stay.happened() || !g.stayLost) && (v.over.happened() || !g.visitLost)
}

// judge holds a guest that is out to the way and the time.
func (g *guest) judge(fail func(string, ...any), c *change, began time.Time) {
	v, want := g.view(), g.out(c)
	if !slices.Contains(want, v.stay.how) {
		fail("%s: %v: its stay ended with %q, want %q", c.name, g, v.stay.how, want)
	}
	if v.over.happened() && !slices.Contains(want, v.over.how) {
		fail("%s: %v: its visit ended with %q, want %q", c.name, g, v.over.how, want)
	}
	if v.refused != "" && !strings.HasSuffix(v.refused, " "+c.word) {
		fail("%s: %v: an errand was refused with %q, want the word %q", c.name, g, v.refused, c.word)
	}
	if took := v.stay.at.Sub(began); took > outLimit() {
		fail("%s: %v: out after %v, want %v at most", c.name, g, took, outLimit())
	}
}

// mustBeLogged waits until the log says of each guest that is out why, but for those
// that were refused nothing.
func (f *fleet) mustBeLogged(c *change, out []*guest) {
	f.t.Helper()
	out = slices.DeleteFunc(slices.Clone(out), func(g *guest) bool { return g.view().stay.how == lastAnswer })
	said := map[string]bool{}
	f.await(c.name+", by the log", out, func(g *guest) bool {
		if !said[g.fingerprint()] {
			for _, line := range g.gate.logs.lines() {
				if line["reason"] == c.word {
					said[fmt.Sprint(line["fingerprint"])] = true
				}
			}
		}
		return said[g.fingerprint()]
	})
}

// mustGoOn waits until everybody has made progress who is still there, on the one
// connection that they came with.
func (f *fleet) mustGoOn(after string) {
	f.t.Helper()
	before := map[*guest]view{}
	for _, g := range f.guests {
		before[g] = g.view()
	}
	f.await("progress after "+after, f.guests, func(g *guest) bool {
		v, was := g.view(), before[g]
		switch {
		case v.stay.happened() && !g.stayLost:
			f.t.Fatalf("after %s: %v: its stay ended with %q, and it should have gone on; the log: %v", after, g, v.stay.how, g.logged())
		case v.over.happened() && !g.visitLost:
			f.t.Fatalf("after %s: %v: its visit ended with %q, and it should have gone on; the log: %v", after, g, v.over.how, g.logged())
		case v.refused != "" && !g.visitLost:
			f.t.Fatalf("after %s: %v: an errand was refused with %q; the log: %v", after, g, v.refused, g.logged())
		}
		return (g.stayLost || v.stayed >= was.stayed+2) && (g.visitLost || !g.runsErrands() || v.errands > was.errands)
	})
}

// logged returns what the log says of g.
func (g *guest) logged() (lines []map[string]any) {
	for _, line := range g.gate.logs.lines() {
		if line["fingerprint"] == g.fingerprint() {
			lines = append(lines, line)
		}
	}
	return lines
}

// await waits until all of the guests have come so far, and fails with those that
// have not.
func (f *fleet) await(what string, guests []*guest, ok func(g *guest) bool) {
	f.t.Helper()
	deadline := time.After(outLimit() + 2*time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		guests = slices.DeleteFunc(slices.Clone(guests), ok)
		if len(guests) == 0 {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			f.t.Fatalf("%s: still waiting for %d guests:\n%s", what, len(guests), some(guests))
		}
	}
}

// some describes the first few of the guests.
func some(guests []*guest) string {
	var b strings.Builder
	for i, g := range guests {
		if i == 5 {
			fmt.Fprintf(&b, "\t… and %d more", len(guests)-i)
			break
		}
		v := g.view()
		fmt.Fprintf(&b, "\t%v: %d words, %d errands, stay %q, visit %q, refused %q\n", g, v.stayed, v.errands, v.stay.how, v.over.how, v.refused)
	}
	return b.String()
}

// paces tells the median and the longest time until guests were out, by protocol.
func paces(out []*guest, began time.Time) string {
	var all []string
	for _, p := range protocols {
		var took []time.Duration
		for _, g := range out {
			if g.protocol.String() == p.String() {
				took = append(took, g.view().stay.at.Sub(began).Round(time.Millisecond))
			}
		}
		if slices.Sort(took); len(took) > 0 {
			all = append(all, fmt.Sprintf("%v %v (max %v)", p, took[len(took)/2], took[len(took)-1]))
		}
	}
	return strings.Join(all, ", ")
}

// part asks everybody to go who is still there, and holds them to a clean end.
func (f *fleet) part() {
	f.t.Helper()
	var there []*guest
	for _, g := range f.guests {
		if !g.visitLost {
			there = append(there, g)
		}
		close(g.leave)
	}
	f.await("a clean end", there, func(g *guest) bool { return g.view().over.happened() })
	for _, g := range there {
		want := g.left()
		if g.stayLost {
			want = "left"
		}
		if how := g.view().over.how; how != want {
			f.t.Errorf("%v ended with %q when asked to go, want %q", g, how, want)
		}
	}
}
