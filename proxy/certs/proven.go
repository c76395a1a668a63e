package certs

import (
	"crypto/sha256"
	"crypto/x509"
	"sync"
	"time"
)

// maxProven is how many clients a Bundle remembers.
const maxProven = 256

// A record of clients that were verified under one Bundle: who comes again with
// the same certificates, byte for byte, need not have their signatures checked
// again. What is remembered holds while every certificate of every chain, and every
// revocation list that it stands on, is within its time; then the client is verified anew. Only who was verified is
// remembered, so a stranger gets nothing into it.
type proven struct {
	mu      sync.Mutex
	clients map[[sha256.Size]byte]provenClient
}

type provenClient struct {
	verified Verified
	from, to time.Time
}

// sumOf returns the digest of the certificates in their order. Each is DER and
// says itself where it ends.
func sumOf(presented []*x509.Certificate) [sha256.Size]byte {
	h := sha256.New()
	for _, c := range presented {
		h.Write(c.Raw)
	}
	return [sha256.Size]byte(h.Sum(nil))
}

func (p *proven) at(sum [sha256.Size]byte, now time.Time) (Verified, bool) {
	if p == nil {
		return Verified{}, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	c, ok := p.clients[sum]
	return c.verified, ok && !now.Before(c.from) && !now.After(c.to)
}

// add remembers v until the first of its chains ends, and no longer than to.
func (p *proven) add(sum [sha256.Size]byte, v Verified, to time.Time) {
	if p == nil {
		return
	}
	c := provenClient{verified: v, to: to}
	for _, chain := range v.Chains {
		for _, cert := range chain {
			if cert.NotBefore.After(c.from) {
				c.from = cert.NotBefore
			}
			if cert.NotAfter.Before(c.to) {
				c.to = cert.NotAfter
			}
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.clients == nil || len(p.clients) >= maxProven {
		p.clients = make(map[[sha256.Size]byte]provenClient)
	}
	p.clients[sum] = c
}
