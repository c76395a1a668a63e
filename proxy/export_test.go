package proxy

import (
	"time"

	"github.com/sidegate/sidegate/proxy/certs"
)

// SetNow gives the ingress another clock. Call it before it serves.
func (in *Ingress) SetNow(now func() time.Time) { in.now = now }

// CloseIdle closes the connections of relays that have no request under way, as a
// drain does again and again.
func (in *Ingress) CloseIdle() { in.closeIdle() }

// CurrentSettings returns the settings in use.
func (in *Ingress) CurrentSettings() *Settings { return in.cur.Load().settings }

// Bundle returns the certificates and trust in use.
func (in *Ingress) Bundle() *certs.Bundle { return in.cur.Load().bundle }

// UnderWay returns how many requests are at the application, or on the way there.
func (in *Ingress) UnderWay() int64 { return in.forwarding.Load() }

// Withdrawn returns how many requests are under way whose clients are let in no more
// and have been told.
func (in *Ingress) Withdrawn() (n int) {
	all := make(map[*waiting]*conn)
	for _, x := range in.served.all() {
		all[&x.wait] = x.conn
	}
	for _, c := range in.relayed() {
		all[&c.relaying.Load().wait] = c
	}
	for w, c := range all {
		w.mu.Lock()
		if w.withdrawn != nil && c.leaving.Load() {
			n++
		}
		w.mu.Unlock()
	}
	return n
}

// Marked returns how many requests over HTTP/2 are to be ended, told or not.
func (in *Ingress) Marked() (n int) {
	for _, x := range in.served.all() {
		x.wait.mu.Lock()
		if x.wait.withdrawn != nil {
			n++
		}
		x.wait.mu.Unlock()
	}
	return n
}

// Verdicts returns how many verdicts the open connections have between them, and
// how many connections there are.
func (in *Ingress) Verdicts() (verdicts, conns int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	seen := make(map[*verdict]struct{})
	for c := range in.conns {
		seen[c.verdict.Load()] = struct{}{}
	}
	return len(seen), len(in.conns)
}
