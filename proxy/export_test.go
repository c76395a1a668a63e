package proxy

import "time"

// SetNow gives the ingress another clock. Call it before it serves.
func (in *Ingress) SetNow(now func() time.Time) { in.now = now }

// CurrentSettings returns the settings in use.
func (in *Ingress) CurrentSettings() *Settings { return in.cur.Load().settings }

// Servers returns how many net/http servers the ingress has started.
func (in *Ingress) Servers() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return len(in.servers)
}
