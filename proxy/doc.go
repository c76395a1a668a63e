// Package proxy is the gate: the path a request takes from a partner's TLS
// connection to the application on loopback, and the way from the application out
// to a partner. A security reviewer reads this package from top to bottom in the
// order the bytes travel.
//
//	accept.go     a connection: limits, PROXY protocol, TLS handshake
//	   │          verified in tls.Config.VerifyConnection by the Bundle in use;
//	   │          what is refused here gets a TLS alert and one log line
//	   │  session.go    tickets that end with the chain they were made for
//	   │  batch.go      TLS records on their way out, several a system call
//	serve.go      dispatch by protocol; the drain at the end
//	   │
//	   ├─ HTTP/1.1 ──► relay.go    our own server (http1.Session), one goroutine
//	   ├─ HTTP/2 ────► ingress.go  net/http's server, one a connection; served.go
//	   │                           is its response and body.go the request's body
//	   ▼
//	exchange.go   decide: one request, three questions, always in this order:
//	   │  client.go     who is calling?  the connection's verdict, made anew
//	   │                when trust or policy changed or the chain expired → 401
//	   │  request.go    is it well-formed, and nothing that changes protocol? → 400
//	   │  policy        may they?  policy.Grant.Decide                     → 403
//	   │
//	   │  headers.go    then strip every spelling of an identity header, set ours;
//	   │                dialects.go as other proxies spell them, where asked for
//	   │
//	   ├─ HTTP/1.1 ──► relay_pass.go   ┐ one pool of connections to the application
//	   ├─ HTTP/2 ────► served_pool.go  ┘ (http1.Upstream), one http1.Call a request
//	   ▼
//	upstream.go   the way to the application; its failure is 502, 503, 504
//	   │  waiting.go    a patrol looks whether the client is still there, and
//	   │  withdraw.go   whether it would still be let in: who would not is told,
//	   │                and after Settings.WithdrawalGrace broken off
//	   │
//	record.go     one Record a request: one log line, one counter, one histogram
//
// An application that speaks HTTP/2 (h2c://) is reached by another road:
// httputil.ReverseProxy over an http.Transport, in ingress.go, for HTTP/2 and for
// HTTP/1.1, which net/http then serves behind http1.Guard. The questions are the
// same ones.
//
// A generation (generation.go) is an immutable snapshot of everything a verdict
// depends on: the certs.Bundle and the Settings. [Ingress.Configure] and
// [Ingress.SetBundle] build a new one and swap one pointer; connections notice
// at their next request. No request waits for such a change.
//
// Nor does one outlive it that would not be let in any more. The patrol goes through
// the requests under way at each change, and twice a second because certificates
// expire. Those whose verdict is of another generation, or has ended, it judges by
// the same two questions: who, and may they. Whoever is out has
// Settings.WithdrawalGrace to end. After that a request without a response is
// answered 401 or 403, and a response that has begun is broken off so that nobody
// takes it for whole: the connection of HTTP/1.1 ends without the end of the body, the
// stream of HTTP/2 is reset, gRPC gets a status in its trailers, a WebSocket has had
// its Close frame. That is final, and a client that does not read cannot put it off
// for more than BodyIdleTimeout, nor for more than a second if it is let in for nothing
// any more. Those who are still let in notice nothing.
//
// # The way out
//
// An [Egress] is the other half: plain requests of the application become requests
// to a partner over mutual TLS. It is one path, of net/http throughout.
//
//	egress_app.go       a connection of the application: HTTP/1.1 behind http1.Guard,
//	   │                or HTTP/2 with prior knowledge; the drain at the end
//	egress_forward.go   is it well-formed, no forward proxying, a path that is
//	   │                allowed? Host is the partner's; all else stays as it is
//	   ▼
//	egress_generation.go  one http.Transport, and its connections, a generation
//	   │
//	egress_tls.go       our certificate is presented whenever one is asked for; the
//	   │                server is verified by CA, name, Subject and key, here alone
//	   ▼
//	egress_response.go  the answer streams back
//	egress_fault.go     or why there is none: a word and a sentence
//	egress_record.go    one log line, one counter
//
// A request belongs to one generation from its beginning to its end. When Bundle or
// settings change, or a certificate expires that a connection was made with, a new
// generation begins without connections, and those of the old one are closed: at
// once if idle, else with the last request on them. WebSockets and long streams go
// on until they end. A request is sent once; only what http.Transport does on a
// pooled connection that the server has closed meanwhile is done again, and never
// with a request that may change something and was written in part.
//
// What the application sends is bounded in its head only: the time that it takes
// for a body is not, nor the size. A partner is not waited for without end: who takes
// nothing of a body for 30 s is given up (504, server-timeout), and so is one that
// goes on with a WebSocket 30 s after the application has ended it. The head of its
// response may have 64 KiB; over HTTP/2 at most 256 KiB a stream lie here untaken.
//
// Its responses are read by net/http, which over HTTP/1.1 lets pass what our own relay
// refuses: Content-Length beside Transfer-Encoding, folded fields. They come from the
// verified partner alone and are written anew.
//
// It fails closed: without a Bundle no handshake succeeds, without a rule no
// request passes, and identity headers are removed from every request whether
// or not Sidegate sets them. What has two meanings is refused: on an ingress from
// either side, on an egress from the application.
package proxy
