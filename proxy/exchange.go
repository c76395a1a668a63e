package proxy

import (
	"net/http"
	"strconv"
	"time"

	"github.com/sidegate/sidegate/proxy/policy"
)

// An exchange is one request and its response on the way through: what the two
// protocols have in common. [relayed] and [served] are its two kinds.
type exchange struct {
	in      *Ingress
	conn    *conn
	gen     *generation
	verdict *verdict
	start   time.Time
	asked   asked

	decision policy.Decision // of the policy
	rule     string          // that admitted the request
	fault    *fault          // why it was not forwarded or not answered
	status   int
	bytesIn  int64 // of the content
	bytesOut int64
	closing  bool // the connection ends with the response
}

// asked is what a request asks for, for the log. Its texts are the client's.
type asked struct{ proto, method, host, path string }

// decide asks who is calling, whether the request is well-formed, and whether
// they may. It returns why not, or nil.
func (x *exchange) decide(f *form) *fault {
	x.verdict = x.conn.current(x.start)
	x.gen = x.verdict.gen
	v := x.verdict
	if v.refusal != nil {
		_, fault := v.decide("", "")
		return fault
	}
	if f := x.gen.checkForm(f); f != nil {
		return f
	}
	d, fault := v.decide(f.method, f.path)
	x.decision, x.rule = d, d.Rule
	return fault
}

// decide says whether v lets a request in, and if not, why.
func (v *verdict) decide(method, path string) (policy.Decision, *fault) {
	if v.refusal != nil {
		return policy.Decision{}, &fault{http.StatusUnauthorized, reason(v.refusal.Reason), "trust was withdrawn from an open connection: " + v.refusal.Detail}
	}
	if v.unnamed != nil {
		return policy.Decision{}, &fault{http.StatusForbidden, reasonAmbiguous, v.unnamed.Error()}
	}
	d := v.grant.Decide(method, path)
	if !d.Allowed {
		return d, &fault{http.StatusForbidden, reason(d.Reason), d.Detail}
	}
	return d, nil
}

// enter takes a place among the requests at the application, to be left with
// leave in any case.
func (x *exchange) enter() *fault {
	if n := x.in.forwarding.Add(1); n > int64(x.gen.limits.MaxRequests) {
		return &fault{http.StatusServiceUnavailable, reasonOverloaded, "limits.maxRequests are at the application already"}
	}
	return nil
}

func (x *exchange) leave() { x.in.forwarding.Add(-1) }

// wrongServer asks an HTTP/1.1 client to come back, because the application has
// begun or ceased to speak HTTP/2 since it connected: another server is for it.
func (x *exchange) wrongServer() *fault {
	x.closing = true
	return &fault{http.StatusServiceUnavailable, reasonAppDown, "the application's protocol was changed in the configuration; a new connection is served"}
}

// closes reports whether a client that was answered f is not heard again.
func (f *fault) closes() bool {
	return f.status == http.StatusUnauthorized || // it has to come back with a certificate that is trusted now
		f.status < 500 && f.status != http.StatusForbidden // it sent a malformed request
}

// The fields of an answer of our own, but for what f asks for in addition.
const (
	answerType  = "text/plain; charset=utf-8"
	answerSniff = "nosniff"
	answerStore = "no-store"
)

// field returns the field that the status asks for, if any.
func (f *fault) field() (name, value string) {
	switch f.status {
	case http.StatusUnauthorized:
		return "WWW-Authenticate", "ClientCertificate" // RFC 9110 §15.5.2 wants a challenge
	case http.StatusServiceUnavailable:
		return "Retry-After", "1"
	}
	return "", ""
}

// setFields sets the fields of the answer.
func (f *fault) setFields(h http.Header) {
	h.Set("Content-Type", answerType)
	h.Set("X-Content-Type-Options", answerSniff)
	h.Set("Cache-Control", answerStore)
	if name, value := f.field(); name != "" {
		h.Set(name, value)
	}
}

// line is the content of an answer.
func (f *fault) line() string {
	return strconv.Itoa(f.status) + " " + http.StatusText(f.status) + ": " + string(f.reason) + "\n"
}
