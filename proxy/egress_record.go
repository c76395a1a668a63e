package proxy

import (
	"crypto/x509"
	"errors"
	"time"

	"github.com/sidegate/sidegate/proxy/http1"
	"github.com/sidegate/sidegate/proxy/policy"
)

// A Failure is one request that did not reach the partner, or was not answered,
// for the status page. Its texts come from the server in part and are bounded.
type Failure struct {
	Time   time.Time `json:"time"`
	Reason string    `json:"reason"`
	Detail string    `json:"detail"`
	Server string    `json:"server,omitempty"` // canonical Subject of the certificate that the server presented
}

// Failures returns the last requests that failed or were refused, newest first.
func (e *Egress) Failures() []Failure { return e.failures.all() }

// record logs and counts one request.
func (e *Egress) record(x *outgoing) {
	why, took := reasonOK, e.now().Sub(x.start)
	if x.fault != nil {
		why = x.fault.reason
	}
	e.metrics.request(x.rule, why, took)
	if ofHandshake(why) {
		e.metrics.handshakeFailed(why)
	}
	if why == reasonOK && !x.gen.settings.LogRequests {
		return
	}
	if why == reasonClientClosed {
		if ok, _ := e.closings.line(e.now()); !ok {
			return
		}
	}
	status := x.status
	if x.fault != nil && status == 0 {
		status = x.fault.status
	}
	kv := append(make([]any, 0, 40),
		"listener", e.name, "remote", x.r.RemoteAddr, "proto", x.r.Proto,
		"method", bounded(x.r.Method), "path", bounded(x.r.URL.EscapedPath()),
		"status", status, "reason", string(why), "rule", x.rule,
		"durationMs", float64(took.Microseconds())/1000, "bytesIn", x.body.bytes.Load(), "bytesOut", x.bytesOut)
	if why == reasonOK {
		e.log.Info("request", kv...)
		return
	}
	e.recordFailure(x, kv)
}

// recordFailure logs a request that failed or was refused, and keeps it for the
// status page.
func (e *Egress) recordFailure(x *outgoing, kv []any) {
	f := Failure{Time: x.start, Reason: string(x.fault.reason), Detail: printable(x.fault.detail)}
	server := x.partner.snapshot().server()
	if x.refused != nil {
		server = x.refused
	}
	if server != nil {
		f.Server = shown(server.RawSubject)
		kv = append(kv, serverFields(server)...)
	}
	kv = append(kv, "upstream", x.gen.settings.address(), "detail", f.Detail)
	if x.fault.reason != reasonClientClosed {
		e.failures.add(f)
	}
	if x.rule == "" {
		e.log.Info("request refused", kv...)
		return
	}
	e.log.Info("request failed", kv...)
}

// serverFields say whose certificate the server presented.
func serverFields(cert *x509.Certificate) []any {
	return []any{"serverSubject", shown(cert.RawSubject), "serverIssuer", shown(cert.RawIssuer), "serverSerial", policy.SerialOf(cert)}
}

// recordViolation logs and counts bytes of the application that are not strictly
// HTTP/1.1. They never became a request; the answer is 400 or 431 and the end.
func (e *Egress) recordViolation(c *appConn, v *http1.Violation) {
	e.metrics.request("", reasonFraming, 0)
	e.log.Info("request refused", "listener", e.name, "remote", c.RemoteAddr().String(), "status", violationStatus(v),
		"reason", string(reasonFraming), "violation", v.Reason, "detail", v.Detail)
}

// refusedServer returns the certificate that err is about.
func refusedServer(err error) *x509.Certificate {
	if r, ok := errors.AsType[*serverRefusal](err); ok {
		return r.leaf
	}
	return nil
}
