package proxy

import "time"

// SetNow gives the ingress another clock. Call it before it serves.
func (in *Ingress) SetNow(now func() time.Time) { in.now = now }

// CloseIdle closes the connections of relays that have no request under way, as a
// drain does again and again.
func (in *Ingress) CloseIdle() { in.closeIdle() }

// CurrentSettings returns the settings in use.
func (in *Ingress) CurrentSettings() *Settings { return in.cur.Load().settings }

// Withdrawn returns how many requests under way have been withdrawn.
func (in *Ingress) Withdrawn() (n int) {
	var all []*waiting
	for _, x := range in.served.all() {
		all = append(all, &x.wait)
	}
	for _, c := range in.relayed() {
		all = append(all, &c.relaying.Load().wait)
	}
	for _, w := range all {
		w.mu.Lock()
		if w.withdrawn != nil {
			n++
		}
		w.mu.Unlock()
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
