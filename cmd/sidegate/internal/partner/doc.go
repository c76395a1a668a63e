// Package partner plays the other side for a rehearsal: what a team would
// otherwise have to wait days for, the certificate authority and the partner's
// test environment, on this machine and with throw-away keys.
//
//	DIR/server.csr ──► authority.go ──► DIR/server.crt, DIR/intermediate.crt, DIR/root.crt
//	                   signs what lies in DIR
//
//	a call with the  ──► api.go ──► who called, as the partner saw it
//	client certificate     │ POST /api/v1/webhook {"type": …, "url": …}
//	                       ▼
//	                   webhook.go ──► POST to that URL, with the partner's own certificate
//
// It is for one user on one machine: it listens on loopback, calls loopback
// only, and its keys are never written anywhere, so that each start is another
// world and nobody is tempted to use its certificates for more.
package partner
