package main

import (
	"strings"
	"unicode/utf8"
)

// A table is a markdown table whose columns are aligned in the source too.
type table struct {
	heads []string
	lines [][]string
}

func newTable(heads ...string) *table { return &table{heads: heads} }

// add appends a line, which has as many cells as there are heads.
func (t *table) add(cells ...string) { t.lines = append(t.lines, cells) }

func (t *table) String() string {
	widths := make([]int, len(t.heads))
	for _, line := range append([][]string{t.heads}, t.lines...) {
		for i, text := range line {
			widths[i] = max(widths[i], utf8.RuneCountInString(text), 3)
		}
	}
	var w strings.Builder
	writeLine(&w, t.heads, widths)
	rule := make([]string, len(widths))
	for i, width := range widths {
		rule[i] = strings.Repeat("-", width)
	}
	writeLine(&w, rule, widths)
	for _, line := range t.lines {
		writeLine(&w, line, widths)
	}
	return w.String()
}

func writeLine(w *strings.Builder, cells []string, widths []int) {
	for i, text := range cells {
		w.WriteString("| " + text + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(text)) + " ")
	}
	w.WriteString("|\n")
}
