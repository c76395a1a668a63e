package http1

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// A message is what a reader understood.
type message struct {
	Start, Host string // method and target, or status
	Header      http.Header
	Length      int64
	Content     string
	Trailer     http.Header
	End         int // offset behind it in the stream
}

// headerOf makes a header of fields.
func headerOf(fields []Field, hop bool) http.Header {
	h := http.Header{}
	for _, f := range fields {
		if hop || !f.Hop {
			h.Add(string(f.Name), string(f.Value))
		}
	}
	return h
}

// trimHeader makes headers comparable: net/http keeps some fields elsewhere, adds
// a Cache-Control to a Pragma, and has announced trailers without a value.
func trimHeader(h http.Header) http.Header {
	out := http.Header{}
	for name, values := range h {
		if len(values) > 0 {
			out[name] = values
		}
	}
	out.Del("Host")
	out.Del("Transfer-Encoding")
	out.Del("Trailer")
	if p := out["Pragma"]; len(p) > 0 && p[0] == "no-cache" && slices.Equal(out["Cache-Control"], []string{"no-cache"}) {
		out.Del("Cache-Control")
	}
	return out
}

// A relaying is how a Session divides a stream: the complete requests, what it
// would send on for each, and why it stopped.
type relaying struct {
	Requests []message
	Sent     []string
	Reason   string
	opaque   bool
}

func relayAll(in io.Reader, unread *bytes.Reader) (r relaying) {
	size := unread.Len()
	s := NewSession(pipe{r: in})
	defer s.Close()
	for {
		if s.Await(patience) != nil {
			return r
		}
		req, err := s.Read(&testLimits)
		if err != nil {
			return r.stop(err)
		}
		m := message{Start: string(req.Method) + " " + string(req.Target), Host: string(req.Host), Header: headerOf(req.Fields, true), Length: req.Length}
		head := req.AppendStart(nil)
		for _, f := range req.Fields {
			if !f.Hop {
				head = AppendField(head, f.Name, f.Value)
			}
		}
		if r.opaque = req.Upgrades > 0 || string(req.Method) == "CONNECT"; r.opaque {
			return r
		}
		if m.Content, err = readAll(s); err != nil {
			return r.stop(err)
		}
		m.Trailer = headerOf(s.body.trailers.list, true)
		m.End = size - unread.Len() - (s.in.w - s.in.r)
		r.Requests = append(r.Requests, m)
		r.Sent = append(r.Sent, frameAgain(head, m))
	}
}

func (r relaying) stop(err error) relaying {
	if v, ok := errors.AsType[*Violation](err); ok {
		r.Reason = v.Reason
	}
	return r
}

// frameAgain is the request as the application gets it.
func frameAgain(head []byte, m message) string {
	if m.Length < 0 {
		head = append(head, "Transfer-Encoding: chunked\r\n\r\n"...)
		if m.Content != "" {
			head = AppendChunk(head, []byte(m.Content))
		}
		return string(head) + "0\r\n\r\n"
	}
	return string(head) + "Content-Length: " + itoa(len(m.Content)) + "\r\n\r\n" + m.Content
}

// understood is a request as net/http reads it.
func understood(r *bufio.Reader, unread *bytes.Reader, size int) (m message, err error) {
	req, err := http.ReadRequest(r)
	if err != nil {
		return m, err
	}
	content, err := io.ReadAll(req.Body)
	return message{
		Start: req.Method + " " + req.RequestURI, Host: req.Host, Header: req.Header, Length: req.ContentLength,
		Content: string(content), Trailer: req.Trailer, End: size - unread.Len() - r.Buffered(),
	}, err
}

var requestSeeds = []string{
	getHead,
	"GET http://h/x HTTP/1.1\r\nHost: H\r\n\r\nOPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\nOPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET http://[::ffff:1.2.3.4]:80/%41?%zz HTTP/1.0\r\nHost: [::ffff:1.2.3.4]:80\r\n\r\nGET / HTTP/1.1\r\nHost:b\r\nX:\t\x80 \r\n\r\n",
	"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabcGET / HTTP/1.1\r\nHost: a\r\n\r\n",
	"POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\nTE: trailers\r\n\r\n2;x\r\nab\r\n0\r\nX: y\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /?a HTTP/1.1\r\nhost: a\r\nConnection: close, x-y\r\nX-Y: z\r\nPragma: no-cache\r\nX-y: t\r\nkeep-alive: 1\r\n\r\n",
	"OPTIONS * HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\n\r\n\x00", "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n\x00", "GET / HTTP/1.1\nHost: a\n\n",
	"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
}

// What the relay accepts is what net/http reads, and what it sends on is the
// same once more. What it refuses, the Guard refuses for the same reason.
func FuzzRequest(f *testing.F) {
	for _, seed := range requestSeeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(checkRequests)
}

// The same for content in chunks.
func FuzzBody(f *testing.F) {
	for _, seed := range []string{
		"0\r\n\r\n", "2;x\r\nab\r\n00a;y=\"z\"\r\n0123456789\r\n0\r\nX: y\r\nConnection: x\r\n\r\n" + getHead, "1\r\nx\n0\r\n\r\n", "1\r\nx\r0\r\n\r\n",
		"0\r\nHost: a\r\n\r\n", "0\r\nX\r\n\r\n", "fffffffffffffff\r\nx", "1\r\nab\r\n0\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		checkRequests(t, append([]byte("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"), input...))
	})
}

func checkRequests(t *testing.T, input []byte) {
	if len(input) > 8<<10 {
		return // net/http gives up on 16 KiB of chunk extensions
	}
	unread := bytes.NewReader(input)
	got := relayAll(unread, unread)
	slow := bytes.NewReader(input)
	if d := cmp.Diff(got.Requests, relayAll(iotest.OneByteReader(slow), slow).Requests); d != "" {
		t.Fatalf("%q: byte by byte it is something else:\n%s", input, d)
	}
	again := bytes.NewReader(input)
	buffered := bufio.NewReaderSize(again, 16<<10)
	for i, m := range got.Requests {
		want, err := understood(buffered, again, len(input))
		if err != nil || !sameRequest(m, want) {
			t.Fatalf("request %d of %q: net/http says %v\n%s", i, input, err, cmp.Diff(want, m))
		}
		checkSent(t, m, got.Sent[i])
	}
	if reason := guardSays(input); reason != got.Reason && !got.opaque && bytes.Count(input, []byte(",")) < maxOptions {
		t.Fatalf("%q: refused as %q, by the Guard as %q", input, got.Reason, reason)
	}
}

// sameRequest compares what the relay and net/http read. Where the target and
// Host differ in case, each has chosen another.
func sameRequest(a, b message) bool {
	if !strings.EqualFold(a.Host, b.Host) {
		return false
	}
	a.Host = b.Host
	a.Header, b.Header = trimHeader(a.Header), trimHeader(b.Header)
	a.Trailer, b.Trailer = trimHeader(a.Trailer), trimHeader(b.Trailer)
	return cmp.Equal(a, b)
}

// checkSent has net/http read what the application gets of m.
func checkSent(t *testing.T, m message, sent string) {
	unread := strings.NewReader(sent)
	req, err := http.ReadRequest(bufio.NewReader(unread))
	if err != nil {
		t.Fatalf("sent on as %q, which net/http refuses: %v", sent, err)
	}
	content, err := io.ReadAll(req.Body)
	method, target, _ := strings.Cut(m.Start, " ")
	if _, rest, absolute := strings.Cut(target, "://"); absolute && target[0] != '/' {
		target = rest[min(len(rest), strings.IndexAny(rest+"/", "/?")):]
		switch {
		case target == "" && method == "OPTIONS":
			target = "*"
		case !strings.HasPrefix(target, "/"):
			target = "/" + target
		}
	}
	if req.Method != method || req.RequestURI != target || req.Host != m.Host || string(content) != m.Content || err != nil {
		t.Fatalf("%+v was sent on as %q: %v", m, sent, err)
	}
	want := m.Header.Clone()
	for _, name := range append(connectionOptions(want), "Connection", "Keep-Alive", "Proxy-Connection", "Te", "Upgrade", "Expect",
		"Proxy-Authorization", "Proxy-Authenticate", "Content-Length") {
		want.Del(name)
	}
	got := trimHeader(req.Header)
	got.Del("Content-Length")
	if d := cmp.Diff(trimHeader(want), got); d != "" {
		t.Fatalf("the fields of %+v were sent on as %q:\n%s", m, sent, d)
	}
}

func connectionOptions(h http.Header) (names []string) {
	for _, value := range h["Connection"] {
		for name := range strings.SplitSeq(value, ",") {
			if name = strings.Trim(name, " \t"); !strings.EqualFold(name, "close") && !strings.EqualFold(name, "keep-alive") {
				names = append(names, name)
			}
		}
	}
	return names
}

func guardSays(input []byte) string {
	s := stream{headLimit: testLimits.HeadBytes, fieldLimit: testLimits.Fields}
	if _, v := s.scan(input); v != nil {
		return v.Reason
	}
	return ""
}
