package metric

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// ContentType is the media type of what [Registry.Append] writes.
const ContentType = "text/plain; version=0.0.4; charset=utf-8"

// A Scrape gathers the series of one moment. It is of the goroutine whose
// function it is given to, until that returns.
type Scrape struct {
	told map[*Family]map[string]instrument // by labels
}

// Value tells the value of a series of f, a counter or gauge. The first value of
// a series is good if it is told twice. Value panics if the number of values is
// not that of f's labels.
func (s *Scrape) Value(f *Family, v float64, values ...string) { s.add(f, f.render(values), value(v)) }

// Summary tells how many values were observed, and their sum, of a series of f,
// a summary. Otherwise it is as Value.
func (s *Scrape) Summary(f *Family, count uint64, sum float64, values ...string) {
	s.add(f, f.render(values), summary{count, sum})
}

func (s *Scrape) add(f *Family, labels string, i instrument) {
	if s.told[f] == nil {
		s.told[f] = make(map[string]instrument)
	}
	if _, told := s.told[f][labels]; !told {
		s.told[f][labels] = i
	}
}

type value float64

func (v value) append(b []byte, name, labels string) []byte {
	return appendLine(b, name, "", labels, float64(v))
}

type summary struct {
	count uint64
	sum   float64
}

func (s summary) append(b []byte, name, labels string) []byte {
	b = appendLine(b, name, "_sum", labels, s.sum)
	return appendLine(b, name, "_count", labels, float64(s.count))
}

// Append scrapes: it appends every series of every family to b, in the text
// exposition format, and returns the extended slice. Families are in the order of
// their names and series in that of their labels. A family without series is left
// out.
func (r *Registry) Append(b []byte) []byte {
	r.mu.Lock()
	families, tellers := slices.Clone(r.families), slices.Clone(r.tellers)
	r.mu.Unlock()
	s := Scrape{told: make(map[*Family]map[string]instrument, len(families))}
	for _, tell := range tellers {
		tell(&s)
	}
	for _, f := range families {
		b = f.append(b, s.told[f])
	}
	return b
}

func (f *Family) append(b []byte, all map[string]instrument) []byte {
	if len(all) == 0 {
		return b
	}
	b = append(append(b, "# HELP "+f.Name+" "...), helpEscapes.Replace(f.Help)...)
	b = append(b, "\n# TYPE "+f.Name+" "+string(f.Kind)+"\n"...)
	for _, labels := range slices.Sorted(maps.Keys(all)) {
		b = all[labels].append(b, f.Name, labels)
	}
	return b
}

// What the format escapes, in help texts and in values of labels.
var (
	helpEscapes  = strings.NewReplacer(`\`, `\\`, "\n", `\n`)
	labelEscapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
)

func appendLabel(b []byte, name, value string) []byte {
	b = append(append(b, name...), `="`...)
	b = append(b, labelEscapes.Replace(strings.ToValidUTF8(value, "?"))...)
	return append(b, '"')
}

// appendLine writes name+suffix{labels} value. strconv writes infinities and NaN
// as the format has them.
func appendLine(b []byte, name, suffix, labels string, value float64) []byte {
	b = append(append(b, name...), suffix...)
	if labels != "" {
		b = append(append(append(b, '{'), labels...), '}')
	}
	b = strconv.AppendFloat(append(b, ' '), value, 'g', -1, 64)
	return append(b, '\n')
}
