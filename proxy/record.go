package proxy

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/http1"
	"github.com/sidegate/sidegate/proxy/policy"
	"github.com/sidegate/sidegate/proxy/subject"
)

// A reason is the word that says why a request or a handshake was refused: in
// the answer, the log and the metrics. The set is closed: reasons of this
// package, of package policy (403) and of package certs (401 and handshakes).
type reason string

const (
	reasonOK = reason("ok")

	reasonAmbiguous    = reason("subject-ambiguous")
	reasonConnect      = reason("connect")
	reasonMalformed    = reason("request-malformed")
	reasonFraming      = reason("framing") // refused by package http1 before it was a request
	reasonExpect       = reason("expectation")
	reasonUpgrade      = reason("upgrade")
	reasonHost         = reason("host-malformed")
	reasonLength       = reason("content-length")
	reasonBodyTooLarge = reason("body-too-large")
	reasonBodyStalled  = reason("body-stalled")
	reasonBodyBroken   = reason("body-broken")
	reasonClientClosed = reason("client-closed")
	reasonOverloaded   = reason("overloaded")
	reasonAppDown      = reason("app-down")
	reasonAppTimeout   = reason("app-timeout")
	reasonAppFailed    = reason("app-failed")

	reasonUnverified  = reason("unverified")
	reasonNotTLS      = reason("not-tls")
	reasonTimeout     = reason("timeout")
	reasonClientAlert = reason("client-alert") // the client refused us
	reasonProtocol    = reason("tls-protocol") // no common version, cipher, or nonsense
	reasonTooMany     = reason("too-many-connections")
)

// record logs and counts one exchange.
func (in *Ingress) record(x *exchange) {
	why, took := reasonOK, in.now().Sub(x.start)
	if x.fault != nil {
		why = x.fault.reason
	}
	in.metrics.request(x.rule, why, took)
	in.metrics.decided(&x.decision, took)
	if why == reasonOK && !x.gen.settings.LogRequests && x.decision.Fits == "" && !x.decision.Reported() {
		return
	}
	if why == reasonClientClosed {
		// A client that resets its streams as fast as it opens them does not
		// fill the log.
		if ok, _ := in.closings.line(in.now()); !ok {
			return
		}
	}
	message, kv := x.account(why)
	in.log.Info(message, append(append(x.fields(took), identityFields(x.verdict)...), kv...)...)
}

// fields are what the log says of every request.
func (x *exchange) fields(took time.Duration) []any {
	kv := append(make([]any, 0, 48),
		"listener", x.in.name, "remote", x.conn.RemoteAddr().String(), "proto", x.asked.proto,
		"method", bounded(x.asked.method), "host", bounded(x.asked.host), "path", bounded(x.asked.path),
		"status", x.answered(), "rule", x.rule,
		"durationMs", float64(took.Microseconds())/1000, "bytesIn", x.bytesIn, "bytesOut", x.bytesOut)
	if fits := x.decision.Fits; fits != "" {
		kv = append(kv, "fits", fits)
	}
	return kv
}

// answered is the status that the client got, or would have if it were still there.
func (x *exchange) answered() int {
	if x.fault != nil && x.status == 0 {
		return x.fault.status
	}
	return x.status
}

// account says what became of a request, and why, for the log and, if it was
// refused or would have been, for the status page.
func (x *exchange) account(why reason) (message string, kv []any) {
	d := &x.decision
	switch {
	case why != reasonOK:
		kv = append([]any{"reason", string(why)}, x.noteRefusal(why, x.fault.detail, false)...)
		if d.Reported() { // it was let through, and failed behind the gate
			kv = append(kv, "wouldRefuse", string(d.Reason))
		}
		if d.Allowed && x.answered() >= 500 {
			return "request failed", kv // it was let in: the fault is behind the gate
		}
		return "request refused", kv
	case d.Reported():
		kv = append([]any{"reason", string(d.Reason), "reportOnly", true}, x.noteRefusal(reason(d.Reason), d.Detail, true)...)
		return "request would be refused", kv
	}
	return "request", []any{"reason", string(why)}
}

// noteRefusal adds a refusal to those of the status page, and returns what the log
// says of it.
func (x *exchange) noteRefusal(why reason, detail string, reportOnly bool) []any {
	r := Refusal{Time: x.start, Remote: x.conn.RemoteAddr().String(), Status: x.answered(), Reason: string(why),
		Detail: bounded(detail), ReportOnly: reportOnly}
	if c := x.verdict.client; c != nil {
		r.Subject = bounded(c.Subject.String())
	}
	kv := []any{"detail", r.Detail}
	if why == reason(policy.SubjectNotAllowed) && r.Subject != "" {
		r.Allow = toPaste(x.verdict.client.Subject)
		kv = append(kv, "allow", r.Allow)
	}
	x.in.recent.add(r)
	return kv
}

// identityFields say who a verdict is about.
func identityFields(v *verdict) []any {
	if v.client != nil {
		c := v.client
		return []any{"subject", bounded(c.Subject.String()), "issuer", bounded(c.Issuer.String()),
			"serial", c.Serial, "fingerprint", hex.EncodeToString(c.Fingerprint[:])}
	}
	if v.refusal != nil {
		return certificateFields(v.refusal.Leaf)
	}
	return nil
}

// certificateFields say whose certificate was presented. That the client holds
// its key is not proved, nor that anybody vouches for it: names are bounded.
func certificateFields(cert *x509.Certificate) []any {
	if cert == nil {
		return nil
	}
	fp := sha256.Sum256(cert.Raw)
	return []any{"subject", shown(cert.RawSubject), "issuer", shown(cert.RawIssuer),
		"serial", policy.SerialOf(cert), "fingerprint", hex.EncodeToString(fp[:])}
}

// nameOf renders a name for the log, also one that is refused.
func nameOf(der []byte) string {
	n, err := subject.FromDER(der)
	if err != nil {
		return "(" + err.Error() + ")"
	}
	return n.String()
}

// shown is nameOf, bounded: anybody can present a certificate with a Subject of
// many kilobytes, and its canonical form is four times as long.
func shown(der []byte) string { return bounded(nameOf(der)) }

// toPaste returns the line that would let a Subject in, quoted for YAML.
func toPaste(n subject.Name) string {
	return "subject: '" + strings.ReplaceAll(n.String(), "'", "''") + "'"
}

// recordHandshake logs and counts a handshake that failed. Connections that
// close without a word, as load balancers' checks do, are counted only.
func (in *Ingress) recordHandshake(c *conn, err error) {
	why, detail, quiet := handshakeReason(c, err)
	in.metrics.handshakeFailed(why)
	log := in.log
	if quiet {
		log = log.V(1)
	}
	kv := []any{"listener", in.name, "remote", c.RemoteAddr().String(), "reason", string(why), "detail", detail,
		"sni", bounded(c.sni), "durationMs", float64(in.now().Sub(c.opened).Microseconds()) / 1000}
	refusal := Refusal{Time: c.opened, Remote: c.RemoteAddr().String(), Reason: string(why), Detail: bounded(detail)}
	if r, ok := errors.AsType[*certs.Refusal](err); ok && r.Leaf != nil {
		refusal.Subject = shown(r.Leaf.RawSubject)
		kv = append(kv, certificateFields(r.Leaf)...)
	}
	if !quiet {
		in.recent.add(refusal)
	}
	if ok, missed := in.refusals.line(in.now()); ok {
		log.Info("handshake refused", append(kv, "linesSuppressed", missed)...)
	}
}

// handshakeReason says in a word and a sentence why a handshake failed, and
// whether nobody need read about it.
func handshakeReason(c *conn, err error) (why reason, detail string, quiet bool) {
	if r, ok := errors.AsType[*certs.Refusal](err); ok {
		return reason(r.Reason), r.Detail, false
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return reasonNotTLS, "what the client sent is not TLS", false
	}
	op, _ := errors.AsType[*net.OpError](err)
	alert, plain := c.alerts.alert()
	switch {
	case op != nil && op.Op == "remote error":
		return reasonClientAlert, "the client refused our certificate or parameters: " + err.Error(), false
	case plain:
		return reasonClientAlert, "the client refused our certificate or parameters, in an alert that is not encrypted: " + alert.Error(), false
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return reasonTimeout, "the handshake was not done within limits.handshakeTimeout", !c.hello
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, net.ErrClosed):
		return reasonClientClosed, "the client hung up during the handshake", !c.hello
	case err.Error() == noCertificate:
		return reason(certs.ReasonNoCertificate), "the client presented no certificate; it has none, or none that it thought fit", false
	}
	return reasonProtocol, bounded(err.Error()), false
}

// noCertificate is what crypto/tls says, by text only, when a client answers the
// request for a certificate with none. A test holds us to it.
const noCertificate = "tls: client didn't provide a certificate"

// recordViolation logs and counts bytes that are not strictly HTTP/1.1. They
// never became a request; the answer is 400 or 431 and the end.
func (in *Ingress) recordViolation(c *conn, v *http1.Violation) {
	in.metrics.request("", reasonFraming, 0)
	kv := []any{"listener", in.name, "remote", c.RemoteAddr().String(), "status", violationStatus(v),
		"reason", string(reasonFraming), "violation", v.Reason, "detail", v.Detail}
	in.log.Info("request refused", append(kv, identityFields(c.verdict.Load())...)...)
}

// violationStatus is the status of the answer to a violation.
func violationStatus(v *http1.Violation) int {
	if v.Reason == http1.HeadTooLarge {
		return http.StatusRequestHeaderFieldsTooLarge
	}
	return http.StatusBadRequest
}

// logTooMany says, at most every ten seconds, that connections are refused.
func (in *Ingress) logTooMany(limit int) {
	now, last := in.now().Unix(), in.warned.Load()
	if now-last >= 10 && in.warned.CompareAndSwap(last, now) {
		in.log.Info("connections refused: too many are open", "listener", in.name, "limit", limit)
	}
}

// bounded cuts what a client made long; the log's encoder escapes the rest.
func bounded(s string) string {
	if len(s) > 1024 {
		return s[:1024] + "…"
	}
	return s
}
