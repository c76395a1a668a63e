package certs

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"sync"
	"time"
)

// ticketDay is how long a secret makes new tickets. After it, the secret reads
// tickets for as long again, so a ticket lives two days at most.
const ticketDay = 24 * time.Hour

// TicketKeys derives session ticket keys. They come from random secrets of this
// process, a new one each day, and from a scope: a ticket made under one scope
// is not readable under another. The scope is the hash of whatever the verdict
// on a client depends on: then a change of trust or policy makes every client
// do a full handshake, cleanly, instead of resuming a session that the new
// rules would refuse.
//
// Secrets are replaced by a call of Keys, not by a clock. Under traffic, what is
// stolen from memory opens no session older than two days; a process without
// new handshakes keeps its last secrets, and whoever was given keys keeps those,
// until the next call.
//
// The zero TicketKeys is ready to use, by any number of goroutines. It must
// not be copied after first use.
type TicketKeys struct {
	mu       sync.Mutex // guards what follows
	current  [32]byte
	previous [32]byte
	born     time.Time // of current; zero: there is none yet
	old      bool      // previous is one
}

// Keys returns the keys of scope for [tls.Config.SetSessionTicketKeys], the one
// for new tickets first. Call it again at next, when the secret is replaced.
func (t *TicketKeys) Keys(scope [32]byte, now time.Time) (keys [][32]byte, next time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.turn(now)
	keys = append(keys, derive(t.current, scope))
	if t.old {
		keys = append(keys, derive(t.previous, scope))
	}
	return keys, t.born.Add(ticketDay)
}

// turn replaces the secret when its day is over.
func (t *TicketKeys) turn(now time.Time) {
	if !t.born.IsZero() && now.Before(t.born.Add(ticketDay)) {
		return
	}
	t.old = !t.born.IsZero() && now.Before(t.born.Add(2*ticketDay))
	t.previous = t.current
	if !t.old {
		t.previous = [32]byte{}
	}
	rand.Read(t.current[:]) // never fails: crypto/rand ends the program instead
	t.born = now
}

// derive is HKDF with SHA-256 (RFC 5869), the scope in the info.
func derive(secret, scope [32]byte) (key [32]byte) {
	out, err := hkdf.Key(sha256.New, secret[:], nil, "sidegate session ticket "+string(scope[:]), len(key))
	if err != nil {
		// Not possible with these lengths. A random key reads no ticket, where
		// a zero one would let anybody make them.
		rand.Read(key[:])
		return key
	}
	return [32]byte(out)
}
