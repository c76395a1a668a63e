package proxy

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/sidegate/sidegate/proxy/http1"
)

// relay forwards a request of HTTP/2 over HTTP/1.1, through the pool that the
// relays of HTTP/1.1 clients use: one write a request.
func (x *served) relay(pool *http1.Upstream) {
	call := pool.NewCall()
	defer call.Finish()
	x.fill(call)
	x.watch(call)
	defer x.unwatch()
	err := call.Do()
	if err == nil && x.wait.answers(false) != nil {
		err = http1.ErrAborted
	}
	if err == nil {
		x.copyHead(&call.Response)
		x.WriteHeader(call.Response.Status)
		err = x.copyContent(call)
	}
	if err != nil {
		x.relayFailed(err)
	}
}

// fill writes the request as the application gets it.
func (x *served) fill(call *http1.Call) {
	r := x.r
	head := append(call.Head, r.Method...)
	head = append(head, ' ')
	head = append(head, r.RequestURI...)
	head = append(head, " HTTP/1.1\r\nHost: "...)
	head = append(head, r.Host...)
	head = append(head, "\r\n"...)
	for name, values := range r.Header {
		if http1.HopByHop(name) || name == "Expect" || ours(x.gen.strip, name) {
			continue
		}
		if name == "Cookie" { // HTTP/2 may divide it (RFC 9113 §8.2.3)
			head = http1.AppendField(head, name, strings.Join(values, "; "))
			continue
		}
		for _, v := range values {
			head = http1.AppendField(head, name, v)
		}
	}
	head = x.verdict.appendIdentity(head, x.rule)
	head = append(head, x.conn.forwarded...)
	head = http1.AppendField(head, "X-Forwarded-Host", r.Host)
	if x.wantsTrailers() {
		head = append(head, "Te: trailers\r\n"...)
	}
	call.NoContent = r.Method == http.MethodHead
	if call.NoContent {
		head = append(head, "Connection: close\r\n"...)
	}
	call.Again = idempotent(r.Method)
	call.Interim = x.interim
	head = x.carry(head, call)
	call.Head = append(head, "\r\n"...)
}

// carry attaches the content and frames it.
func (x *served) carry(head []byte, call *http1.Call) []byte {
	body, ok := x.r.Body.(*guardedBody)
	if !ok || x.r.ContentLength == 0 {
		if _, announced := x.r.Header["Content-Length"]; announced {
			head = append(head, "Content-Length: 0\r\n"...)
		}
		return head
	}
	call.Content = &bodyContent{body: body}
	if call.Chunked = x.r.ContentLength < 0; call.Chunked {
		return append(head, "Transfer-Encoding: chunked\r\n"...)
	}
	head = append(head, "Content-Length: "...)
	head = strconv.AppendInt(head, x.r.ContentLength, 10)
	return append(head, "\r\n"...)
}

func (x *served) wantsTrailers() bool {
	te := x.r.Header["Te"]
	return len(te) > 0 && http1.WantsTrailers(te[0])
}

// copyHead passes on the fields of a response.
func (x *served) copyHead(res *http1.Response) {
	h := x.w.Header()
	var room [1 << 10]byte
	texts := room[:0] // all values, to become one text
	for i := range res.Fields {
		texts = append(texts, res.Fields[i].Value...)
	}
	rest, values := string(texts), make([]string, len(res.Fields))
	for i := range res.Fields {
		f := &res.Fields[i]
		values[i], rest = rest[:len(f.Value)], rest[len(f.Value):]
		if f.Hop {
			continue
		}
		name := http1.CanonicalName(f.Name)
		if had := h[name]; had != nil {
			h[name] = append(had, values[i])
		} else {
			h[name] = values[i : i+1 : i+1]
		}
	}
	if length, ok := res.Announced(); ok && res.Status != http.StatusNoContent {
		h["Content-Length"] = []string{strconv.FormatInt(length, 10)}
	}
}

// interim passes on an interim response; its fields are not those of the final one.
func (x *served) interim(res *http1.Response) error {
	h := x.w.Header()
	x.copyHead(res)
	x.w.WriteHeader(res.Status)
	clear(h)
	return nil
}

// copyContent passes on the content, and the trailers to a client that takes them.
func (x *served) copyContent(call *http1.Call) error {
	for {
		if !call.Ready() { // what is here goes out before the rest is waited for
			if err := x.FlushError(); err != nil {
				return &http1.WriteError{Err: err}
			}
		}
		p, err := call.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if _, err = x.Write(p); err != nil {
			return &http1.WriteError{Err: err}
		}
	}
	if x.wantsTrailers() {
		for _, f := range call.TrailerFields() {
			if !f.Hop {
				x.w.Header().Add(http.TrailerPrefix+http1.CanonicalName(f.Name), string(f.Value))
			}
		}
	}
	return nil
}

// relayFailed answers when the application could not, or cuts off a response
// that has begun.
func (x *served) relayFailed(err error) {
	f := faultOf(err)
	if lost := x.wait.lost(); lost != nil {
		f = lost
	}
	if f.status == statusClientClosed || x.status != 0 {
		x.fault = f
		panic(http.ErrAbortHandler)
	}
	x.answer(f)
}

// bodyContent is the body of a request as [http1.Content].
type bodyContent struct {
	body *guardedBody
	buf  []byte
}

// Next implements http1.Content.
func (c *bodyContent) Next() ([]byte, error) {
	if c.buf == nil {
		c.buf = make([]byte, copyBufferSize)
	}
	for {
		n, err := c.body.Read(c.buf)
		if n > 0 {
			return c.buf[:n], nil // an error comes again
		}
		if err != nil {
			return nil, err
		}
	}
}

// Interrupt implements http1.Content.
func (c *bodyContent) Interrupt() { c.body.interrupt() }
