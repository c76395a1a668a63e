// Package proxy is the gate: the path a request takes from a partner's TLS
// connection to the application on loopback. A security reviewer reads this
// package from top to bottom in the order the bytes travel.
//
//	accept.go     a connection: limits, PROXY protocol, TLS handshake
//	   │          verified in tls.Config.VerifyConnection by the Bundle in use;
//	   │          what is refused here gets a TLS alert and one log line
//	   │  session.go    tickets that end with the chain they were made for
//	serve.go      HTTP/1.1 (behind http1.Guard) and HTTP/2, net/http's servers;
//	   │          the drain at the end
//	ingress.go    one request, five questions, always in this order:
//	   │  client.go     who is calling?  the connection's verdict, made anew
//	   │                when trust or policy changed or the chain expired → 401
//	   │  request.go    is it well-formed, and nothing that changes protocol? → 400
//	   │  policy        may they?  policy.Grant.Decide                     → 403
//	   │  headers.go    strip every spelling of an identity header, set ours;
//	   │                dialects.go as other proxies spell them, where asked for
//	   │  upstream.go   forward to loopback; the app's failure is 502, 503, 504
//	   │  exchange.go   the response on its way back; body.go the request's body
//	   │
//	record.go     one Record a request: one log line, one counter, one histogram
//
// A generation (generation.go) is an immutable snapshot of everything a verdict
// depends on: the certs.Bundle and the Settings. [Ingress.Configure] and
// [Ingress.SetBundle] build a new one and swap one pointer; connections notice
// at their next request. No request waits for such a change.
//
// It fails closed: without a Bundle no handshake succeeds, without a rule no
// request passes, and identity headers are removed from every request whether
// or not Sidegate sets them.
package proxy
