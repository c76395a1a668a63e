package proxy_test

import (
	"fmt"
	"maps"
	"runtime"
	"time"
)

// mustBeAlone waits until the gates have the connections of those that are still
// there and no others, and the application has their streams and no others.
func (f *fleet) mustBeAlone() {
	f.t.Helper()
	conns, streams := map[*gate]int{f.s.web: 0, f.s.rpc: 0}, map[string]int{}
	for _, g := range f.guests {
		if !g.visitLost {
			conns[g.gate]++
		}
		if _, requests := g.protocol.(keptAlive); !g.stayLost && !requests {
			streams[g.stayPath()] = 1
		}
	}
	for g, want := range conns {
		eventually(f.t, fmt.Sprintf("%d connections", want), func() bool { return g.in.Connections() == want },
			func() string { return fmt.Sprint(g.in.Connections()) })
	}
	eventually(f.t, "their streams at the application", func() bool { return maps.Equal(f.s.crew.stays(), streams) },
		func() string { return fmt.Sprintf("%v, want %v", f.s.crew.stays(), streams) })
}

// tellGap holds those that are still there to what they have noticed: at no time was
// there a silence.
func (f *fleet) tellGap() {
	f.t.Helper()
	var longest time.Duration
	for _, g := range f.guests {
		if v := g.view(); !g.stayLost && v.gap > longest {
			longest = v.gap
			if longest > outLimit() {
				f.t.Errorf("%v heard nothing for %v", g, v.gap)
			}
		}
	}
	f.t.Logf("the longest silence of anybody who stayed: %v", longest)
}

// goroutineSlack is for what the runtime and net/http keep for a while.
const goroutineSlack = 10

// mustBeGone ends the site, and waits until nothing is left of it.
func (f *fleet) mustBeGone(goroutines int) {
	f.t.Helper()
	for _, g := range []*gate{f.s.web, f.s.rpc} {
		eventually(f.t, "no connections", func() bool { return g.in.Connections() == 0 }, func() string { return fmt.Sprint(g.in.Connections()) })
	}
	eventually(f.t, "no streams", func() bool { return len(f.s.crew.streams()) == 0 }, func() string { return fmt.Sprint(f.s.crew.streams()) })
	f.s.close()
	eventually(f.t, "as many goroutines as before", func() bool { return runtime.NumGoroutine() <= goroutines+goroutineSlack },
		func() string {
			stacks := make([]byte, 1<<16)
			return fmt.Sprintf("%d, before %d:\n%s", runtime.NumGoroutine(), goroutines, stacks[:runtime.Stack(stacks, true)])
		})
}
