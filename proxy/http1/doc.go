// Package http1 is a relay of HTTP/1.1 that holds its peers to the letter where
// the letter decides who said what: in the framing of messages.
//
// A connection carries one message after the other, and where one ends and the
// next begins is only a matter of reading. Two programs in a row that read it
// differently let a client smuggle a request past the first (RFC 9112 §11.2). So
// what can be understood in two ways is refused here, with a [*Violation] that
// says why, and what is understood is written anew: nothing is passed on in the
// form in which it came.
//
//	client                                                       application
//	   │       Session                               Call             │
//	   │  ┌─────────────────┐               ┌─────────────────────┐   │
//	   ├──┤ Await  Read ────┼─── Request ───┼► Head  Do ──────────┼──►│
//	   ├──┤ Next ───────────┼─── Content ───┼► (its own goroutine)┼──►│
//	   │◄─┤ Interim ◄───────┼── Response ───┼─ 1xx ◄──────────────┼───┤
//	   │◄─┤ Respond ◄───────┼── Response ───┼─ Next ◄─────────────┼───┤
//	   │◄►┤ Tunnel ─────────┼───── 101 ─────┼─────────────────────┼◄─►│
//	   │  └─────────────────┘               └──────────┬──────────┘   │
//	   │                                     Upstream: idle connections
//
// A [Session] is the connection of a client. It waits for a request without a
// buffer, and with one it reads a head ([Request]), whose fields are slices of
// that buffer, until the content takes their place. A [Call] is one exchange with
// the application over a connection of an [Upstream]. Between them stands the
// caller, who decides what of the one becomes the head of the other. An exchange
// without content runs on the goroutine of its connection and does not allocate.
//
// What both sides are read by, from the bytes upwards:
//
//	source       a connection and its buffer: lines, spans
//	head chunk   the grammar: request-line, fields, chunk sizes, trailers
//	target chars
//	body         the content of one message, however it is framed
//
// What an application sends is held to the same letter, because a response that
// is read in two ways goes to the wrong client. A connection is used again only
// if nothing is left to say on it, and nothing came that was not asked for; a
// [Watch] looks at the socket before it is taken.
//
// # The Guard
//
// For connections that net/http serves itself there is [Guard]. net/http is
// lenient where others are lenient in other ways: it takes a bare LF for a line
// end and drops a Content-Length beside a Transfer-Encoding. The Guard stands
// between the connection and net/http and reads along, with the same grammar:
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
package http1
