package main

import (
	"testing"
	"time"
)

func TestMedian(t *testing.T) {
	for want, sorted := range map[float64][]float64{
		7:   {7},
		2.5: {1, 4},
		4:   {1, 4, 100},
		3:   {1, 2, 4, 100},
	} {
		if got := median(sorted); got != want {
			t.Errorf("median(%v) = %v, want %v", sorted, got, want)
		}
	}
}

func TestNumbersHaveThreeDigits(t *testing.T) {
	for f, want := range map[float64]string{0.5: "0.50", 9.876: "9.88", 37.25: "37.2", 145.6: "146", 10160: "10160"} {
		if got := number(f); got != want {
			t.Errorf("number(%v) = %q, want %q", f, got, want)
		}
	}
	if got := millis(1234 * time.Microsecond); got != "1.23" {
		t.Errorf("millis(1234µs) = %q", got)
	}
}

func TestFigureOfEachKind(t *testing.T) {
	s := sample{requests: 1000, bytes: 2e6, cpu: 50 * time.Millisecond, memory: 3 << 20}
	for k, want := range map[kind]float64{cpuPerRequest: 50, mbPerCPU: 40, kibPerConn: 3072, mibProcess: 3} {
		if got := k.figure(s); got != want {
			t.Errorf("%s of %+v is %v, want %v", k.unit(), s, got, want)
		}
	}
}

// cpu is a turn in which a request took so many µs.
func cpu(micros ...int) *readings {
	r := &readings{}
	for _, us := range micros {
		r.samples = append(r.samples, sample{requests: 1000, bytes: 1e9, cpu: time.Duration(us) * time.Millisecond})
	}
	return r
}

func TestVerdicts(t *testing.T) {
	work := row{name: "work", goal: goal{peer: "nginx", factor: 0.6}}
	steps := row{name: "work", goal: goal{peer: "nginx", factor: 0.4, first: 1.8}}
	most := row{name: "work", kind: mbPerCPU, goal: goal{peer: "nginx", factor: 1.4}}
	alone := row{name: "work", goal: goal{factor: 10}}
	tests := []struct {
		name        string
		row         row
		ours, nginx *readings
		want        verdict
	}{
		{"the medians reach it, whatever one round says", work, cpu(50, 60, 500), cpu(1, 100, 100), met},
		{"they do not", work, cpu(61, 61, 1), cpu(100, 100, 999), missed},
		{"a hair above is what the table shows as reached", work, cpu(604), cpu(1000), met},
		{"a first step", steps, cpu(170), cpu(100), firstStep},
		{"not even that", steps, cpu(190), cpu(100), missed},
		{"more is better", most, cpu(50), cpu(100), met},
		{"and less is not", most, cpu(90), cpu(100), missed},
		{"without a peer", alone, cpu(10), cpu(), met},
		{"above it", alone, cpu(11), cpu(), missed},
		{"nothing to compare with", work, cpu(10), cpu(), notMeasured},
		{"no goal", row{name: "work"}, cpu(10), cpu(10), noGoal},
	}
	for _, test := range tests {
		res := &results{cells: map[cell]*readings{{"work", "sidegate"}: test.ours, {"work", "nginx"}: test.nginx}}
		if got := res.judge(test.row); got != test.want {
			t.Errorf("%s: verdict %d %s, want %d", test.name, got, got, test.want)
		}
	}
}
