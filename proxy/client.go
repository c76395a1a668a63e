package proxy

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/policy"
	"github.com/sidegate/sidegate/proxy/subject"
)

// A verdict is what one generation says of one connection's client. It is
// immutable; a connection makes a new one when the generation changes or the
// verified chain expires.
type verdict struct {
	gen    *generation
	until  time.Time // when the verified chain expires
	client *policy.Client
	grant  policy.Grant
	set    []headerValue // the identity headers, but for the rule
	lines  []byte        // the same as field lines

	refusal *certs.Refusal // the certificate is not trusted (any more): 401
	unnamed error          // its Subject or Issuer is ambiguous: 403
}

// newVerdict judges the client that presented the certificates. err is the
// outcome of their verification.
func newVerdict(g *generation, presented []*x509.Certificate, v certs.Verified, err error) *verdict {
	out := &verdict{gen: g, until: v.Until}
	if err != nil {
		out.refusal = refusalOf(err)
		return out
	}
	return g.known.verdict(v, func() *verdict {
		out.client, out.unnamed = clientOf(presented[0])
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
	if v := k.verdicts[leaf]; v != nil && v.until.Equal(client.Until) {
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

// current returns the connection's verdict under the generation in use. The
// certificate is verified again, once, when the generation changed or the chain
// that was verified has expired: trust is withdrawn from open connections too.
func (c *conn) current(now time.Time) *verdict {
	g, v := c.in.cur.Load(), c.verdict.Load()
	if v.gen == g && (now.Before(v.until) || v.refusal != nil) {
		return v
	}
	presented := c.tls.ConnectionState().PeerCertificates
	verified, err := g.bundle.Verify(presented, now)
	v = newVerdict(g, presented, verified, err)
	c.verdict.Store(v) // two requests of one HTTP/2 connection may both do it: the same verdict
	return v
}

// clientOf reads what policy needs from a certificate. The error says that its
// Subject or Issuer cannot be told from another's.
func clientOf(cert *x509.Certificate) (*policy.Client, error) {
	sub, err := subject.FromDER(cert.RawSubject)
	c := &policy.Client{
		Subject:     sub,
		Serial:      serialOf(cert),
		Fingerprint: sha256.Sum256(cert.Raw),
		SPKI:        sha256.Sum256(cert.RawSubjectPublicKeyInfo),
		DNSNames:    cert.DNSNames,
		URIs:        urisOf(cert),
		Emails:      cert.EmailAddresses,
	}
	for _, ip := range cert.IPAddresses {
		if a, ok := netip.AddrFromSlice(ip); ok {
			c.IPs = append(c.IPs, a.Unmap())
		}
	}
	// A certificate may have no Subject and speak by its SANs only, as SPIFFE's
	// do. No rule about Subjects matches it and no X-Client-Subject is set.
	if a, ok := errors.AsType[*subject.AmbiguousError](err); ok && a.Reason == subject.Empty {
		err = nil
	}
	if err != nil {
		return c, err
	}
	if c.Issuer, err = subject.FromDER(cert.RawIssuer); err != nil {
		return c, err
	}
	if n := len(c.Subject.String()) + len(c.Issuer.String()); n > maxNames {
		return c, fmt.Errorf("the Subject and the Issuer have %d bytes, more than the %d that applications can be expected to take in headers", n, maxNames)
	}
	return c, nil
}

// maxNames bounds what a certificate can put into headers and the log, in bytes
// of the canonical form. Real names have 50 to 300.
const maxNames = 4096

// clientIP returns the address of the client without its port.
func (c *conn) clientIP() string {
	addr, err := netip.ParseAddrPort(c.RemoteAddr().String())
	if err != nil {
		return "unknown" // RFC 7239 §6.2; by the PROXY protocol it may be the path of a socket
	}
	return addr.Addr().WithZone("").Unmap().String()
}

// serialOf returns the serial number in lower-case hex, an even number of
// digits, as OpenSSL prints it but for the case.
func serialOf(cert *x509.Certificate) string {
	if cert.SerialNumber == nil {
		return ""
	}
	s := cert.SerialNumber.Text(16)
	if len(s)%2 == 1 {
		s = "0" + s
	}
	return s
}

var oidSubjectAltName = asn1.ObjectIdentifier{2, 5, 29, 17}

// tagURI is that of uniformResourceIdentifier in a GeneralName (RFC 5280 §4.2.1.6).
const tagURI = 6

// urisOf returns the URIs among the subject alternative names byte for byte.
// What [x509.Certificate] has was parsed, and is another text once written
// again: "spiffe://a/b#" would become "spiffe://a/b".
func urisOf(cert *x509.Certificate) (uris []string) {
	for _, ext := range cert.Extensions {
		if !ext.Id.Equal(oidSubjectAltName) {
			continue
		}
		var names, name asn1.RawValue
		if _, err := asn1.Unmarshal(ext.Value, &names); err != nil {
			return nil
		}
		for rest := names.Bytes; len(rest) > 0; {
			var err error
			if rest, err = asn1.Unmarshal(rest, &name); err != nil {
				return nil
			}
			if name.Class == asn1.ClassContextSpecific && name.Tag == tagURI {
				uris = append(uris, string(name.Bytes))
			}
		}
	}
	return uris
}
