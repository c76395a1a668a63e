package proxy

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"time"
)

// ticketLabel marks what we add to a session ticket, as crypto/tls asks
// ([tls.SessionState].Extra).
var ticketLabel = []byte("sidegate until ")

// boundTickets lets the tickets of a connection end with the chain that was
// verified. Else a client would go on offering a ticket whose chain has expired;
// resuming it can only be refused with an alert, which does not make clients
// forget the ticket, so that one that has renewed its certificate in time would
// be locked out by its own ticket. A ticket that has ended is no ticket: the
// handshake is a full one, with the certificate of today.
func (c *conn) boundTickets(cfg *tls.Config) {
	// In a resumed handshake TLS 1.3 writes the next ticket before it verifies
	// the connection: that ticket ends with the one before it.
	var resumed time.Time
	cfg.WrapSession = func(cs tls.ConnectionState, s *tls.SessionState) ([]byte, error) {
		until := resumed
		if len(c.verified.Chains) > 0 {
			until = c.ticketEnd()
		}
		s.Extra = append(withoutEnd(s.Extra), binary.BigEndian.AppendUint64(bytes.Clone(ticketLabel), uint64(until.Unix())))
		return cfg.EncryptTicket(cs, s)
	}
	cfg.UnwrapSession = func(identity []byte, cs tls.ConnectionState) (*tls.SessionState, error) {
		s, err := cfg.DecryptTicket(identity, cs)
		if err != nil || s == nil {
			return nil, err
		}
		if resumed = endOf(s.Extra); !c.in.now().Before(resumed) {
			return nil, nil
		}
		return s, nil
	}
}

// ticketEnd returns when a ticket of the client that was verified ends: at once if
// nothing is allowed to it. By a ticket it would come as the same client again,
// although it has got another certificate since that is let in.
func (c *conn) ticketEnd() time.Time {
	if newVerdict(c.gen, c.verified.Chains[0], c.verified, nil).admitsNothing() {
		return time.Time{}
	}
	return c.verified.Until
}

// endOf returns when a ticket with the extra data ends: the zero time, long
// ago, if that is not said.
func endOf(extra [][]byte) time.Time {
	for _, e := range extra {
		if rest, ours := bytes.CutPrefix(e, ticketLabel); ours && len(rest) == 8 {
			return time.Unix(int64(binary.BigEndian.Uint64(rest)), 0)
		}
	}
	return time.Time{}
}

// withoutEnd returns extra without what a former ticket said of its end.
func withoutEnd(extra [][]byte) (rest [][]byte) {
	for _, e := range extra {
		if !bytes.HasPrefix(e, ticketLabel) {
			rest = append(rest, e)
		}
	}
	return rest
}
