package proxy

import (
	"net/http"
	"strconv"

	"github.com/sidegate/sidegate/proxy/http1"
)

// pass forwards the request and the application's response.
func (r *relay) pass(req *http1.Request, target []byte) {
	x := &r.x
	defer x.leave()
	if f := x.enter(); f != nil {
		r.answer(req, f)
		return
	}
	if x.gen.upstream.pool == nil {
		r.answer(req, x.wrongServer())
		return
	}
	call := x.gen.upstream.pool.NewCall()
	defer call.Finish()
	if err := r.fill(call, req, target); err != nil {
		r.failed(req, &http1.ContentError{Err: err})
		return
	}
	r.wait.begin(x.verdict, x.asked.method, x.asked.path, call)
	defer r.wait.end()
	if err := call.Do(); err != nil {
		r.failed(req, err)
		return
	}
	if err := r.respond(call, req); err != nil {
		r.failed(req, err)
	}
}

// fill writes the request as the application gets it: parsed and written again,
// with the identity of the client last, where nothing that the client sent can
// take it away.
func (r *relay) fill(call *http1.Call, req *http1.Request, target []byte) error {
	x := &r.x
	head := req.AppendStart(call.Head)
	for i := range req.Fields {
		if f := &req.Fields[i]; !f.Hop && !ours(x.gen.strip, f.Name) {
			head = http1.AppendField(head, f.Name, f.Value)
		}
	}
	head = x.verdict.appendIdentity(head, x.rule)
	head = append(head, x.conn.forwarded...)
	head = append(head, "X-Forwarded-Host: "...)
	head = append(head, req.Host...)
	head = append(head, "\r\n"...)
	if req.Trailers {
		head = append(head, "Te: trailers\r\n"...)
	}
	head = r.frame(head, call, req)
	call.Head = append(head, "\r\n"...)
	call.NoContent = req.IsHead
	call.Again = idempotent(x.asked.method)
	call.Interim = r.interim
	if req.Length == 0 {
		return nil
	}
	return r.carry(call, req)
}

// frame writes the fields that frame the request, and those that are about the
// connection to the application.
func (r *relay) frame(head []byte, call *http1.Call, req *http1.Request) []byte {
	switch {
	case req.Length > 0 || req.Length == 0 && req.HasLength:
		head = append(head, "Content-Length: "...)
		head = strconv.AppendInt(head, req.Length, 10)
		head = append(head, "\r\n"...)
	case req.Length < 0:
		head = append(head, "Transfer-Encoding: chunked\r\n"...)
		call.Chunked = true
	}
	switch {
	case req.Upgrades > 0:
		call.Upgrade = "websocket"
		head = append(head, "Connection: Upgrade\r\nUpgrade: websocket\r\n"...)
	case req.IsHead:
		head = append(head, "Connection: close\r\n"...)
	}
	return head
}

// carry attaches the content: what is at hand goes with the head, in one write.
func (r *relay) carry(call *http1.Call, req *http1.Request) error {
	head := len(call.Head)
	var all bool
	var err error
	if call.Head, all, err = r.s.AppendEarly(call.Head); err != nil || all {
		return err
	}
	call.Content = r.s
	if call.Await = req.Continue && len(call.Head) == head && !r.s.Buffered(); call.Await {
		call.Head = append(call.Head[:len(call.Head)-2], "Expect: 100-continue\r\n\r\n"...)
	}
	return nil
}

// idempotent reports whether a request may be sent twice (RFC 9110 §9.2.2).
func idempotent(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete:
		return true
	}
	return false
}

// respond passes the response on.
func (r *relay) respond(call *http1.Call, req *http1.Request) (err error) {
	x := &r.x
	if call.Response.Status == http.StatusSwitchingProtocols {
		return r.tunnel(call)
	}
	if r.wait.answers(false) != nil {
		return http1.ErrAborted
	}
	x.status = call.Response.Status
	if x.in.draining.Load() || x.conn.leaving.Load() || !call.Sent() && !r.worthReading(req) {
		x.closing = true
	}
	x.bytesOut, err = r.s.Respond(call, x.closing)
	return err
}

// tunnel carries what a WebSocket says, both ways, until it ends.
func (r *relay) tunnel(call *http1.Call) (err error) {
	x := &r.x
	t := r.s.Tunnel(call, x.gen.limits.BodyIdleTimeout)
	if r.wait.switches(t) != nil {
		return http1.ErrAborted
	}
	x.status = http.StatusSwitchingProtocols
	x.bytesIn, x.bytesOut, err = t.Run()
	x.fault = r.wait.lost()
	return err
}

// breakOff implements breaker.
func (r *relay) breakOff(gently bool) {
	if !gently {
		_ = r.conn.Conn.Close() // without a close_notify
	}
}

// failed answers when the application could not, and breaks off a response that
// has begun, so that nobody takes it for whole.
func (r *relay) failed(req *http1.Request, err error) {
	f := faultOf(err)
	if lost := r.wait.lost(); lost != nil {
		f = lost
	}
	if f.status == statusClientClosed || r.x.status != 0 {
		r.x.fault, r.x.closing = f, true
		_ = r.conn.Conn.Close() // without a close_notify
		return
	}
	r.answer(req, f)
}
