package proxy

import "time"

// SetNow gives the egress another clock. Call it before it serves.
func (e *Egress) SetNow(now func() time.Time) { e.now = now }

// SetPatience bounds how long a partner may take nothing of a request, instead of
// 30 s. Call it before it serves.
func (e *Egress) SetPatience(d time.Duration) { e.patience = d }

// Authority returns the Host of every request.
func (s *EgressSettings) Authority() string { return s.authority() }
