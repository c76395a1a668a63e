package proxy

import "time"

// SetNow gives the ingress another clock. Call it before it serves.
func (in *Ingress) SetNow(now func() time.Time) { in.now = now }

// CloseIdle closes the connections of relays that have no request under way, as a
// drain does again and again.
func (in *Ingress) CloseIdle() { in.closeIdle() }

// CurrentSettings returns the settings in use.
func (in *Ingress) CurrentSettings() *Settings { return in.cur.Load().settings }

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
