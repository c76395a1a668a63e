package proxy

import (
	"fmt"
	"net/http"
	"net/http/httputil"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"

	"github.com/sidegate/sidegate/proxy/certs"
)

// An Egress takes plain requests of the application and sends them to a partner
// over mutual TLS. Give it a Bundle and settings with [Egress.Configure], then let
// it [Egress.Serve]; replace both at any time.
//
// The partner's responses are read by net/http, over HTTP/1.1 more leniently than the
// relay of an [Ingress] reads those of an application: Content-Length may stand beside
// Transfer-Encoding, a field may be folded or have a blank before its colon, and what
// follows a complete response may, rarely, be taken for the answer to the next request
// on that connection. Nobody but the partner, verified, can send these bytes; the
// connection is shared with no other partner, and what the application gets is written
// anew, with a framing of our own. So it can deceive with them only about what it may
// say anyway.
type Egress struct {
	name    string
	log     logr.Logger
	metrics *listenerMetrics
	now     func() time.Time

	patience time.Duration // partnerPatience

	cur     atomic.Pointer[egressGeneration]
	swap    sync.Mutex // held while cur is replaced
	server  *http.Server
	forward httputil.ReverseProxy

	open       atomic.Int64 // connections of the application
	forwarding atomic.Int64 // requests at the partner
	draining   atomic.Bool
	closings   pace // of the log lines about an application that went away
	overflow   pace // and of those about too many connections
	failures   recent[Failure]

	mu    sync.Mutex // guards conns
	conns map[*appConn]struct{}
}

// NewEgress returns an Egress that calls as b and s say. name is its label in logs
// and metrics. The Bundle is one for [certs.ServerAuth]: its certificate is ours,
// its anchors are those of the server.
func NewEgress(name string, b *certs.Bundle, s *EgressSettings, m *Metrics, log logr.Logger) (*Egress, error) {
	e := &Egress{name: name, log: log, metrics: m.of(name), now: time.Now, patience: partnerPatience, conns: make(map[*appConn]struct{})}
	e.server = newAppServer(e)
	e.forward = httputil.ReverseProxy{
		Rewrite:       rewriteOutgoing,
		Transport:     perOutgoing{},
		ErrorHandler:  outgoingFailed,
		FlushInterval: -1, // what the partner sends goes out as it comes
		BufferPool:    &bufferPool{},
		ErrorLog:      newErrorLog(name, log),
	}
	return e, e.Configure(b, s)
}

// Configure replaces Bundle and settings at once. Requests under way finish as they
// began; every request that begins afterwards goes over a connection that was made
// and verified with the new ones. On an error nothing changes.
//
// Connections that are not in use are closed at once, the others when the last
// request on them has ended. So a WebSocket or a long stream stays on the old
// certificate for as long as it lasts.
func (e *Egress) Configure(b *certs.Bundle, s *EgressSettings) error {
	return e.replace(func(*egressGeneration) (*certs.Bundle, *EgressSettings) { return b, s })
}

// SetBundle replaces the Bundle and keeps the settings.
func (e *Egress) SetBundle(b *certs.Bundle) error {
	return e.replace(func(g *egressGeneration) (*certs.Bundle, *EgressSettings) { return b, g.settings })
}

// SetSettings replaces the settings and keeps the Bundle.
func (e *Egress) SetSettings(s *EgressSettings) error {
	return e.replace(func(g *egressGeneration) (*certs.Bundle, *EgressSettings) { return g.bundle, s })
}

// replace swaps in the generation that next makes of the one in use, and retires
// that one.
func (e *Egress) replace(next func(*egressGeneration) (*certs.Bundle, *EgressSettings)) error {
	e.swap.Lock()
	defer e.swap.Unlock()
	old := e.cur.Load()
	b, s := next(old)
	if b == nil || b.Certificate == nil {
		return fmt.Errorf("egress %q: no client certificate", e.name)
	}
	if s == nil {
		return fmt.Errorf("egress %q: no settings", e.name)
	}
	if err := s.Check(); err != nil {
		return fmt.Errorf("egress %q: %w", e.name, err)
	}
	e.cur.Store(newEgressGeneration(e, b, s))
	if old != nil {
		old.retire()
	}
	return nil
}

// enter returns the generation for a request that begins now, to be left with
// release. A generation in which a certificate has expired is followed by one like
// it that has no connections yet, so that everything is verified again.
func (e *Egress) enter() *egressGeneration {
	for {
		g := e.cur.Load()
		held, over := g.hold(e.now())
		if held {
			return g
		}
		if over {
			e.renew(g)
		}
	}
}

// renew puts a fresh generation in the place of g, unless somebody else has.
func (e *Egress) renew(g *egressGeneration) {
	e.swap.Lock()
	defer e.swap.Unlock()
	if e.cur.Load() == g {
		e.cur.Store(newEgressGeneration(e, g.bundle, g.settings))
		g.retire()
	}
}

// Connections returns how many connections of the application are open now.
func (e *Egress) Connections() int { return int(e.open.Load()) }

// partnerPatience is how long a partner may take nothing of a request that is there
// to be taken, or say nothing more when the application has ended a WebSocket.
const partnerPatience = 30 * time.Second
