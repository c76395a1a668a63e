package http1_test

import (
	"strings"
	"testing"

	"github.com/sidegate/sidegate/proxy/http1"
)

func TestFraming(t *testing.T) {
	const te = "Transfer-Encoding: chunked"
	for why, inputs := range map[string][]string{
		http1.BadContentLength: {
			post("ab", "Content-Length: 2", "Content-Length: 2"), post("ab", "Content-Length: 2", "content-length: 3"),
			post("ab", "Content-Length: 2, 2"), post("ab", "Content-Length: +2"), post("ab", "Content-Length: -2"), post("ab", "Content-Length:"),
			post("ab", "Content-Length: 0x2"), post("ab", "Content-Length: 2 "+"2"), post("ab", "Content-Length: 2;"), post("ab", "Content-Length: 1_0"),
			post("ab", "Content-Length: 1000000000000000000"), post("ab", "Content-Length: 18446744073709551618"), post("ab", "Content-Length: \xd9\xa2"),
		},
		http1.BadTransferEncoding: {
			post("0\r\n\r\n", te, te), post("0\r\n\r\n", "Transfer-Encoding: chunked, chunked"), post("0\r\n\r\n", "Transfer-Encoding: gzip, chunked"),
			post("0\r\n\r\n", "Transfer-Encoding: identity"), post("0\r\n\r\n", "Transfer-Encoding: xchunked"), post("0\r\n\r\n", "Transfer-Encoding:"),
			post("0\r\n\r\n", "Transfer-Encoding: \"chunked\""), post("0\r\n\r\n", "Transfer-Encoding: chunked;a=b"), post("0\r\n\r\n", "Transfer-Encoding: ,chunked"),
			"POST / HTTP/1.0\r\nHost: a\r\n" + te + "\r\n\r\n0\r\n\r\n",
		},
		http1.AmbiguousFraming: {
			post("0\r\n\r\n", te, "Content-Length: 5"), post("0\r\n\r\n", "Content-Length: 5", te), post("0\r\n\r\n", "Content-Length: 0", te),
			post("", te, "Content-Length: 5", "Upgrade: x"),
		},
	} {
		for _, input := range inputs {
			refuse(t, why, input, input, 0)
		}
	}
}

func TestChunks(t *testing.T) {
	for why, contents := range map[string][]string{
		http1.BadLineEnding: {
			"1\nx\r\n0\r\n\r\n", "1\r\nx\n0\r\n\r\n", "1\r\nx\r\n0\n\r\n", "1\r\nx\r\n0\r\n\n", "1;a\nb\r\nx\r\n0\r\n\r\n", "1\r\nx\r\n0\r\nT: u\n\r\n",
			"1;\ra\r\nx\r\n0\r\n\r\n", "1\r\r\nx\r\n0\r\n\r\n", "1\r\nx\r\n0\r\n\r\r\n", "2\r\nx\r\n0\r\n\r\n",
		},
		http1.BadChunk: {
			"\r\nx\r\n0\r\n\r\n", "x\r\n", " 1\r\nx\r\n0\r\n\r\n", "1 \r\nx\r\n0\r\n\r\n", "1 ;a\r\nx\r\n0\r\n\r\n", "+1\r\nx\r\n0\r\n\r\n", "-1\r\nx\r\n0\r\n\r\n",
			"0x1\r\nx\r\n0\r\n\r\n", "1_0\r\nx\r\n0\r\n\r\n", "0000000000000001\r\nx\r\n0\r\n\r\n", "fffffffffffffffff\r\n", ";a\r\n0\r\n\r\n",
			"1; a\r\nx\r\n0\r\n\r\n", "1;a=\x00\r\nx\r\n0\r\n\r\n", "1;é\r\nx\r\n0\r\n\r\n", "1;" + strings.Repeat("a", 300) + "\r\nx\r\n0\r\n\r\n",
			"1\r\nxy\r\n0\r\n\r\n", "1\r\nx0\r\n\r\n", "1\r\nx\r\n\r\n", "1\r\nx\r0\r\n\r\n",
		},
		http1.BadField: {"0\r\nX\r\n\r\n", "0\r\nX : y\r\n\r\n", "0\r\nX: y\r\n z\r\n\r\n", "0\r\nX: \x00\r\n\r\n", "0\r\nGET / HTTP/1.1\r\n\r\n"},
		http1.BadTrailer: {
			"0\r\nContent-Length: 5\r\n\r\n", "0\r\ntransfer-encoding: chunked\r\n\r\n", "0\r\nHost: b\r\n\r\n", "0\r\nTrailer: x\r\n\r\n",
			"0\r\nX: " + strings.Repeat("y", 5000) + "\r\n\r\n",
		},
		http1.TooManyFields: {"0\r\n" + strings.Repeat("X: y\r\n", 101) + "\r\n"},
	} {
		for _, content := range contents {
			refuse(t, why, "chunks "+content, chunked(content), 0)
		}
	}
	announced := post("0\r\n\r\n", "Transfer-Encoding: chunked", "Trailer: X,  content-length")
	refuse(t, http1.BadTrailer, announced, announced, 0)
}

// Two readers in a row, of whom each is right by its own book. In each case one
// of them would find the request for /admin.
func TestSmuggling(t *testing.T) {
	const admin = "GET /admin HTTP/1.1\r\nHost: a\r\n\r\n"
	for _, test := range []struct{ what, why, input string }{
		{"CL.TE", http1.AmbiguousFraming, post("0\r\n\r\n"+admin, "Content-Length: 40", "Transfer-Encoding: chunked")},
		{"TE.CL", http1.AmbiguousFraming, post("24\r\n"+admin+"\r\n0\r\n\r\n", "Transfer-Encoding: chunked", "Content-Length: 4")},
		{"TE.TE by another value", http1.BadTransferEncoding, post("0\r\n\r\n"+admin, "Transfer-Encoding: chunked", "Transfer-Encoding: x")},
		{"TE hidden by white space", http1.BadField, post("0\r\n\r\n"+admin, "Content-Length: 40", "Transfer-Encoding : chunked")},
		{"TE hidden by a vertical tab", http1.BadField, post("0\r\n\r\n"+admin, "Content-Length: 40", "Transfer-Encoding: \x0bchunked")},
		{"TE hidden by folding", http1.BadField, post("0\r\n\r\n"+admin, "Content-Length: 40", "X: y", " Transfer-Encoding: chunked")},
		{"TE behind a bare LF", http1.BadLineEnding, post("0\r\n\r\n"+admin, "Content-Length: 40", "X: y\nTransfer-Encoding: chunked")},
		{"TE behind a bare CR", http1.BadLineEnding, post("0\r\n\r\n"+admin, "Content-Length: 40", "X: y\rTransfer-Encoding: chunked")},
		{"TE in HTTP/1.0", http1.BadTransferEncoding, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + admin},
		{"CL.CL", http1.BadContentLength, post(admin, "Content-Length: 0", "Content-Length: 34")},
		{"a head that ends in bare LFs", http1.BadLineEnding, "GET / HTTP/1.1\r\nHost: a\r\nX: y\n\n" + admin},
		{"a bare LF in a chunk extension", http1.BadLineEnding, chunked("2;\nxx\r\n2d\r\n0\r\n\r\n" + admin + "\r\n0\r\n\r\n")},
		{"a bare LF after a chunk", http1.BadLineEnding, chunked("1\r\nx\n0\r\n\r\n" + admin)},
		{"a chunk size that overflows", http1.BadChunk, chunked("10000000000000000\r\n" + admin)},
		{"two requests in a trailer", http1.BadField, chunked("0\r\nX: y\r\n" + admin)},
		{"a second Host by the target", http1.BadHost, "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n"},
	} {
		refuse(t, test.why, test.what, test.input, 0)
		refuse(t, test.why, test.what+" behind a good request", get("Host: a")+test.input, 1)
	}
}
