package proxy

import "time"

// SetNow gives the egress another clock. Call it before it serves.
func (e *Egress) SetNow(now func() time.Time) { e.now = now }

// Authority returns the Host of every request.
func (s *EgressSettings) Authority() string { return s.authority() }
