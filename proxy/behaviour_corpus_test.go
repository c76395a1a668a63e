package proxy_test

import "strings"

// line, get, post and chunks make the requests of the corpus: each says only
// what is odd about it.
func line(l string) string { return l + "\r\nHost: a.example\r\n\r\n" }

func get(fields ...string) string {
	return "GET /bad HTTP/1.1\r\nHost: a.example\r\n" + strings.Join(fields, "\r\n") + "\r\n\r\n"
}

func post(body string, fields ...string) string {
	return "POST /bad HTTP/1.1\r\nHost: a.example\r\n" + strings.Join(fields, "\r\n") + "\r\n\r\n" + body
}

func chunks(body string) string { return post(body, "Transfer-Encoding: chunked") }

const (
	te = "Transfer-Encoding: chunked"
	cl = "Content-Length: "
	x0 = "0\r\n\r\n"
)

// The line that says what is asked (RFC 9112 §3).
var refusedLines = []refusal{
	{name: "an empty line first", request: "\r\n" + line("GET /bad HTTP/1.1")},
	{name: "a bare LF first", request: "\n" + line("GET /bad HTTP/1.1")},
	{name: "a blank first", request: line(" GET /bad HTTP/1.1")},
	{name: "a byte order mark first", request: line("\xef\xbb\xbfGET /bad HTTP/1.1")},
	{name: "HTTP/0.9", request: "GET /bad\r\n"},
	{name: "HTTP/0.9 with fields", request: line("GET /bad")},
	{name: "no version", request: line("GET /bad ")},
	{name: "the preface of HTTP/2", request: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
	{name: "HTTP/2.0", request: line("GET /bad HTTP/2.0")},
	{name: "HTTP/1.2", request: line("GET /bad HTTP/1.2")},
	{name: "HTTP/1.10", request: line("GET /bad HTTP/1.10")},
	{name: "HTTP/01.1", request: line("GET /bad HTTP/01.1")},
	{name: "HTTP/1", request: line("GET /bad HTTP/1")},
	{name: "a version in lower case", request: line("GET /bad http/1.1")},
	{name: "another protocol", request: line("GET /bad RTSP/1.0")},
	{name: "a blank after the version", request: line("GET /bad HTTP/1.1 ")},
	{name: "two versions", request: line("GET /bad HTTP/1.1 HTTP/1.1")},
	{name: "tabs for blanks", request: line("GET\t/bad\tHTTP/1.1")},
	{name: "a tab before the target", request: line("GET \t/bad HTTP/1.1")},
	{name: "two blanks before the target", request: line("GET  /bad HTTP/1.1")},
	{name: "two blanks after the target", request: line("GET /bad  HTTP/1.1")},
	{name: "a blank in the target", request: line("GET /b ad HTTP/1.1")},
	{name: "a vertical tab in the target", request: line("GET /b\x0bad HTTP/1.1")},
	{name: "NUL in the target", request: line("GET /bad\x00 HTTP/1.1")},
	{name: "DEL in the target", request: line("GET /bad\x7f HTTP/1.1")},
	{name: "a bare CR in the line", request: line("GET /bad\rX: HTTP/1.1")},
	{name: "a bare CR before CRLF", request: line("GET /bad HTTP/1.1\r")},
	{name: "a bare LF after the line", request: "GET /bad HTTP/1.1\nHost: a.example\r\n\r\n"},
	{name: "eight bits in the target", request: line("GET /b\xc3\xa9d HTTP/1.1")},
	{name: "a fragment", request: line("GET /bad#x HTTP/1.1")},
	{name: "a percent sign alone", request: line("GET /bad% HTTP/1.1")},
	{name: "no slash", request: line("GET bad HTTP/1.1")},
	{name: "a query alone", request: line("GET ?bad HTTP/1.1")},
	{name: "an asterisk that is no OPTIONS", request: line("GET * HTTP/1.1")},
	{name: "the asterisk", request: line("OPTIONS * HTTP/1.1")},
	{name: "an authority that is no CONNECT", request: line("GET a.example:80 HTTP/1.1")},
	{name: "another scheme", request: line("GET ftp://a.example/bad HTTP/1.1")},
	{name: "one slash", request: line("GET http:/a.example/bad HTTP/1.1")},
	{name: "an absolute target for another host", request: line("GET http://b.example/bad HTTP/1.1")},
	{name: "an absolute target for another port", request: line("GET http://a.example:8080/bad HTTP/1.1")},
	{name: "an absolute target with user information", request: line("GET http://a.example@b.example/bad HTTP/1.1")},
	{name: "an absolute target without host", request: line("GET http:///bad HTTP/1.1")},
	{name: "a method in brackets", request: line("[GET] /bad HTTP/1.1")},
	{name: "a method with a colon", request: line("GET: /bad HTTP/1.1")},
	{name: "NUL in the method", request: line("G\x00ET /bad HTTP/1.1")},
	{name: "eight bits in the method", request: line("G\xc3\x89T /bad HTTP/1.1")},
	{name: "no method", request: line(" /bad HTTP/1.1")},
	{name: "a line beyond the limit", request: line("GET /" + strings.Repeat("a", 20<<10) + " HTTP/1.1"), status: "431|414"},
	{name: "CONNECT", request: line("CONNECT a.example:443 HTTP/1.1"), status: "405"},
	{name: "CONNECT with a length", request: "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example\r\n" + cl + "3\r\n\r\nabc", status: "405"},
	{name: "CONNECT to a path", request: line("CONNECT /bad HTTP/1.1"), status: "400|405"},
}

// Fields that are none, and fields that say something about the connection.
var refusedFields = []refusal{
	{name: "a blank before the colon", request: get("X-A : b")},
	{name: "a tab before the colon", request: get("X-A\t: b")},
	{name: "a blank in the name", request: get("X A: b")},
	{name: "no colon", request: get("X-A")},
	{name: "no name", request: get(": b")},
	{name: "brackets in the name", request: get("X(A): b")},
	{name: "NUL in the name", request: get("X\x00A: b")},
	{name: "eight bits in the name", request: get("X-\xc3\xa9: b")},
	{name: "a blank before the first field", request: "GET /bad HTTP/1.1\r\n X: y\r\nHost: a.example\r\n\r\n"},
	{name: "a folded line", request: get("X-A: b", " c")},
	{name: "a line folded by a tab", request: get("X-A: b", "\tc")},
	{name: "a line folded to nothing", request: get("X-A: b", " ")},
	{name: "NUL in a value", request: get("X-A: b\x00c")},
	{name: "a control character in a value", request: get("X-A: b\x01c")},
	{name: "a vertical tab in a value", request: get("X-A: \x0bb")},
	{name: "DEL in a value", request: get("X-A: b\x7f")},
	{name: "a bare CR in a value", request: get("X-A: b\rX-B: c")},
	{name: "a bare CR before CRLF", request: get("X-A: b\r")},
	{name: "a bare LF after a field", request: get("X-A: b\nX-B: c")},
	{name: "LF CR for CRLF", request: "GET /bad HTTP/1.1\r\nHost: a.example\n\r\n\r"},
	{name: "a head that ends in bare LFs", request: "GET /bad HTTP/1.1\r\nHost: a.example\n\n"},
	{name: "a head that ends in bare CRs", request: "GET /bad HTTP/1.1\r\nHost: a.example\r\r\n"},
	{name: "a field beyond the limit", request: get("X-A: " + strings.Repeat("b", 20<<10)), status: "431"},
	{name: "a name beyond the limit", request: get(strings.Repeat("X", 20<<10) + ": b"), status: "431|400"},
	{name: "fields beyond the limit", request: get("X-A: "+strings.Repeat("b", 6000), "X-B: "+strings.Repeat("b", 6000)), status: "431"},
	{name: "too many fields", request: get(strings.Repeat("X: y\r\n", 500) + "X: y"), status: "431|400"},
	{name: "no Host", request: "GET /bad HTTP/1.1\r\nX-A: b\r\n\r\n"},
	{name: "nothing but a line", request: "GET /bad HTTP/1.1\r\n\r\n"},
	{name: "an empty Host", request: "GET /bad HTTP/1.1\r\nHost:\r\n\r\n"},
	{name: "two Hosts", request: get("Host: b.example")},
	{name: "the same Host twice", request: get("host: a.example")},
	{name: "a second Host in disguise", request: get("Host : b.example")},
	{name: "a Host behind a folded line", request: get("X-A: b", " Host: b.example")},
	{name: "a list of Hosts", request: "GET /bad HTTP/1.1\r\nHost: a.example, b.example\r\n\r\n"},
	{name: "a Host with a path", request: "GET /bad HTTP/1.1\r\nHost: a.example/x\r\n\r\n"},
	{name: "a Host with user information", request: "GET /bad HTTP/1.1\r\nHost: a@b.example\r\n\r\n"},
	{name: "a Host with two ports", request: "GET /bad HTTP/1.1\r\nHost: a.example:80:81\r\n\r\n"},
	{name: "a Host with a port that is none", request: "GET /bad HTTP/1.1\r\nHost: a.example:80a\r\n\r\n"},
	{name: "a Host with a scheme", request: "GET /bad HTTP/1.1\r\nHost: http://a.example\r\n\r\n"},
	{name: "a Host with a percent sign", request: "GET /bad HTTP/1.1\r\nHost: a%2eexample\r\n\r\n"},
	{name: "an address with a zone", request: "GET /bad HTTP/1.1\r\nHost: [fe80::1%25eth0]\r\n\r\n"},
	{name: "an open bracket", request: "GET /bad HTTP/1.1\r\nHost: [::1\r\n\r\n"},
	{name: "an upgrade to h2c", request: get("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA")},
	{name: "an upgrade to h2c that Connection does not know", request: get("Upgrade: h2c")},
	{name: "an upgrade to several", request: get("Connection: Upgrade", "Upgrade: websocket, h2c")},
	{name: "an upgrade to WebSocket where it is off", request: get("Connection: Upgrade", "Upgrade: websocket")},
	{name: "an upgrade to TLS", request: get("Connection: Upgrade", "Upgrade: TLS/1.3")},
	{name: "Connection names Content-Length", request: post("hello", cl+"5", "Connection: Content-Length")},
	{name: "Connection names Host", request: get("Connection: close, host")},
	{name: "Connection names Transfer-Encoding", request: post(x0, te, "Connection: transfer-encoding")},
	{name: "an odd expectation", request: post("hello", cl+"5", "Expect: 200-ok"), status: "417|400"},
	{name: "two expectations", request: post("hello", cl+"5", "Expect: 100-continue, x"), status: "417|400"},
	{name: "an empty expectation", request: post("hello", cl+"5", "Expect:"), status: "417|400"},
	{name: "TRACE with a body", request: "TRACE /bad HTTP/1.1\r\nHost: a.example\r\n" + cl + "5\r\n\r\nhello"},
}
