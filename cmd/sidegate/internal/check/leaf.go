package check

import (
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/subject"
)

// holder judges the leaf of u, and what is on its path, for as far as it can be
// told without knowing whom the peer trusts.
func (r *Report) holder(u *unit, hosts []string) {
	for i, p := range u.path {
		r.dates(u, p, i)
		r.strength(u, p)
		r.signature(u, p)
		r.critical(u, p)
	}
	r.usages(u)
	r.names(u, hosts)
	r.ambiguous(u)
}

// dates says when p ends, if that is past or near; depth is 0 for the leaf.
func (r *Report) dates(u *unit, p placed, depth int) {
	what, fix := "the certificate", "renew it"
	if depth == 0 {
		fix += ": sidegate csr --renew " + p.file.operand("CERT") + " --key FILE makes the request"
	} else {
		what, fix = "the CA certificate above it", "get the present one from the issuer"
	}
	stamp := func(t time.Time) string { return t.UTC().Format(time.RFC3339) }
	switch {
	case r.Now.After(p.cert.NotAfter):
		r.add(u.finding(certs.CodeExpired, Error, p, fmt.Sprintf("%s expired on %s, %s", what, stamp(p.cert.NotAfter), ago(r.Now.Sub(p.cert.NotAfter))), fix))
	case r.Now.Before(p.cert.NotBefore):
		r.add(u.finding(certs.CodeNotYetValid, Error, p, fmt.Sprintf("%s is not valid before %s", what, stamp(p.cert.NotBefore)), "wait; if that date is past, look at the clock of this machine"))
	case r.soon(p.cert):
		r.add(u.finding(wordExpiresSoon, Warning, p, fmt.Sprintf("%s expires on %s, in %s", what, stamp(p.cert.NotAfter), plural(daysLeft(p.cert, r.Now), "day")), fix))
	}
}

func ago(d time.Duration) string {
	if days := int(d.Hours() / 24); days > 0 {
		return plural(days, "day") + " ago"
	}
	return "less than a day ago"
}

// signature says that p is signed with a hash that is broken. The signature of a
// root proves nothing, so it does not count.
func (r *Report) signature(u *unit, p placed) {
	broken := []x509.SignatureAlgorithm{x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1}
	if !slices.Contains(broken, p.cert.SignatureAlgorithm) || selfIssued(p.cert) {
		return
	}
	f := u.finding(certs.ReasonWeakSignature, Error, p, fmt.Sprintf("is signed with %v: Go refuses it always, OpenSSL 3 from security level 1 on, older releases accept it", p.cert.SignatureAlgorithm), "ask the issuer for one that is signed with SHA-256")
	f.PeersSay = []Saying{{"Go", "x509: " + strings.TrimPrefix(x509.InsecureAlgorithmError(p.cert.SignatureAlgorithm).Error(), "x509: ")}}
	r.add(f)
}

// critical says that p has a critical extension that Go cannot judge. OpenSSL
// knows some more, such as name constraints on directory names.
func (r *Report) critical(u *unit, p placed) {
	var oids []string
	for _, oid := range p.cert.UnhandledCriticalExtensions {
		oids = append(oids, oid.String())
	}
	if len(oids) > 0 {
		r.add(u.finding(wordCriticalExtension, Error, p, fmt.Sprintf("has a critical extension that Go does not know (%s), so that Go must refuse it (RFC 5280 §4.2); OpenSSL knows some that Go does not", strings.Join(oids, ", ")),
			"ask the issuer for a certificate without it"))
	}
}

// usages says for what the certificates are good, of what they are used for.
func (r *Report) usages(u *unit) {
	leaf, wanted := u.leaf.cert, u.usage()
	name := usageNames[wanted]
	for i, p := range u.path {
		if u.tried || allows(p.cert, wanted) {
			continue
		}
		problem := fmt.Sprintf("is for %s, and not for %s", strings.Join(usagesOf(p.cert), " and "), name)
		if i > 0 {
			problem = fmt.Sprintf("is a CA limited to %s: extended key usages nest, so nothing below it is good for %s, whatever it says itself", strings.Join(usagesOf(p.cert), " and "), name)
		}
		severity := Error
		if u.role == roleClient && allows(p.cert, x509.ExtKeyUsageServerAuth) {
			severity = Warning // a partner may have decided to let servers' certificates in
		}
		r.add(u.finding(certs.ReasonWrongUsage, severity, p, problem, usageFix(u.role)))
		break
	}
	if explicit := slices.Contains(leaf.ExtKeyUsage, wanted); !explicit && slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageAny) {
		r.add(u.finding(wordAnyUsage, Warning, u.leaf, fmt.Sprintf("has anyExtendedKeyUsage in place of %s: Go accepts that, OpenSSL does not", name), "ask the issuer for "+name))
	}
	r.keyUsage(u)
	r.public(u)
}

func usageFix(role string) string {
	if role == roleClient {
		return "get a certificate for clientAuth; a partner who runs Sidegate can accept this one with clientCertificateUsage: clientOrServer"
	}
	return "get a certificate for serverAuth"
}

// keyUsage says that the leaf's key may not sign, which OpenSSL wants of clients,
// and TLS 1.3 of everybody. Go does not look.
func (r *Report) keyUsage(u *unit) {
	usage := u.leaf.cert.KeyUsage
	if usage == 0 || usage&x509.KeyUsageDigitalSignature != 0 {
		return
	}
	accepted := x509.KeyUsageKeyAgreement
	if u.role == roleServer {
		accepted |= x509.KeyUsageKeyEncipherment
	}
	problem := "its keyUsage lacks digitalSignature: Go does not look at it, OpenSSL refuses it"
	if usage&accepted != 0 {
		problem = "its keyUsage lacks digitalSignature, which every handshake of TLS 1.3 needs: Go and OpenSSL let it pass, stricter peers refuse it"
	}
	f := u.finding(wordLeafKeyUsage, Warning, u.leaf, problem, "ask the issuer for digitalSignature in the keyUsage")
	if usage&accepted != 0 {
		f.PeersSay = nil
	}
	r.add(f)
}

// public says what becomes of clientAuth in certificates of public CAs.
func (r *Report) public(u *unit) {
	leaf := u.leaf.cert
	client := allows(leaf, x509.ExtKeyUsageClientAuth)
	switch {
	case isPublic(leaf) && client:
		r.add(u.finding(wordPublicClientAuth, Note, u.leaf, "is a public certificate with clientAuth: those that are issued from 2027-03-15 on must be without it (Chrome Root Program), and many CAs leave it out already",
			"before it is renewed, ask partners whom it is presented to for clientCertificateUsage: clientOrServer, or change to a private CA"))
	case u.role == roleServer && !client:
		r.add(u.finding(wordServerOnly, Note, u.leaf, "is for serverAuth alone: presented as a client's, it is refused by all who ask for clientAuth",
			"to call a partner with it, the partner needs clientCertificateUsage: clientOrServer"))
	}
}

// names compares the names of a server with the hosts that it is called by, as
// Go does: by the subject alternative names alone (RFC 9525 §2).
func (r *Report) names(u *unit, hosts []string) {
	if u.role != roleServer {
		return
	}
	leaf := u.leaf.cert
	for _, host := range hosts {
		err := leaf.VerifyHostname(host)
		if err == nil {
			continue
		}
		f := u.finding(wordNameMismatch, Error, u.leaf, fmt.Sprintf("the certificate is not for %q; its names are %s", host, listed(namesIn(leaf))),
			fmt.Sprintf("request a certificate with that name: sidegate csr --renew %s --dns %s --key FILE", u.leaf.file.operand("CERT"), quoted(host)))
		if strings.EqualFold(leaf.Subject.CommonName, host) && len(leaf.DNSNames)+len(leaf.IPAddresses) == 0 {
			f.Word = wordCNOnly
			f.Problem = fmt.Sprintf("only the Common Name is %q, and no subject alternative name: Go and browsers refuse it (RFC 9525 §2), OpenSSL and curl accept it", host)
		}
		f.PeersSay = []Saying{{"Go", err.Error()}}
		r.add(f)
	}
	if len(hosts) == 0 && len(leaf.DNSNames)+len(leaf.IPAddresses) == 0 {
		f := u.finding(wordCNOnly, Warning, u.leaf, "has no DNS name or IP address among its subject alternative names: Go and browsers accept it for no host at all (RFC 9525 §2), OpenSSL and curl go by the Common Name",
			"request a certificate with the name as a subject alternative name: sidegate csr --dns NAME")
		r.add(f)
	}
}

func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	text := strings.Join(names[:min(len(names), shownNames)], ", ")
	if more := len(names) - shownNames; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// ambiguous says that a partner with Sidegate would refuse the Subject.
func (r *Report) ambiguous(u *unit) {
	_, err := subject.FromDER(u.leaf.cert.RawSubject)
	a, ok := errors.AsType[*subject.AmbiguousError](err)
	if err == nil || ok && a.Reason == subject.Empty || u.role != roleClient {
		return
	}
	r.add(u.finding(wordSubjectAmbiguous, Warning, u.leaf, "the Subject can be read in two ways, so Sidegate lets nobody in with it: "+err.Error(), "ask the issuer for another Subject"))
}

// quoted returns s as one word of a shell command.
func quoted(s string) string {
	plainWord := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:@%+,*", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plainWord(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
