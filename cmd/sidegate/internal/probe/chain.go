package probe

import (
	"bytes"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/sidegate/sidegate/proxy/certs"
)

// The roles of a [Cert] that are odd.
const (
	roleDuplicate = "duplicate"
	roleRoot      = "root"
	roleStranger  = "not-in-chain"
)

// judge tells all about the certificates of the server, and reports whether it
// is the one that was meant.
func (r *run) judge() bool {
	if len(r.sent) == 0 {
		return false
	}
	r.Sent = len(r.sent)
	now := r.now()
	for _, c := range r.sent[:min(len(r.sent), maxChain)] {
		sum := sha256.Sum256(c.Raw)
		r.Chain = append(r.Chain, Cert{
			Subject: subjectOf(c), Issuer: issuerOf(c), Names: namesOf(c),
			NotBefore: c.NotBefore.UTC(), NotAfter: c.NotAfter.UTC(), DaysLeft: daysLeft(c.NotAfter, now),
			Key: keyOf(c), Signature: c.SignatureAlgorithm.String(), SHA256: hex.EncodeToString(sum[:]),
		})
	}
	r.order()
	good := r.verify(now)
	r.HostFits = r.sent[0].VerifyHostname(r.serverName()) == nil
	if !r.HostFits {
		r.misnamed()
	}
	if good {
		r.oddities()
	}
	return good && r.HostFits
}

// order looks for what is sent twice, needlessly, or out of order (RFC 5246
// §7.4.2 wants each certificate to certify the one before; RFC 8446 §4.4.2 says
// that it should).
func (r *run) order() {
	var useful []*x509.Certificate
	duplicates, roots, strangers := 0, 0, 0
	climbed := climb(r.sent[0], r.sent[1:])
	for i, c := range r.sent[:len(r.Chain)] {
		role := ""
		switch {
		case slices.ContainsFunc(r.sent[:i], c.Equal):
			role, duplicates = roleDuplicate, duplicates+1
		case i > 0 && !slices.ContainsFunc(climbed, c.Equal):
			role, strangers = roleStranger, strangers+1
		case i > 0 && selfIssued(c):
			role, roots = roleRoot, roots+1
		}
		r.Chain[i].Role = role
		if role == "" {
			useful = append(useful, c)
		}
	}
	for i, c := range useful[1:] {
		if !bytes.Equal(useful[i].RawIssuer, c.RawSubject) {
			r.find(Warning, "chain-order", fmt.Sprintf("the certificates are sent out of order: %s follows %s, which was issued by %s", subjectOf(c), subjectOf(useful[i]), issuerOf(useful[i])),
				"order the server's bundle: its own certificate, then each issuer after what it issued; some clients take no other order")
			break
		}
	}
	for _, odd := range []struct {
		n          int
		word, what string
	}{
		{duplicates, "duplicate", "sent more than once"},
		{strangers, "not-in-chain", "sent that issued none of the others"},
		{roots, "root-sent", "sent that is a root, which helps nobody: who does not have it already does not trust it"},
	} {
		if odd.n > 0 {
			r.find(Note, odd.word, count(odd.n, "certificate")+" "+odd.what, "leave it out of the server's bundle; each handshake is smaller without")
		}
	}
}

// climb returns the way from a leaf upwards by names alone: the leaf, its issuer
// in list, and so on. Of several with one name the first counts whose key
// identifier fits.
func climb(leaf *x509.Certificate, list []*x509.Certificate) []*x509.Certificate {
	way := []*x509.Certificate{leaf}
	for len(way) <= maxChain {
		top := way[len(way)-1]
		var next *x509.Certificate
		for _, c := range list {
			if !bytes.Equal(top.RawIssuer, c.RawSubject) || slices.ContainsFunc(way, c.Equal) {
				continue
			}
			if next == nil || bytes.Equal(c.SubjectKeyId, top.AuthorityKeyId) && !bytes.Equal(next.SubjectKeyId, top.AuthorityKeyId) {
				next = c
			}
		}
		if next == nil {
			break
		}
		way = append(way, next)
	}
	return way
}

func selfIssued(c *x509.Certificate) bool { return bytes.Equal(c.RawSubject, c.RawIssuer) }

// misnamed says that the certificate is for others.
func (r *run) misnamed() {
	leaf, host := r.sent[0], r.serverName()
	names := namesOf(leaf)
	byCN := (&x509.Certificate{DNSNames: []string{leaf.Subject.CommonName}}).VerifyHostname(host) == nil
	problem := fmt.Sprintf("certificate name mismatch: the certificate is for %s, and not for %s", few(names, 5, ", "), host)
	fix := "call the server by a name of its certificate, give that with --server-name, or have a certificate issued with this name among its subjectAltNames"
	switch {
	case byCN:
		problem = fmt.Sprintf("certificate name mismatch: %s is only the common name (CN) of the certificate and not among its subjectAltNames; Go and browsers refuse it (RFC 9525), OpenSSL and curl may take it", host)
		fix = "have the certificate issued again with this name among its subjectAltNames"
	case len(names) == 0:
		problem = fmt.Sprintf("certificate name mismatch: the certificate has no subjectAltName at all, so it is for nobody, and not for %s", host)
		fix = "have the certificate issued again with this name among its subjectAltNames"
	}
	r.find(Error, "name-mismatch", problem, fix)
}

// oddities tells what is odd about a certificate that is good.
func (r *run) oddities() {
	for _, c := range r.sent[:1] {
		if key, ok := c.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() < 2048 {
			r.find(Warning, "weak-key", fmt.Sprintf("the server's key is RSA %d; below 2048 bits it can be broken", key.N.BitLen()), "have a certificate issued for an ECDSA P-256 or RSA 2048 key")
		}
	}
	for _, c := range r.sent {
		if _, _, near := certs.ExpiryStep(c, r.now()); near && slices.Contains(climb(r.sent[0], r.sent[1:]), c) {
			r.find(Note, "ends-soon", fmt.Sprintf("%s ends on %s, in %s", subjectOf(c), date(c.NotAfter), count(daysLeft(c.NotAfter, r.now()), "day")), "see that it is renewed before")
		}
	}
}

// usages names the extended key usages of c.
func usages(c *x509.Certificate) string {
	known := map[x509.ExtKeyUsage]string{
		x509.ExtKeyUsageAny: "anyExtendedKeyUsage", x509.ExtKeyUsageServerAuth: "serverAuth", x509.ExtKeyUsageClientAuth: "clientAuth",
		x509.ExtKeyUsageCodeSigning: "codeSigning", x509.ExtKeyUsageEmailProtection: "emailProtection", x509.ExtKeyUsageTimeStamping: "timeStamping",
		x509.ExtKeyUsageOCSPSigning: "OCSPSigning",
	}
	var names []string
	for _, u := range c.ExtKeyUsage {
		name, ok := known[u]
		if !ok {
			name = fmt.Sprintf("extended key usage %d", int(u))
		}
		names = append(names, name)
	}
	for _, oid := range c.UnknownExtKeyUsage {
		names = append(names, oid.String())
	}
	return shown(strings.Join(names, " and "), maxShown)
}
