package http1

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"testing"
)

// A reading is how a stream was divided into requests.
type reading struct {
	ends   []int // offsets after each complete request
	good   int   // bytes that may pass
	opaque bool  // the last request ends in what is not HTTP
}

// readStrictly divides input, which comes byte by byte.
func readStrictly(input []byte) (r reading) {
	s := stream{headLimit: DefaultHeadBytes, fieldLimit: DefaultFields}
	for i := range input {
		if _, v := s.scan(input[i : i+1]); v != nil {
			return r
		}
		r.good = i + 1
		if between := s.state == inRequestLine && len(s.partial) == 0; between || s.state == inOpaque {
			r.ends = append(r.ends, r.good)
		}
		if s.state == inOpaque {
			r.opaque = true
			return r
		}
	}
	return r
}

// Whatever passes, net/http divides at the same bytes, and it finds no request
// in what does not.
func FuzzNetHTTPDividesTheStreamAlike(f *testing.F) {
	for _, seed := range []string{
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET http://[::ffff:1.2.3.4]:80/%41?%zz HTTP/1.0\r\nHost: [::ffff:1.2.3.4]:80\r\n\r\nGET / HTTP/1.1\r\nHost:b\r\nX:\t\x80 \r\n\r\n",
		"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n2;x\r\nab\r\n0\r\nX: y\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"OPTIONS * HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\n\r\n\x00",
		"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n\x00",
		"GET / HTTP/1.1\nHost: a\n\n",
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		if len(input) > 8<<10 {
			return // net/http gives up on 16 KiB of chunk extensions
		}
		strict := readStrictly(input)
		strict.compare(t, input[:strict.good])
		whole := stream{headLimit: DefaultHeadBytes, fieldLimit: DefaultFields}
		if pass, _ := whole.scan(input); !strict.opaque {
			strict.compare(t, input[:pass])
		}
	})
}

// compare has net/http read what passed.
func (r reading) compare(t *testing.T, passed []byte) {
	unread := bytes.NewReader(passed)
	buffered := bufio.NewReader(unread)
	for i, end := range r.ends {
		if err := readRequest(buffered, r.opaque && i == len(r.ends)-1); err != nil {
			t.Fatalf("request %d of %q: net/http refuses it: %v", i, passed, err)
		}
		if at := len(passed) - unread.Len() - buffered.Buffered(); at != end {
			t.Fatalf("request %d of %q ends at %d, for net/http at %d", i, passed, end, at)
		}
	}
	if err := readRequest(buffered, false); err == nil {
		t.Fatalf("%q: net/http finds more than %d requests", passed, len(r.ends))
	}
}

// readRequest has net/http read a request, without what follows its head if it is opaque.
func readRequest(r *bufio.Reader, opaque bool) error {
	req, err := http.ReadRequest(r)
	if err != nil || opaque {
		return err
	}
	_, err = io.Copy(io.Discard, req.Body)
	return err
}
