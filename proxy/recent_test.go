package proxy

import (
	"testing"
	"time"
)

func TestLinesAreBoundedBySecond(t *testing.T) {
	var p pace
	start := time.Unix(1000, 0)
	written := 0
	for range linesPerSecond + 50 {
		if ok, _ := p.line(start); ok {
			written++
		}
	}
	if written != linesPerSecond {
		t.Errorf("%d lines in one second, want %d", written, linesPerSecond)
	}
	for i, want := range []int{50, 0} {
		if ok, missed := p.line(start.Add(time.Second)); !ok || missed != want {
			t.Errorf("line %d of the next second: written %v, %d missed, want it written and %d", i+1, ok, missed, want)
		}
	}
}

func TestRecentKeepsTheNewest(t *testing.T) {
	var in Ingress
	for i := range 40 {
		in.recent.add(Refusal{Status: i})
	}
	got := in.Refusals()
	if len(got) != 32 || got[0].Status != 39 || got[31].Status != 8 {
		t.Errorf("%d kept, from %d to %d; want 32, from 39 to 8", len(got), got[0].Status, got[len(got)-1].Status)
	}
}
