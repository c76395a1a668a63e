package probe

import (
	"crypto/tls"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"time"
)

// An offer is how the server asked for our certificate.
type offer struct {
	asked    bool
	hints    []string
	withheld bool // Go would present none by default, as the hints do not name its issuer
	unfit    error
	holder   string // the Subject of what was presented
	issuer   string
}

func (o *offer) presented() bool { return o.holder != "" }

// report returns o as far as it is known after the handshake.
func (o *offer) report() *ClientAuth {
	c := &ClientAuth{Asked: o.asked, Hints: append([]string{}, o.hints...), Presented: o.holder, Issuer: o.issuer, Verdict: VerdictUnknown}
	switch {
	case !o.asked:
		c.Verdict = VerdictNotAsked
	case !o.presented():
		c.Verdict = VerdictNone
	}
	return c
}

// present answers the server's request for a certificate. Ours is presented
// whatever the server says about CAs: crypto/tls would withhold one whose issuer
// is not named, and the server would then complain that there was none.
func (r *run) present(info *tls.CertificateRequestInfo) (*tls.Certificate, error) {
	r.ours.asked = true
	for _, der := range info.AcceptableCAs[:min(len(info.AcceptableCAs), maxHints)] {
		r.ours.hints = append(r.ours.hints, hint(der))
	}
	ours := r.bundle.Certificate
	if ours == nil {
		return &tls.Certificate{}, nil
	}
	r.ours.holder, r.ours.issuer = subjectOf(ours.Leaf), issuerOf(ours.Leaf)
	anyCA := *info
	anyCA.AcceptableCAs = nil
	r.ours.unfit = anyCA.SupportsCertificate(ours)
	r.ours.withheld = r.ours.unfit == nil && info.SupportsCertificate(ours) != nil
	return ours, nil
}

// hint is a name in the list of CAs that a server takes.
func hint(der []byte) string {
	var rdns pkix.RDNSequence
	var name pkix.Name
	if _, err := asn1.Unmarshal(der, &rdns); err == nil {
		name.FillFromRDNSequence(&rdns)
	}
	return nameOf(der, name)
}

// accept notes that the server took our certificate.
func (r *run) accept() {
	if r.ours.presented() {
		r.ClientAuth.Verdict = VerdictAccepted
	}
}

// alerted tells of an alert from the server.
func (r *run) alerted(a alert, phase string) {
	said := fmt.Sprintf("the server ended the connection %s with the alert %s: %s", phase, a.name(), a.meaning())
	wantsOne := r.ours.asked && !r.ours.presented() && (a.refusesCertificate() || a == handshakeFailure)
	switch {
	case a == certificateRequired || wantsOne:
		r.find(Error, "certificate-required", fmt.Sprintf("the server wants a client certificate and got none (alert %s)", a.name()), presentOne)
	case a.refusesCertificate() && r.ours.presented():
		r.ClientAuth.Verdict = VerdictRefused
		r.find(Error, "certificate-refused", fmt.Sprintf("the server refused our certificate with the alert %s: %s", a.name(), a.meaning()), r.sendToPartner())
	case a == protocolVersion:
		r.find(Error, "tls-version", said, "have TLS 1.2 or 1.3 enabled on the server")
	case a == noProtocol:
		r.find(Error, a.word(), said, "try --http2: servers of gRPC speak nothing else")
	case a == handshakeFailure && r.ours.presented():
		r.find(Error, a.word(), said+"; it may also mean that our certificate is refused", r.sendToPartner())
	default:
		r.find(Error, a.word(), said, "look at the log of the server at "+date(r.now()))
	}
}

const presentOne = "give one with --certificate; the issuing CA of it, and its Subject, must be known to the partner"

// sendToPartner says what the partner has to know to let us in.
func (r *run) sendToPartner() string {
	return fmt.Sprintf("send the partner our full Subject, %s, and the certificate of its issuing CA, %s; ask for the line in their log at %s",
		r.ours.holder, r.ours.issuer, date(r.now()))
}

// glance is how long is waited for a refusal when no request is sent.
const glance = time.Second

// await reads for a moment: with TLS 1.3 the server's verdict on our certificate
// comes after the handshake, and only if it is bad.
func (r *run) await(c *tls.Conn) {
	if !r.ours.asked || c.ConnectionState().Version == tls.VersionTLS12 {
		return
	}
	_ = c.NetConn().SetReadDeadline(time.Now().Add(min(glance, r.timeout)))
	_, err := c.Read(make([]byte, 1))
	switch {
	case err == nil:
		r.accept() // it speaks first
	case isTimeout(err):
		r.notRefused()
	default:
		r.broken(err, nil, "after the handshake")
	}
}

// notRefused notes that the server has not said anything about our certificate.
func (r *run) notRefused() {
	if r.ours.presented() && r.ClientAuth.Verdict == VerdictUnknown {
		r.ClientAuth.Verdict = VerdictNotRefused
	}
}

// tellAccepted adds what there is to say about certificates though nothing
// failed.
func (r *run) tellAccepted() {
	switch {
	case r.bundle.Certificate != nil && !r.ours.asked:
		r.find(Warning, "not-asked", "the server did not ask for our certificate: on this port it does not do mutual TLS",
			"check the host and port; a server that asks for some paths only cannot be told so by TLS 1.3")
	case r.ours.withheld && r.ClientAuth.Verdict != VerdictRefused:
		r.find(Note, "ca-hints", fmt.Sprintf("the server names the CAs that it takes, and the issuer of our certificate, %s, is not among them; many clients would send none and be told that it is missing. It was sent here, as Sidegate sends it always", r.ours.issuer),
			"send the partner the certificate of our issuing CA")
	}
}
