// Package http1 holds HTTP/1.1 to its letter where the letter decides who said
// what: in the framing of messages.
//
// A connection carries one request after the other, and where one ends and the
// next begins is only a matter of reading. Two programs in a row that read it
// differently let a client smuggle a request past the first (RFC 9112 §11.2).
// [net/http] is lenient in places where others are lenient in other ways: it
// takes a bare LF for a line end and drops a Content-Length beside a
// Transfer-Encoding.
//
// [Guard] stands between the connection and net/http and reads along:
//
//	request-line → field lines → empty line → content → the next request-line
//	                                 │
//	                                 ├ Content-Length: n    n bytes, not looked at
//	                                 ├ chunked              size, data, …, 0, trailer
//	                                 └ CONNECT or Upgrade   no longer HTTP: not looked at
//
// The LF that completes a line is passed on only if the line is well formed, and
// the LF that completes a head only if the head as a whole can be understood in
// one way. So net/http, which acts on complete lines and heads, never sees
// a request that is not strict; it sees a Read that fails with a [*Violation],
// answers 400 and closes the connection.
//
// Content is skipped in whole spans, and the requests of a connection are
// checked without allocation.
package http1
