package http1_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/sidegate/sidegate/proxy/http1"
)

// A wire is a connection on which r arrives.
type wire struct {
	net.Conn
	r io.Reader
}

func (w wire) Read(b []byte) (int, error) { return w.r.Read(b) }

func (wire) SetReadDeadline(time.Time) error { return nil }

// through reads all of input through a Guard and returns what passed and why
// the rest did not.
func through(t *testing.T, input io.Reader, o http1.Options) (passed []byte, reason string) {
	t.Helper()
	guard := http1.Guard(wire{r: input}, o)
	passed, err := io.ReadAll(guard)
	var v *http1.Violation
	switch {
	case err == nil:
		return passed, ""
	case !errors.As(err, &v):
		t.Fatalf("Read: %v, want a Violation", err)
	case v.Detail == "" || len(v.Detail) > 300:
		t.Errorf("the detail has %d bytes: %s", len(v.Detail), v.Detail)
	}
	if n, again := guard.Read(make([]byte, 8)); n != 0 || again != err {
		t.Errorf("the next Read: %d, %v; want the same Violation", n, again)
	}
	return passed, v.Reason
}

// feeds are the ways in which the same bytes may arrive.
var feeds = map[string]func(input string) io.Reader{
	"at once":         func(s string) io.Reader { return strings.NewReader(s) },
	"byte by byte":    func(s string) io.Reader { return iotest.OneByteReader(strings.NewReader(s)) },
	"one, then all":   func(s string) io.Reader { return io.MultiReader(strings.NewReader(s[:1]), strings.NewReader(s[1:])) },
	"with end at end": func(s string) io.Reader { return iotest.DataErrReader(strings.NewReader(s)) },
	"in two halves": func(s string) io.Reader {
		return io.MultiReader(strings.NewReader(s[:len(s)/2]), strings.NewReader(s[len(s)/2:]))
	},
}

func accept(t *testing.T, what, input string) {
	t.Helper()
	for feed, reader := range feeds {
		passed, reason := through(t, reader(input), http1.Options{})
		if reason != "" || string(passed) != input {
			t.Errorf("%s, %s: refused as %q after %q", what, feed, reason, passed)
		}
		if _, reason := relayed(reader(input), roomy); reason != "" {
			t.Errorf("%s, %s: refused by the Session as %q", what, feed, reason)
		}
	}
}

// refuse also sees that net/http would make no complete request, after the good
// ones, of what passes.
func refuse(t *testing.T, why, what, input string, good int) {
	t.Helper()
	for feed, reader := range feeds {
		passed, reason := through(t, reader(input), http1.Options{})
		if reason != why {
			t.Errorf("%s, %s: refused as %q, want %q", what, feed, reason, why)
		}
		if !strings.HasPrefix(input, string(passed)) {
			t.Errorf("%s, %s: passed %q", what, feed, passed)
		}
		if n := requests(passed); n != good {
			t.Errorf("%s, %s: net/http reads %d requests from %q, want %d", what, feed, n, passed, good)
		}
		if n, reason := relayed(reader(input), roomy); reason != why || n != good {
			t.Errorf("%s, %s: refused by the Session as %q after %d requests, want %q after %d", what, feed, reason, n, why, good)
		}
	}
}

// roomy are the default limits of a Guard.
var roomy = http1.Limits{HeadBytes: http1.DefaultHeadBytes, Fields: http1.DefaultFields, HeadTime: time.Minute, ContentIdle: time.Minute}

// relayed reads requests as the relay does, up to the first that is refused or
// unfinished, or asks for what is not HTTP.
func relayed(input io.Reader, limits http1.Limits) (complete int, reason string) {
	s := http1.NewSession(wire{r: input})
	for {
		if s.Await(time.Minute) != nil {
			return complete, ""
		}
		req, err := s.Read(&limits)
		if err == nil && (req.Upgrades > 0 || string(req.Method) == http.MethodConnect) {
			return complete + 1, ""
		}
		for err == nil {
			_, err = s.Next()
		}
		if v, ok := errors.AsType[*http1.Violation](err); ok {
			return complete, v.Reason
		}
		if err != io.EOF {
			return complete, ""
		}
		complete++
	}
}

// requests counts the complete requests that net/http reads.
func requests(b []byte) (n int) {
	r := bufio.NewReader(bytes.NewReader(b))
	for {
		req, err := http.ReadRequest(r)
		if err != nil {
			return n
		}
		if _, err := io.Copy(io.Discard, req.Body); err != nil {
			return n
		}
		n++
	}
}

// get and post make requests of head lines and content.
func get(lines ...string) string {
	return "GET / HTTP/1.1\r\n" + strings.Join(lines, "\r\n") + "\r\n\r\n"
}

func post(content string, lines ...string) string {
	return "POST /p HTTP/1.1\r\nHost: a\r\n" + strings.Join(lines, "\r\n") + "\r\n\r\n" + content
}

func chunked(content string) string { return post(content, "Transfer-Encoding: chunked") }

func TestStrictRequestsPass(t *testing.T) {
	many := strings.Repeat("X: y\r\n", 98) + "X: y"
	for what, input := range map[string]string{
		"the least":               get("Host: a"),
		"HTTP/1.0 without Host":   "GET / HTTP/1.0\r\n\r\n",
		"HTTP/1.0 with length":    "POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\nab",
		"any token as method":     "m-SEARCH! / HTTP/1.1\r\nHost: a\r\n\r\n",
		"a query as it likes":     "GET /a?b=%&c='\"<>;d=/../ HTTP/1.1\r\nHost: a\r\n\r\n",
		"an encoded path":         "GET /%c3%A9 HTTP/1.1\r\nHost: a\r\n\r\n",
		"the absolute form":       "GET http://a.example:8443/x HTTP/1.1\r\nHost: A.example:8443\r\n\r\n",
		"no path in it":           "GET https://a?x=%zz HTTP/1.1\r\nHost: a\r\n\r\n",
		"the asterisk form":       "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
		"a port":                  get("Host: a.b-c_d.example:8443"),
		"an IPv4 address":         get("Host: 192.0.2.1"),
		"an IPv6 address":         get("Host: [2001:db8::1]:443"),
		"no white space":          get("Host:a", "X:", "Y:z"),
		"much white space":        get("Host: \t a \t ", "X: \t ", "Y: a\tb  c "),
		"text beyond ASCII":       get("Host: a", "X: \xe9\xff"),
		"as many fields":          get("Host: a", many),
		"names in any case":       post("ab", "cOnTeNt-LeNgTh: 2"),
		"no content":              post("", "Content-Length: 0"),
		"leading zeros":           post("ab", "Content-Length: 000000000000000002"),
		"content like a request":  post("GET / HTTP/1.1\n\n\r\n", "Content-Length: 19"),
		"chunks":                  chunked("2\r\nab\r\nA\r\n0\r\n\r\n\n\r\r\x00?\r\n0\r\n\r\n"),
		"chunks in any case":      post("0\r\n\r\n", "transfer-encoding: \tCHUNKED "),
		"chunk size with zeros":   chunked("00000000000000a\r\n0123456789\r\n000\r\n\r\n"),
		"chunk extensions":        chunked("1;a=b;c=\"d\"\r\nx\r\n0;e\r\n\r\n"),
		"a trailer":               chunked("1\r\nx\r\n0\r\nX-Sum: 1\r\nY:\r\n\r\n"),
		"an announced trailer":    post("0\r\nX: 1\r\n\r\n", "Transfer-Encoding: chunked", "Trailer: X, Y"),
		"an unfinished head":      "GET / HTTP/1.1\r\nHost: a\r\n",
		"an unfinished content":   post("abc", "Content-Length: 18"),
		"an unfinished chunk":     chunked("ff\r\nabc"),
		"requests in a row":       get("Host: a") + post("ab", "Content-Length: 2") + chunked("1\r\nx\r\n0\r\nT: u\r\n\r\n") + get("Host: b"),
		"anything after CONNECT":  "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n\x16\x03\n\n",
		"anything after Upgrade":  get("Host: a", "Connection: upgrade", "upgrade: websocket") + "\x81\x00\n\n",
		"anything, with a length": get("Host: a", "Upgrade: x", "Content-Length: 1") + "\n\n\n",
	} {
		accept(t, what, input)
	}
}

func TestRequestLines(t *testing.T) {
	for why, inputs := range map[string][]string{
		http1.BadLineEnding: {
			"GET / HTTP/1.1\nHost: a\r\n\r\n", "GET / HTTP/1.1\rHost: a\r\n\r\n", "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n",
			"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET /\rx HTTP/1.1\r\nHost: a\r\n\r\n",
		},
		http1.BadRequestLine: {
			"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", " GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET\r\n\r\n", "GET /\r\n\r\n",
			"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", "GET  HTTP/1.1\r\nHost: a\r\n\r\n", "G(T / HTTP/1.1\r\nHost: a\r\n\r\n",
			"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", "\x16\x03\x01 \r\n\r\n", "G\x00T / HTTP/1.1\r\n\r\n", "\xef\xbb\xbfGET / HTTP/1.1\r\n\r\n",
		},
		http1.BadVersion: {
			"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", "GET / x HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.2\r\nHost: a\r\n\r\n",
			"GET / HTTP/2.0\r\nHost: a\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET / HTTP/0.9\r\n\r\n", "GET / http/1.1\r\nHost: a\r\n\r\n",
			"GET / HTTP/1.10\r\nHost: a\r\n\r\n", "GET / \r\n\r\n", "GET /  HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1\r\n\r\n",
		},
		http1.BadTarget: {
			"GET x HTTP/1.1\r\nHost: a\r\n\r\n", "GET * HTTP/1.1\r\nHost: a\r\n\r\n", "GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n",
			"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n", "GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n", "GET /\tx HTTP/1.1\r\nHost: a\r\n\r\n",
			"GET /é HTTP/1.1\r\nHost: a\r\n\r\n", "GET /#x HTTP/1.1\r\nHost: a\r\n\r\n", "GET /a?b#c HTTP/1.1\r\nHost: a\r\n\r\n",
			"GET /% HTTP/1.1\r\nHost: a\r\n\r\n", "GET /%2 HTTP/1.1\r\nHost: a\r\n\r\n", "GET /%2g?x HTTP/1.1\r\nHost: a\r\n\r\n",
			"GET /%2?a HTTP/1.1\r\nHost: a\r\n\r\n", "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "GET http:/a HTTP/1.1\r\nHost: a\r\n\r\n",
			"GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n", "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", "GET http://a:/ HTTP/1.1\r\nHost: a:\r\n\r\n",
			"GET http://a/%zz HTTP/1.1\r\nHost: a\r\n\r\n", "GET http://[::1/ HTTP/1.1\r\nHost: a\r\n\r\n", "GET ?x HTTP/1.1\r\nHost: a\r\n\r\n",
			"CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n", "CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n", "CONNECT a: HTTP/1.1\r\nHost: a\r\n\r\n",
			"CONNECT :1 HTTP/1.1\r\nHost: a\r\n\r\n", "CONNECT http://a:1 HTTP/1.1\r\nHost: a\r\n\r\n", "CONNECT a:123456 HTTP/1.1\r\nHost: a\r\n\r\n",
		},
	} {
		for _, input := range inputs {
			refuse(t, why, input, input, 0)
		}
	}
}

func TestFields(t *testing.T) {
	for why, inputs := range map[string][]string{
		http1.BadLineEnding: {
			"GET / HTTP/1.1\r\nHost: a\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\n", "GET / HTTP/1.1\r\nHost: a\r\n\r\r\n",
			get("Host: a", "X: a\rb"), get("Host: a", "X: a\nb: c"), get("Host: a", "X: a\r"), get("Host: a", "\rX: a"),
		},
		http1.BadField: {
			get("Host: a", "X : b"), get("Host: a", "X\t: b"), get("Host: a", " X: b"), get("Host: a", "X: b", " folded"), get("Host: a", "X: b", "\tfolded"),
			get(" Host: a"), get("Host: a", " "), get("Host: a", "X"), get("Host: a", ": b"), get("Host: a", "X Y: b"), get("Host: a", "X(: b"),
			get("Host: a", "\x00X: b"), get("Host: a", "é: b"), get("Host: a", "X: \x00"), get("Host: a", "X: a\x1b[2J"), get("Host: a", "X: \x7f"),
			get("Host: a", "Transfer-Encoding : chunked"), get("Host: a", "Content-Length\x0b: 5"), get("Host: a", "X: \x0b"),
		},
		http1.TooManyFields: {get("Host: a", strings.Repeat("X: y\r\n", 99)+"X: y")},
		http1.BadHost: {
			get("X: y"), "GET / HTTP/1.1\r\n\r\n", get("Host: a", "Host: a"), get("Host: a", "hOST: b"), "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n",
			get("Host:"), get("Host: a b"), get("Host: a,b"), get("Host: a/b"), get("Host: u@a"), get("Host: a:"), get("Host: a:b"), get("Host: a:1:2"),
			get("Host: :80"), get("Host: [::1"), get("Host: ::1"), get("Host: [a]"), get("Host: [::1]x"), get("Host: [fe80::1%25x]"), get("Host: [192.0.2.1]"),
			get("Host: a%2eb"), get("Host: a?b"), get("Host: \xe9"), get("Host: http://a"),
			"GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n", "GET http://a:80/ HTTP/1.1\r\nHost: a\r\n\r\n", "GET http://a/ HTTP/1.1\r\n\r\n",
		},
	} {
		for _, input := range inputs {
			refuse(t, why, input, input, 0)
		}
	}
}
