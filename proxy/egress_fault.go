package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/sidegate/sidegate/proxy/http1"
)

// The reasons why a request did not reach the partner, in addition to those that an
// ingress has as well. The set is closed.
const (
	reasonAbsoluteForm = reason("absolute-form")
	reasonWithdrawn    = reason("withdrawn")

	reasonServerUnknownCA       = reason("server-unknown-ca")
	reasonServerExpired         = reason("server-expired")
	reasonServerNotYetValid     = reason("server-not-yet-valid")
	reasonServerWrongUsage      = reason("server-wrong-usage")
	reasonServerNameConstraints = reason("server-name-constraints")
	reasonServerWeakSignature   = reason("server-weak-signature")
	reasonServerNotACA          = reason("server-not-a-ca")
	reasonServerTooLarge        = reason("server-too-large")
	reasonServerBadChain        = reason("server-bad-chain")
	reasonServerName            = reason("server-name")
	reasonServerSubject         = reason("server-subject")
	reasonServerSPKI            = reason("server-spki")

	reasonCertificateRefused = reason("certificate-refused")
	reasonTLSFailed          = reason("tls-failed")

	reasonServerDown    = reason("server-down")
	reasonServerTimeout = reason("server-timeout")
	reasonServerFailed  = reason("server-failed")
)

// ofHandshake reports whether a reason is about TLS with the partner.
func ofHandshake(why reason) bool {
	switch why {
	case reasonServerDown, reasonServerTimeout, reasonServerFailed:
		return false
	case reasonCertificateRefused, reasonTLSFailed:
		return true
	}
	return strings.HasPrefix(string(why), "server-")
}

// faultOf says what a failed exchange with the partner means to the application.
// What is asked first is more certain than what follows.
func (x *outgoing) faultOf(err error) *fault {
	p, to := x.partner.snapshot(), x.gen.settings.address()
	if x.givenUp(p) {
		return x.tookNothing()
	}
	if f := x.ofApplication(err, p); f != nil {
		return f
	}
	if refusal, ok := errors.AsType[*serverRefusal](err); ok {
		return &fault{http.StatusBadGateway, refusal.reason, "the certificate that " + to + " presented " + x.presented(refusal) + refusal.detail}
	}
	if f := ofDial(err, to); f != nil {
		return f
	}
	if alert, ok := p.alert(err); ok {
		return x.ofAlert(alert, to)
	}
	if p.handshake != nil {
		return x.ofBrokenHandshake(p, to)
	}
	if timedOut(err) {
		return &fault{http.StatusGatewayTimeout, reasonServerTimeout, to + " did not answer in time: " + err.Error()}
	}
	if (isReset(err) || p.reset()) && p.asked && p.fresh {
		return x.refusedPerhaps(to)
	}
	return &fault{http.StatusBadGateway, reasonServerFailed,
		fmt.Sprintf("%s broke off, or its answer is not HTTP with a head of at most %d KiB: %s", to, partnerHeadBytes>>10, x.hint(err, p))}
}

// tookNothing explains that a partner was given up in the middle of a request.
func (x *outgoing) tookNothing() *fault {
	return &fault{http.StatusGatewayTimeout, reasonServerTimeout,
		fmt.Sprintf("%s took nothing of the request for %s", x.gen.settings.address(), x.e.patience)}
}

// hint adds what may be behind a connection that ended without a word.
func (x *outgoing) hint(err error, p partnerFacts) string {
	text := err.Error()
	if errors.Is(err, io.EOF) && p.asked && p.fresh {
		text += "; perhaps it refuses our certificate " + x.gen.ownSubject()
	}
	return text
}

// ofApplication finds what is not the partner's fault.
func (x *outgoing) ofApplication(err error, p partnerFacts) *fault {
	if cause := x.body.failed(); cause != nil {
		if v, ok := errors.AsType[*http1.Violation](cause); ok {
			return &fault{http.StatusBadRequest, reasonBodyBroken, "the body of the request is malformed: " + v.Reason + ": " + v.Detail}
		}
		return &fault{statusClientClosed, reasonClientClosed, "the application went away during its request: " + cause.Error()}
	}
	if x.r.Context().Err() != nil {
		return &fault{statusClientClosed, reasonClientClosed, "the application went away before the response"}
	}
	if p.again && errors.Is(err, context.Canceled) {
		return &fault{http.StatusBadGateway, reasonServerFailed,
			x.gen.settings.address() + " gave the request back; a " + quote(x.r.Method) + " is not sent twice"}
	}
	return nil
}

// presented names the certificate of a refusal whose detail does not.
func (x *outgoing) presented(r *serverRefusal) string {
	switch r.reason {
	case reasonServerName, reasonServerSubject, reasonServerSPKI:
		return "(" + shown(r.leaf.RawSubject) + ") "
	}
	return ""
}

// ofAlert explains a TLS alert that the server sent. In TLS 1.3 those about our
// certificate come when the handshake is over for us (RFC 8446 §4.4.2.4).
func (x *outgoing) ofAlert(alert tls.AlertError, to string) *fault {
	if refusesCertificate(alert) {
		return &fault{http.StatusBadGateway, reasonCertificateRefused,
			fmt.Sprintf("%s refused our certificate %s with the TLS alert %q: %s", to, x.gen.ownSubject(), alertName(alert), sendIt)}
	}
	return &fault{http.StatusBadGateway, reasonTLSFailed, fmt.Sprintf("%s ended TLS with the alert %q", to, alertName(alert))}
}

func (x *outgoing) refusedPerhaps(to string) *fault {
	return &fault{http.StatusBadGateway, reasonCertificateRefused,
		fmt.Sprintf("%s reset the connection as soon as it had our certificate: perhaps it refuses %s; if so, %s", to, x.gen.ownSubject(), sendIt)}
}

const sendIt = "send it and its issuing CA to the partner"

// ownSubject says which certificate we presented.
func (g *egressGeneration) ownSubject() string {
	leaf := g.bundle.Certificate.Leaf
	if leaf == nil {
		return "(unknown)"
	}
	text := shown(leaf.RawSubject) + ", issued by " + shown(leaf.RawIssuer)
	if g.e.now().After(leaf.NotAfter) {
		text += ", which expired on " + leaf.NotAfter.UTC().Format("2006-01-02 15:04:05Z")
	}
	return text
}

// The alerts with which a server refuses a client's certificate (RFC 8446 §6.2).
const (
	alertBadCertificate         = tls.AlertError(42)
	alertUnsupportedCertificate = tls.AlertError(43)
	alertCertificateRevoked     = tls.AlertError(44)
	alertCertificateExpired     = tls.AlertError(45)
	alertCertificateUnknown     = tls.AlertError(46)
	alertUnknownCA              = tls.AlertError(48)
	alertAccessDenied           = tls.AlertError(49)
	alertCertificateRequired    = tls.AlertError(116)
)

func refusesCertificate(alert tls.AlertError) bool {
	switch alert {
	case alertBadCertificate, alertUnsupportedCertificate, alertCertificateRevoked, alertCertificateExpired,
		alertCertificateUnknown, alertUnknownCA, alertAccessDenied, alertCertificateRequired:
		return true
	}
	return false
}

func alertName(alert tls.AlertError) string { return strings.TrimPrefix(alert.Error(), "tls: ") }

// remoteAlert finds the alert that the server sent in err. Its type in crypto/tls is
// not exported, but it is the number of the alert.
func remoteAlert(err error) (tls.AlertError, bool) {
	op, ok := errors.AsType[*net.OpError](err)
	if !ok || op.Op != "remote error" {
		return 0, false
	}
	if v := reflect.ValueOf(op.Err); v.Kind() == reflect.Uint8 {
		return tls.AlertError(v.Uint()), true
	}
	return 0, false
}

// ofDial explains that no connection came about.
func ofDial(err error, to string) *fault {
	op, _ := errors.AsType[*net.OpError](err)
	switch {
	case op == nil || op.Op != "dial":
		return nil
	case timedOut(err):
		return &fault{http.StatusGatewayTimeout, reasonServerTimeout, "no connection to " + to + " in time: " + err.Error()}
	}
	return &fault{http.StatusServiceUnavailable, reasonServerDown, "no connection to " + to + ": " + err.Error()}
}

// ofBrokenHandshake explains a handshake that neither we nor an alert ended.
func (x *outgoing) ofBrokenHandshake(p partnerFacts, to string) *fault {
	if timedOut(p.handshake) {
		return &fault{http.StatusGatewayTimeout, reasonServerTimeout, "no TLS handshake with " + to + " in time"}
	}
	if isReset(p.handshake) && p.asked {
		return x.refusedPerhaps(to)
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](p.handshake); ok {
		return &fault{http.StatusBadGateway, reasonTLSFailed, to + " does not speak TLS on this port"}
	}
	return &fault{http.StatusBadGateway, reasonTLSFailed, "no TLS handshake with " + to + ": " + p.handshake.Error()}
}

func timedOut(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// printable returns s in printable ASCII and bounded: parts of it come from the
// partner, and whoever reads it may do so on a terminal.
func printable(s string) string {
	var out strings.Builder
	for _, r := range bounded(s) {
		switch {
		case ' ' <= r && r <= '~':
			out.WriteByte(byte(r))
		case r == utf8.RuneError:
			out.WriteByte('?')
		default:
			quoted := strconv.QuoteRuneToASCII(r)
			out.WriteString(quoted[1 : len(quoted)-1])
		}
	}
	return out.String()
}
