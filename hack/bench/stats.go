package main

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// results are all that a run has shown.
type results struct {
	bench *bench
	begun time.Time
	took  time.Duration
	rows  []row
	cells map[cell]*readings
}

// A cell is one proxy at one row.
type cell struct{ row, peer string }

// readings are the turns of a cell, or the reason why there are none.
type readings struct {
	samples []sample
	cannot  error
}

// at returns the readings of a cell, to read or to fill.
func (res *results) at(row, peer string) *readings {
	key := cell{row, peer}
	if res.cells[key] == nil {
		res.cells[key] = &readings{}
	}
	return res.cells[key]
}

// figures returns the figure of every turn, in ascending order.
func (res *results) figures(r row, peer string) (figures []float64) {
	for _, s := range res.at(r.name, peer).samples {
		figures = append(figures, r.kind.figure(s))
	}
	slices.Sort(figures)
	return figures
}

// figure returns the median of a cell; ok is false if there is none.
func (res *results) figure(r row, peer string) (f float64, ok bool) {
	figures := res.figures(r, peer)
	if len(figures) == 0 {
		return 0, false
	}
	return median(figures), true
}

// ratio returns Sidegate's figure divided by that of a peer.
func (res *results) ratio(r row, peer string) (f float64, ok bool) {
	ours, ok1 := res.figure(r, "sidegate")
	theirs, ok2 := res.figure(r, peer)
	if !ok1 || !ok2 || theirs == 0 {
		return 0, false
	}
	return ours / theirs, true
}

// A verdict is how Sidegate's figure stands to its goal.
type verdict int

const (
	noGoal verdict = iota
	notMeasured
	met
	firstStep // met, but not the goal
	missed
)

func (v verdict) String() string {
	return [...]string{"–", "not measured", "met", "**missed**, first step met", "**missed**"}[v]
}

// judge compares what is shown, with two digits, with the goal: a reader of the
// page comes to the same verdict.
func (res *results) judge(r row) verdict {
	g := r.goal
	if g.factor == 0 {
		return noGoal
	}
	value, ok := res.figure(r, "sidegate")
	if g.peer != "" {
		value, ok = res.ratio(r, g.peer)
	}
	value, _ = strconv.ParseFloat(fmt.Sprintf("%.2f", value), 64)
	reaches := func(limit float64) bool {
		if r.kind == mbPerCPU {
			return value >= limit
		}
		return value <= limit
	}
	switch {
	case !ok:
		return notMeasured
	case reaches(g.factor):
		return met
	case g.first != 0 && reaches(g.first):
		return firstStep
	}
	return missed
}

// median returns the middle of what is sorted, or the mean of the two middles.
func median(sorted []float64) float64 {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// number writes a figure with three digits or more.
func number(f float64) string {
	switch {
	case f >= 100:
		return strconv.FormatFloat(f, 'f', 0, 64)
	case f >= 10:
		return strconv.FormatFloat(f, 'f', 1, 64)
	}
	return strconv.FormatFloat(f, 'f', 2, 64)
}

func millis(d time.Duration) string { return number(float64(d.Microseconds()) / 1e3) }
