package proxy

import (
	"crypto/x509"
	"errors"
	"net/netip"
	"sync"
	"time"

	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/policy"
)

// A verdict is what one generation says of one connection's client. It is
// immutable; a connection makes a new one when the generation changes or the
// verified chain expires.
type verdict struct {
	gen      *generation
	verified certs.Verified // empty if the certificate is not trusted (any more)
	client   *policy.Client
	grant    policy.Grant
	set      []headerValue // the identity headers, but for the rule
	lines    []byte        // the same as field lines

	refusal *certs.Refusal // the certificate is not trusted (any more): 401
	unnamed error          // its Subject or Issuer is ambiguous: 403
}

// newVerdict judges the client that presented the certificates. err is the
// outcome of their verification.
func newVerdict(g *generation, presented []*x509.Certificate, v certs.Verified, err error) *verdict {
	out := &verdict{gen: g, verified: v}
	if err != nil {
		out.refusal = refusalOf(err)
		return out
	}
	return g.known.verdict(v, func() *verdict {
		out.client, out.unnamed = policy.ClientOf(presented[0])
		if out.unnamed != nil {
			return out
		}
		out.grant = g.policy.For(out.client)
		out.set = g.identity(out.client, v)
		out.lines = lines(out.set)
		return out
	})
}

// knownClients is how many clients' verdicts a generation remembers.
const knownClients = 256

// known are the verdicts of one generation on clients whose certificate was
// verified. A client's connections share one: it is made once, and kept once.
type known struct {
	mu       sync.Mutex
	verdicts map[*x509.Certificate]*verdict // by the leaf, which the Bundle remembers as well
}

// verdict returns the verdict on a client, or what judge says.
func (k *known) verdict(client certs.Verified, judge func() *verdict) *verdict {
	leaf := client.Chains[0][0]
	k.mu.Lock()
	defer k.mu.Unlock()
	if v := k.verdicts[leaf]; v != nil && v.verified.Until.Equal(client.Until) {
		return v
	}
	if k.verdicts == nil || len(k.verdicts) >= knownClients {
		k.verdicts = make(map[*x509.Certificate]*verdict)
	}
	v := judge()
	k.verdicts[leaf] = v
	return v
}

// refusalOf returns err as a Refusal. Verification returns nothing else; if it
// ever did, the client is still refused.
func refusalOf(err error) *certs.Refusal {
	if r, ok := errors.AsType[*certs.Refusal](err); ok {
		return r
	}
	return &certs.Refusal{Reason: string(reasonUnverified), Detail: err.Error(), Err: err}
}

// holds reports whether the client is still trusted as when v was made, for all that
// g and the time say.
func (v *verdict) holds(g *generation, now time.Time) bool {
	return v.refusal == nil && v.gen.bundle == g.bundle && now.Before(v.verified.Until)
}

// current returns the connection's verdict under the generation in use: another one
// when that has changed. The certificate is verified again, once, when the trust has
// changed or the chain that was verified has expired: trust is withdrawn from open
// connections too.
func (c *conn) current(now time.Time) *verdict {
	g, v := c.in.cur.Load(), c.verdict.Load()
	if v.gen == g && (v.refusal != nil || v.holds(g, now)) {
		return v
	}
	presented := c.tls.ConnectionState().PeerCertificates
	verified, err := v.verified, error(nil)
	if !v.holds(g, now) {
		verified, err = g.bundle.Verify(presented, now)
	}
	v = newVerdict(g, presented, verified, err)
	c.verdict.Store(v) // two requests of one HTTP/2 connection may both do it: the same verdict
	return v
}

// clientIP returns the address of the client without its port.
func (c *conn) clientIP() string {
	addr, err := netip.ParseAddrPort(c.RemoteAddr().String())
	if err != nil {
		return "unknown" // RFC 7239 §6.2; by the PROXY protocol it may be the path of a socket
	}
	return addr.Addr().WithZone("").Unmap().String()
}
