package proxy

import "crypto/tls"

// An alertWatch reads along in a handshake for an alert that is not encrypted.
// OpenSSL clients (curl, Python) that refuse our certificate in TLS 1.3 send it
// before they have switched to encryption, and crypto/tls, which expects an
// encrypted record by then, can only say that it is "bad record MAC". It is not
// authenticated: a hint for the log, nothing more.
type alertWatch struct {
	head [5]byte // of the record that is being read (RFC 8446 §5.1)
	have int     // bytes of head
	left int     // bytes of the record's body still to come
	body [2]byte // its last two bytes
}

const recordAlert = 21

// read takes the next bytes of the stream.
func (a *alertWatch) read(p []byte) {
	for len(p) > 0 {
		if a.left == 0 && a.have == len(a.head) {
			a.have = 0 // the next record
		}
		if a.have < len(a.head) {
			n := copy(a.head[a.have:], p)
			a.have += n
			p = p[n:]
			if a.have == len(a.head) {
				a.left = int(a.head[3])<<8 | int(a.head[4])
			}
			continue
		}
		n := min(a.left, len(p))
		for _, b := range p[:n] {
			a.body[0], a.body[1] = a.body[1], b
		}
		a.left -= n
		p = p[n:]
	}
}

// alert returns the alert that the stream ends with, if it ends with one.
func (a *alertWatch) alert() (tls.AlertError, bool) {
	plain := a.have == len(a.head) && a.head[0] == recordAlert && a.head[3] == 0 && a.head[4] == 2
	return tls.AlertError(a.body[1]), plain && a.left == 0
}
