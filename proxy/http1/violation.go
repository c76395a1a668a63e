package http1

import "fmt"

// The reasons of a [Violation].
const (
	BadLineEnding       = "bad-line-ending"       // a line that does not end in CRLF, or has a CR in it
	BadRequestLine      = "bad-request-line"      // not: method SP target SP HTTP-version
	BadTarget           = "bad-target"            // no form of RFC 9112 §3.2, or not one that fits the method
	BadVersion          = "bad-version"           // neither HTTP/1.0 nor HTTP/1.1
	BadStatusLine       = "bad-status-line"       // of a response: not: HTTP-version SP status-code SP reason-phrase
	BadField            = "bad-field"             // not: name ":" OWS value OWS
	TooManyFields       = "too-many-fields"       // more than [Options.Fields]
	BadHost             = "bad-host"              // missing, repeated, malformed, or not that of the target
	BadContentLength    = "bad-content-length"    // repeated, or not a number of 1 to 18 digits
	BadTransferEncoding = "bad-transfer-encoding" // repeated, other than chunked, or in HTTP/1.0
	AmbiguousFraming    = "ambiguous-framing"     // Transfer-Encoding and Content-Length
	BadChunk            = "bad-chunk"             // chunk size, extension or end
	BadTrailer          = "bad-trailer"           // a trailer section that is too large or changes the framing
	HeadTooLarge        = "head-too-large"        // no end of the head within [Options.HeadBytes]
)

// A Violation says how a stream is not strict HTTP/1.1. It is not a timeout and
// not temporary: the connection is of no more use.
type Violation struct {
	Reason string // a word, one of the constants of this package
	Detail string // a sentence for the log; of field values, it quotes only Host and those of the framing
}

// Error returns the reason and the detail.
func (v *Violation) Error() string { return "not strict HTTP/1.1: " + v.Reason + ": " + v.Detail }

// violation makes a Violation; args of type []byte are quoted and bounded.
func violation(reason, format string, args ...any) *Violation {
	for i, arg := range args {
		if b, ok := arg.([]byte); ok {
			args[i] = quote(b)
		}
	}
	return &Violation{Reason: reason, Detail: fmt.Sprintf(format, args...)}
}

// quote returns b in quotes, the first bytes of it if it is long.
func quote(b []byte) string {
	const most = 48
	if len(b) > most {
		return fmt.Sprintf("%+q...", b[:most])
	}
	return fmt.Sprintf("%+q", b)
}
