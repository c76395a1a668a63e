package proxy

import "time"

// SetNow gives the egress another clock. Call it before it serves.
func (e *Egress) SetNow(now func() time.Time) { e.now = now }

// Authority returns the Host of every request.
func (s *EgressSettings) Authority() string { return s.authority() }

// EgressReasons are the reason words that only an egress has.
func EgressReasons() (words []string) {
	for _, r := range []reason{
		reasonAbsoluteForm, reasonServerUnknownCA, reasonServerExpired, reasonServerNotYetValid, reasonServerWrongUsage,
		reasonServerNameConstraints, reasonServerWeakSignature, reasonServerNotACA, reasonServerTooLarge, reasonServerBadChain,
		reasonServerName, reasonServerSubject, reasonServerSPKI, reasonCertificateRefused, reasonTLSFailed,
		reasonServerDown, reasonServerTimeout, reasonServerFailed,
	} {
		words = append(words, string(r))
	}
	return words
}
