package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// The marks between which the tables stand in the page.
const (
	pageBegin = "<!-- begin: written by make bench -->\n"
	pageEnd   = "<!-- end: written by make bench -->\n"
)

// explanations say why a goal is missed: a section for each row, called as it is.
//
//go:embed explanations.md
var explanations string

// writePage replaces what stands between the marks of the page.
func writePage(path, text string) error {
	page, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read the page: %w", err)
	}
	before, rest, ok1 := bytes.Cut(page, []byte(pageBegin))
	_, after, ok2 := bytes.Cut(rest, []byte(pageEnd))
	if !ok1 || !ok2 {
		return fmt.Errorf("%q has no place for the tables: it lacks the line %q or, after it, %q", path, strings.TrimSpace(pageBegin), strings.TrimSpace(pageEnd))
	}
	return os.WriteFile(path, slices.Concat(before, []byte(pageBegin+text+pageEnd), after), 0o644)
}

// render writes everything as markdown.
func (res *results) render() string {
	var w strings.Builder
	for _, part := range []func(*strings.Builder){res.ratios, res.missed, res.medians, res.latencies, res.notes, res.origin} {
		part(&w)
	}
	return w.String()
}

// others are the contenders but Sidegate.
func (res *results) others() (others []*contender) {
	for _, c := range res.bench.contenders {
		if c.name != "sidegate" {
			others = append(others, c)
		}
	}
	return others
}

// ratios is the table that the goals are about.
func (res *results) ratios(w *strings.Builder) {
	heads := []string{"Sidegate ÷ …"}
	for _, c := range res.others() {
		heads = append(heads, c.title)
	}
	t := newTable(append(heads, "goal", "verdict")...)
	for _, r := range res.rows {
		if r.sidegate {
			continue
		}
		line := []string{r.title}
		for _, c := range res.others() {
			text := "–"
			if f, ok := res.ratio(r, c.name); ok {
				text = fmt.Sprintf("%.2f", f)
			}
			line = append(line, text)
		}
		t.add(append(line, r.goalText(), res.judge(r).String())...)
	}
	fmt.Fprintf(w, "\n## Against the goals\n\n%s", t)
}

func (r row) goalText() string {
	sign := "≤"
	if r.goal.factor == 0 {
		return "–"
	}
	if r.kind == mbPerCPU {
		sign = "≥"
	}
	if r.goal.peer == "" {
		return fmt.Sprintf("%s %v %s", sign, r.goal.factor, r.kind.unit())
	}
	title := r.goal.peer
	for _, p := range peers() {
		if p.name == r.goal.peer {
			title = p.title
		}
	}
	text := fmt.Sprintf("%s %v × %s", sign, r.goal.factor, title)
	if r.goal.first != 0 {
		text += fmt.Sprintf(" (first %v)", r.goal.first)
	}
	return text
}

// missed explains every goal that is missed.
func (res *results) missed(w *strings.Builder) {
	for _, r := range res.rows {
		if v := res.judge(r); v == missed || v == firstStep {
			fmt.Fprintf(w, "\n**Missed: %s.** %s\n", r.title, explanation(explanations, r.name))
		}
	}
}

// explanation returns the section of text that is called name.
func explanation(text, name string) string {
	_, section, found := strings.Cut("\n"+text, "\n## "+name+"\n")
	section, _, _ = strings.Cut(section, "\n## ")
	if section = strings.TrimSpace(section); !found || section == "" {
		return "Not explained yet."
	}
	return section
}

// medians is the table of figures, with the lowest and the highest of the rounds.
func (res *results) medians(w *strings.Builder) {
	heads := []string{"work", "unit"}
	for _, c := range res.bench.contenders {
		heads = append(heads, c.title)
	}
	t := newTable(heads...)
	for _, r := range res.rows {
		line := []string{r.title, r.kind.unit()}
		for _, c := range res.bench.contenders {
			line = append(line, spread(res.figures(r, c.name)))
		}
		t.add(line...)
	}
	fmt.Fprintf(w, "\n## The figures\n\nMedians, with the lowest and the highest round. Less is better, but for MB a CPU second.\n\n%s", t)
}

func spread(figures []float64) string {
	switch len(figures) {
	case 0:
		return "–"
	case 1:
		return number(figures[0])
	}
	return fmt.Sprintf("%s (%s–%s)", number(median(figures)), number(figures[0]), number(figures[len(figures)-1]))
}

// latencies is what the clients saw, in the rows that make requests.
func (res *results) latencies(w *strings.Builder) {
	heads := []string{"p50 / p99, ms"}
	for _, c := range res.bench.contenders {
		heads = append(heads, c.title)
	}
	t := newTable(heads...)
	for _, r := range res.rows {
		if r.kind == kibPerConn || r.kind == mibProcess {
			continue
		}
		line := []string{r.title}
		for _, c := range res.bench.contenders {
			line = append(line, res.latency(r, c.name))
		}
		t.add(line...)
	}
	fmt.Fprintf(w, "\n## What a client waits\n\nAt full load, with clients and application on the same cores: good to compare, not to promise. Medians of the rounds.\n\n%s", t)
}

func (res *results) latency(r row, peer string) string {
	var p50, p99 []float64
	for _, s := range res.at(r.name, peer).samples {
		p50, p99 = append(p50, float64(s.p50)), append(p99, float64(s.p99))
	}
	if len(p50) == 0 {
		return "–"
	}
	slices.Sort(p50)
	slices.Sort(p99)
	return millis(time.Duration(median(p50))) + " / " + millis(time.Duration(median(p99)))
}

// notes say why a place is empty.
func (res *results) notes(w *strings.Builder) {
	fmt.Fprintln(w)
	for _, r := range res.rows {
		for _, c := range res.bench.contenders {
			if reason := res.at(r.name, c.name).cannot; reason != nil {
				fmt.Fprintf(w, "- %s, %q: not measured, %v.\n", c.title, r.title, reason)
			}
		}
	}
	for _, c := range res.bench.contenders {
		if c.tcpOnly {
			fmt.Fprintf(w, "- %s forwards bytes: it checks the common name once a connection, sets no header and sees no request.\n", c.title)
		}
	}
	for _, s := range res.bench.skipped {
		fmt.Fprintf(w, "- %s was **skipped**: %v.\n", s.peer.title, s.reason)
	}
}

// origin says where all this comes from.
func (res *results) origin(w *strings.Builder) {
	t := newTable("this run", "")
	t.add("when", fmt.Sprintf("%s, for %s", res.begun.UTC().Format("2006-01-02 15:04 MST"), res.took.Round(time.Second)))
	t.add("how", fmt.Sprintf("%d rounds of %s, each after %s of warming up; %d idle connections, read after %s",
		res.bench.rounds, res.bench.window, res.bench.warm, res.bench.idle, res.bench.settle))
	for _, fact := range machine() {
		t.add(fact[0], fact[1])
	}
	for _, c := range res.bench.contenders {
		t.add(c.title, c.version)
	}
	fmt.Fprintf(w, "\n## The machine and the versions\n\n%s\n", t)
}
