package proxy

import (
	"sync"
	"time"
)

// A Refusal is one refused request or handshake, or a request that only report: true
// let through, for the status page. Its texts come from the client in part and are
// bounded.
type Refusal struct {
	Time    time.Time `json:"time"`
	Remote  string    `json:"remote"`
	Status  int       `json:"status,omitempty"` // 0: the TLS handshake
	Reason  string    `json:"reason"`
	Detail  string    `json:"detail"`
	Subject string    `json:"subject,omitempty"`
	Allow   string    `json:"allow,omitempty"` // the line that would let this Subject in

	// ReportOnly says that the request was let through by report: true. Status is
	// then the application's.
	ReportOnly bool `json:"reportOnly,omitempty"`
}

// A recent keeps the last entries for the status page. They are not the fast path: a
// lock does.
type recent[T any] struct {
	mu   sync.Mutex
	ring [32]T
	next int
}

func (r *recent[T]) add(entry T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ring[r.next%len(r.ring)] = entry
	r.next++
}

// all returns the entries, newest first.
func (r *recent[T]) all() []T {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]T, 0, min(r.next, len(r.ring)))
	for i := r.next - 1; i >= max(0, r.next-len(r.ring)); i-- {
		out = append(out, r.ring[i%len(r.ring)])
	}
	return out
}

// Refusals returns the last refused requests and handshakes, and the requests that
// only report: true let through, newest first.
func (in *Ingress) Refusals() []Refusal { return in.recent.all() }

// linesPerSecond bounds the log lines about refused handshakes, which cost
// nothing to provoke. What is not logged is counted all the same.
const linesPerSecond = 100

// A pace lets so many lines through in each second.
type pace struct {
	mu      sync.Mutex
	second  int64
	lines   int
	missing int
}

// line reports whether to write a line now, and how many were left out since
// the last.
func (p *pace) line(now time.Time) (ok bool, missed int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.Unix() != p.second {
		p.second, p.lines = now.Unix(), 0
	}
	if p.lines++; p.lines > linesPerSecond {
		p.missing++
		return false, 0
	}
	missed, p.missing = p.missing, 0
	return true, missed
}
