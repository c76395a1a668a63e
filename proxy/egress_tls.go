package proxy

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/policy"
	"github.com/sidegate/sidegate/proxy/subject"
)

// tlsConfig returns the configuration of connections to the partner. Sessions are
// not resumed: nothing that was verified under an older trust lets a server in.
func (g *egressGeneration) tlsConfig() *tls.Config {
	return &tls.Config{
		MinVersion:           max(g.settings.MinTLSVersion, tls.VersionTLS12),
		ServerName:           g.settings.serverName(),
		Time:                 g.e.now,
		GetClientCertificate: g.present,

		// What crypto/tls would verify, and more, is verified in VerifyConnection,
		// which it calls in every handshake: in one place, and with words for it.
		InsecureSkipVerify: true, //nolint:gosec // see above
		VerifyConnection: func(cs tls.ConnectionState) error {
			if refusal := g.verify(cs.PeerCertificates); refusal != nil {
				return refusal
			}
			return nil
		},
		Renegotiation: tls.RenegotiateNever,
	}
}

// present returns our certificate, whichever CAs the server says that it prefers:
// many name theirs incompletely, and without a certificate nothing is served anyway.
func (g *egressGeneration) present(asking *tls.CertificateRequestInfo) (*tls.Certificate, error) {
	if x, ok := asking.Context().Value(outgoingKey{}).(*outgoing); ok {
		x.partner.setAsked(true)
	}
	return g.bundle.Certificate, nil
}

// verify decides whether a server is the partner's. All that it asks must hold:
//
//  1. a CA of the Bundle vouches for the certificate, today, and for a server
//  2. it is for the server's name
//  3. its full Subject is one of those configured, if any are
//  4. its key is one of those configured, if any are
func (g *egressGeneration) verify(presented []*x509.Certificate) *serverRefusal {
	v, err := g.bundle.Verify(presented, g.e.now())
	if err != nil {
		return refusalOfServer(err)
	}
	leaf := presented[0]
	if err := leaf.VerifyHostname(g.settings.serverName()); err != nil {
		return &serverRefusal{reasonServerName, leaf, "is not for the name " + g.settings.serverName() + ": " + namesOf(leaf)}
	}
	if refusal := checkServerSubject(leaf, g.settings.ServerSubject); refusal != nil {
		return refusal
	}
	if refusal := checkServerKey(leaf, g.settings.ServerSPKISHA256); refusal != nil {
		return refusal
	}
	g.lasts(v.Until)
	return nil
}

// A serverRefusal says why a server's certificate is not good.
type serverRefusal struct {
	reason reason
	leaf   *x509.Certificate // what was presented; nil if nothing was
	detail string            // what is wrong with it
}

// Error implements error.
func (r *serverRefusal) Error() string { return r.detail }

// serverReasons are the words of package certs, about a server.
var serverReasons = map[string]reason{
	certs.ReasonTooLarge:        reasonServerTooLarge,
	certs.ReasonUnknownCA:       reasonServerUnknownCA,
	certs.ReasonExpired:         reasonServerExpired,
	certs.ReasonNotYetValid:     reasonServerNotYetValid,
	certs.ReasonWrongUsage:      reasonServerWrongUsage,
	certs.ReasonNameConstraints: reasonServerNameConstraints,
	certs.ReasonWeakSignature:   reasonServerWeakSignature,
	certs.ReasonNotACA:          reasonServerNotACA,
	certs.ReasonBadChain:        reasonServerBadChain,
}

// refusalOfServer returns what [certs.Bundle.Verify] says. It returns nothing but
// Refusals; if it ever did, the server is still refused.
func refusalOfServer(err error) *serverRefusal {
	r, ok := errors.AsType[*certs.Refusal](err)
	if !ok {
		return &serverRefusal{reason: reasonServerBadChain, detail: err.Error()}
	}
	word, ok := serverReasons[r.Reason]
	if !ok {
		word = reasonServerBadChain
	}
	return &serverRefusal{word, r.Leaf, "is not trusted: " + r.Detail}
}

func checkServerSubject(leaf *x509.Certificate, wanted []subject.Name) *serverRefusal {
	if len(wanted) == 0 {
		return nil
	}
	name, err := subject.FromDER(leaf.RawSubject)
	switch {
	case err != nil:
		return &serverRefusal{reasonServerSubject, leaf, "has a Subject that can be read in more than one way: " + err.Error()}
	case name.IsZero():
		return &serverRefusal{reasonServerSubject, leaf, "has an empty Subject, which is not in serverSubject"}
	case slices.Contains(wanted, name):
		return nil
	}
	detail := "has a Subject that is not in serverSubject"
	if d := policy.Difference(name, wanted, "serverSubject"); d != "" {
		detail += ": " + d
	}
	return &serverRefusal{reasonServerSubject, leaf, detail}
}

func checkServerKey(leaf *x509.Certificate, wanted [][32]byte) *serverRefusal {
	key := sha256.Sum256(leaf.RawSubjectPublicKeyInfo)
	if len(wanted) == 0 || slices.Contains(wanted, key) {
		return nil
	}
	return &serverRefusal{reasonServerSPKI, leaf, "has another key than those of serverSPKISHA256: " + hex.EncodeToString(key[:])}
}

// namesOf says what a certificate is for. There may be a hundred names in it.
func namesOf(leaf *x509.Certificate) string {
	var names []string
	for _, n := range leaf.DNSNames {
		names = append(names, quote(n))
	}
	for _, ip := range leaf.IPAddresses {
		names = append(names, ip.String())
	}
	const shown = 5
	switch {
	case len(names) == 0:
		return "it has no DNS name or IP address among its subject alternative names, and the CN is not looked at (RFC 9525)"
	case len(names) > shown:
		return fmt.Sprintf("it is for %s and %d more", strings.Join(names[:shown], ", "), len(names)-shown)
	}
	return "it is for " + strings.Join(names, ", ")
}
