// Package probe calls a TLS server once and tells all that it saw: what
// openssl s_client and curl -v need several commands for, and a sentence on
// each thing that went wrong.
//
// A probe goes as far as it can, and each station adds to one [Report]:
//
//	target.go     URL ──► who is called, under which name
//	dial.go       name ──► addresses ──► one connection
//	handshake.go  the TLS handshake, with nothing verified in it, so that a bad
//	              chain does not hide what else there is to see
//	chain.go      the certificates as they were sent: order, gaps, dates, names
//	verify.go     the verdict on them: the anchors of --ca, or those of the system
//	client.go     was a certificate asked of us, for which CAs, and was ours good
//	request.go    one HTTP request, to a server that was verified and to no other
//	text.go       the Report for people; as JSON it is for scripts
//
// A client certificate is presented in the handshake, to whoever asks: it is no
// secret, and the proof that goes with it is of no use to anybody else. Whatever
// follows the handshake is sent only once the server is verified, and there is no
// switch for that.
//
// What the server sends is hostile. Everything is bounded in bytes, in number
// and in time, and whatever ends in a Report is escaped on its way there: no
// control character, line end or invisible one of a certificate or a body
// reaches a terminal. The private key is used by crypto/tls and shown nowhere.
package probe
