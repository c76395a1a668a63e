package proxy

import (
	"slices"
	"sync"
	"time"
)

// A Refusal is one refused request or handshake, for the status page. Its
// texts come from the client in part and are bounded.
type Refusal struct {
	Time    time.Time `json:"time"`
	Remote  string    `json:"remote"`
	Status  int       `json:"status,omitempty"` // 0: the TLS handshake
	Reason  string    `json:"reason"`
	Detail  string    `json:"detail"`
	Subject string    `json:"subject,omitempty"`
	Allow   string    `json:"allow,omitempty"` // the line that would let this Subject in
}

// recent keeps the last refusals. Refusals are not the fast path: a lock does.
type recent struct {
	mu   sync.Mutex
	ring [32]Refusal
	next int
}

func (r *recent) add(f Refusal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ring[r.next%len(r.ring)] = f
	r.next++
}

// Refusals returns the last refused requests and handshakes, newest first.
func (in *Ingress) Refusals() []Refusal {
	r := &in.recent
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]Refusal, 0, len(r.ring))
	for i := r.next - 1; i >= max(0, r.next-len(r.ring)); i-- {
		out = append(out, r.ring[i%len(r.ring)])
	}
	return slices.Clip(out)
}
