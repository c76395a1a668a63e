package proxy

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"sync"
	"time"

	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/http1"
	"github.com/sidegate/sidegate/proxy/policy"
)

// A generation is everything that a verdict on a client, and the way of its
// requests, depends on. Connections compare generations by pointer.
type generation struct {
	bundle   *certs.Bundle
	settings *Settings
	limits   Limits
	wire     http1.Limits
	policy   *policy.Policy
	strip    *stripper
	upstream *upstream

	ruleHeaders []string
	known       known

	http2   *http.HTTP2Config
	tls     *tls.Config
	tickets ticketing
}

// newGeneration builds the successor of old, which may be nil. The upstream's
// connections outlive the change if it leads to the same place.
func newGeneration(b *certs.Bundle, s *Settings, old *generation) *generation {
	g := &generation{
		bundle:   b,
		settings: s,
		limits:   s.Limits.withDefaults(),
		policy:   s.Policy,
		strip:    newStripper(s.Headers, s.Policy.BindsRequest()),

		ruleHeaders: ruleHeaders(s.Headers),
	}
	if g.policy == nil {
		g.policy = &policy.Policy{}
	}
	g.wire = g.limits.wire()
	g.http2 = &http.HTTP2Config{MaxConcurrentStreams: g.limits.MaxStreams, SendPingTimeout: 30 * time.Second}
	if old != nil && old.upstream.serves(s) {
		g.upstream = old.upstream
	} else {
		g.upstream = newUpstream(s)
	}
	g.tls = g.tlsConfig()
	return g
}

// tlsConfig returns the configuration of new connections. Verification is our
// own, in VerifyConnection, which accept.go adds for each connection: unlike
// VerifyPeerCertificate it runs on resumed connections as well.
func (g *generation) tlsConfig() *tls.Config {
	c := &tls.Config{
		MinVersion: max(g.settings.MinTLSVersion, tls.VersionTLS12),
		NextProtos: []string{"http/1.1"},
		ClientAuth: tls.RequireAnyClientCert,

		// Records begin large: small ones help browsers far away to begin sooner.
		DynamicRecordSizingDisabled: true,
	}
	if g.settings.HTTP2 {
		c.NextProtos = []string{"h2", "http/1.1"}
	}
	if g.bundle.Certificate != nil {
		c.Certificates = []tls.Certificate{*g.bundle.Certificate}
	}
	if g.settings.CAHints {
		c.ClientCAs = x509.NewCertPool()
		for _, a := range g.bundle.Anchors {
			c.ClientCAs.AddCert(a)
		}
	}
	return c
}

// scope is the hash of all that a verdict on a client depends on. A session
// ticket is good in its scope only: a new server certificate keeps resumption,
// a change of trust or policy ends it with a clean full handshake.
func (g *generation) scope() [32]byte {
	h := sha256.New()
	h.Write(g.bundle.Trust[:])
	d := g.policy.Digest()
	h.Write(d[:])
	return [32]byte(h.Sum(nil))
}

// ticketing remembers until when a generation's session ticket keys are good.
type ticketing struct {
	mu   sync.Mutex
	next time.Time
}

// config returns the TLS configuration at the time now, with the ticket keys of
// the day.
func (g *generation) config(keys *certs.TicketKeys, now time.Time) *tls.Config {
	g.tickets.mu.Lock()
	defer g.tickets.mu.Unlock()
	if !now.Before(g.tickets.next) {
		var k [][32]byte
		k, g.tickets.next = keys.Keys(g.scope(), now)
		g.tls.SetSessionTicketKeys(k)
	}
	return g.tls
}
