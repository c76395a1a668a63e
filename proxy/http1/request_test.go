package http1

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

func TestWhatIsForwardedOfATarget(t *testing.T) {
	for _, test := range []struct{ start, target, path, forwarded string }{
		{"GET /a/b?c=/d", "/a/b?c=/d", "/a/b", "GET /a/b?c=/d"},
		{"GET http://a/b?c", "/b?c", "/b", "GET /b?c"},
		{"GET http://a", "", "/", "GET /"},
		{"GET http://a?c=d", "?c=d", "/", "GET /?c=d"},
		{"GET HTTPS://A/", "/", "/", "GET /"},
		// The authority is in the scheme, too.
		{"GET http://h/x", "/x", "/x", "GET /x"},
		{"GET http://http/x", "/x", "/x", "GET /x"},
		{"GET https://s/x", "/x", "/x", "GET /x"},
		{"GET http://p:8/http://p:8/x", "/http://p:8/x", "/http://p:8/x", "GET /http://p:8/x"},
		// RFC 9112 §3.2.4
		{"OPTIONS *", "*", "*", "OPTIONS *"},
		{"OPTIONS http://a:80", "*", "*", "OPTIONS *"},
		{"OPTIONS http://a:80/", "/", "/", "OPTIONS /"},
		{"OPTIONS http://a?", "?", "/", "OPTIONS /?"},
	} {
		host := "a"
		if _, rest, ok := strings.Cut(test.start, "://"); ok {
			host = rest[:min(len(rest), strings.IndexAny(rest+"/", "/?"))]
		}
		_, req, _ := heard(t, test.start+" HTTP/1.1\r\nHost: "+host+"\r\n\r\n")
		target, path := req.Path()
		want := test.forwarded + " HTTP/1.1\r\nHost: " + host + "\r\n"
		if got := string(req.AppendStart(nil)); string(target) != test.target || string(path) != test.path || got != want {
			t.Errorf("%s: target %q, path %q, forwarded %q", test.start, target, path, got)
		}
		if req.IsPath() == (test.path == "*") {
			t.Errorf("%s: IsPath is %v", test.start, req.IsPath())
		}
	}
}

func TestTheHostOfAnOldRequestIsThatOfItsTarget(t *testing.T) {
	_, req, _ := heard(t, "GET http://b:81/x HTTP/1.0\r\n\r\n")
	if got := string(req.AppendStart(nil)); got != "GET /x HTTP/1.1\r\nHost: b:81\r\n" {
		t.Errorf("forwarded %q", got)
	}
}

func TestWhatARequestSays(t *testing.T) {
	for _, test := range []struct {
		head string
		want Request
	}{
		{"GET / HTTP/1.1\r\nHost: a", Request{}},
		{"HEAD / HTTP/1.1\r\nHost: a", Request{IsHead: true}},
		{"head / HTTP/1.1\r\nHost: a", Request{}}, // methods have a case
		{"GET / HTTP/1.0", Request{HTTP10: true, Close: true}},
		{"GET / HTTP/1.0\r\nConnection: keep-alive", Request{HTTP10: true, Close: true}},
		{"GET / HTTP/1.1\r\nHost: a\r\nConnection: x, ClosE", Request{Close: true}},
		{"GET / HTTP/1.1\r\nHost: a\r\nConnection: x\r\nConnection: close", Request{Close: true}},
		{"GET / HTTP/1.1\r\nHost: a\r\nConnection: closed", Request{}},
		{"GET / HTTP/1.1\r\nHost: a\r\nClose: close", Request{}},
		{"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\nExpect: 100-Continue", Request{Length: 7, HasLength: true, Continue: true}},
		{"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nExpect: 100-continue", Request{HasLength: true}},
		{"PUT / HTTP/1.0\r\nHost: a\r\nContent-Length: 7\r\nExpect: 100-continue", Request{Length: 7, HasLength: true, HTTP10: true, Close: true}},
		{"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue, x", Request{Length: -1, Expects: true}},
		{"GET / HTTP/1.1\r\nHost: a\r\nTE: gzip;q=0.5 ,\ttrailerS", Request{Trailers: true}},
		{"GET / HTTP/1.1\r\nHost: a\r\nTE: trailersx, x-trailers", Request{}},
		{"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: a\r\nUpgrade: b", Request{Upgrades: 2}},
	} {
		_, r, _ := heard(t, test.head+"\r\n\r\n")
		got := Request{
			HTTP10: r.HTTP10, Length: r.Length, Close: r.Close, Upgrades: r.Upgrades, Continue: r.Continue, Expects: r.Expects,
			Trailers: r.Trailers, IsHead: r.IsHead, HasLength: r.HasLength,
		}
		if said(&got) != said(&test.want) {
			t.Errorf("%q: read as %v", test.head, said(&got))
		}
	}
}

type sayings struct {
	length                                                       int64
	upgrades                                                     int
	http10, close, proceed, expects, trailers, isHead, hasLength bool
}

func said(r *Request) sayings {
	return sayings{r.Length, r.Upgrades, r.HTTP10, r.Close, r.Continue, r.Expects, r.Trailers, r.IsHead, r.HasLength}
}

func TestFieldsOfTheConnectionAreMarked(t *testing.T) {
	_, req, _ := heard(t, "POST / HTTP/1.1\r\nHost: a\r\nX-Before: 1\r\nConnection: x-before,, Keep-Alive ,X-AFTER\r\nx-after: 2\r\nKeep-Alive: 5\r\n"+
		"Content-Length: 0\r\nTE: x\r\nTrailer: T\r\nUpgrade: u\r\nProxy-Connection: p\r\nProxy-Authorization: p\r\nExpect: 100-continue\r\nX-Stays: 3\r\n\r\n")
	for _, f := range req.Fields {
		if f.Hop == (string(f.Name) == "X-Stays") {
			t.Errorf("the field %s is marked %v", f.Name, f.Hop)
		}
	}
	if len(req.Fields) != 13 {
		t.Errorf("there are %d fields", len(req.Fields))
	}
}

func TestConnectionNamesOnlySoManyFields(t *testing.T) {
	for _, n := range []int{maxOptions, maxOptions + 1} {
		head := "GET / HTTP/1.1\r\nHost: a\r\nConnection: close, keep-alive" + strings.Repeat(", x", n) + "\r\n\r\n"
		_, err := parse(strings.NewReader(head), &testLimits)
		if v, refused := errors.AsType[*Violation](err); refused != (n > maxOptions) || refused && v.Reason != BadField {
			t.Errorf("%d options: %v", n, err)
		}
	}
}

// parse reads one head.
func parse(r io.Reader, l *Limits) (*Session, error) {
	s := NewSession(pipe{r: r})
	if err := s.Await(patience); err != nil {
		return s, err
	}
	_, err := s.Read(l)
	return s, err
}

// A pipe is a connection on which r arrives and w leaves.
type pipe struct {
	noConn
	r io.Reader
	w io.Writer
}

func (p pipe) Read(b []byte) (int, error)  { return p.r.Read(b) }
func (p pipe) Write(b []byte) (int, error) { return p.w.Write(b) }

func TestHeadsOfEverySizeAroundTheBuffer(t *testing.T) {
	for _, limit := range []int{100, bufferSize - 1, bufferSize, 2*bufferSize + 1} {
		limits := testLimits
		limits.HeadBytes = limit
		for _, size := range []int{limit - 2, limit - 1, limit, limit + 1, bufferSize, bufferSize + 1} {
			if size < 50 {
				continue
			}
			head := headOf(size)
			for name, in := range map[string]io.Reader{
				"whole": strings.NewReader(head + getHead), "byte by byte": iotest.OneByteReader(strings.NewReader(head + getHead)),
				"halves": iotest.HalfReader(strings.NewReader(head + getHead)),
			} {
				tryHead(t, name, in, head, limits)
			}
		}
	}
}

// headOf makes a head of so many bytes.
func headOf(size int) string {
	const start, end = "GET /long HTTP/1.1\r\nHost: a\r\nX: ", "\r\nLast: z\r\n\r\n"
	return start + strings.Repeat("y", size-len(start)-len(end)) + end
}

// tryHead reads head, behind which another follows.
func tryHead(t *testing.T, how string, in io.Reader, head string, limits Limits) {
	s, err := parse(in, &limits)
	defer s.release()
	if v, ok := errors.AsType[*Violation](err); (ok && v.Reason == HeadTooLarge) != (len(head) > limits.HeadBytes) || err != nil && !ok {
		t.Errorf("%s, %d bytes of %d: %v", how, len(head), limits.HeadBytes, err)
	}
	if err != nil {
		return
	}
	req := s.req
	last := req.Fields[len(req.Fields)-1]
	if string(req.Target) != "/long" || string(last.Name) != "Last" || string(last.Value) != "z" || len(bytes.Trim(req.Fields[1].Value, "y")) > 0 {
		t.Errorf("%s, %d bytes: read %s, last %s", how, len(head), req.Target, last.Name)
	}
	if err = s.Await(patience); err == nil {
		req, err = s.Read(&testLimits)
	}
	if err != nil || string(req.Target) != "/" {
		t.Errorf("%s, %d bytes: the next request is %v, %v", how, len(head), req, err)
	}
	s.in.release()
}

func TestPipelinedRequestsAcrossTheBuffer(t *testing.T) {
	for _, content := range []int{0, 1, 1000, bufferSize - 60, bufferSize, 3 * bufferSize} {
		one := "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: " + itoa(content) + "\r\n\r\n" + strings.Repeat("c", content)
		two := "POST /q HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" +
			"3\r\nabc\r\n" + hex(content+1) + "\r\n" + strings.Repeat("d", content+1) + "\r\n0\r\nT: u\r\n\r\n"
		s := NewSession(pipe{r: strings.NewReader(strings.Repeat(one+two+getHead, 3))})
		for i := range 9 {
			if err := s.Await(patience); err != nil {
				t.Fatal(err)
			}
			req := must[*Request](t)(s.Read(&testLimits))
			target := string(req.Target)
			got, err := readAll(s)
			want := []string{strings.Repeat("c", content), "abc" + strings.Repeat("d", content+1), ""}[i%3]
			if target != []string{"/p", "/q", "/"}[i%3] || got != want || err != nil || s.ContentRead() != int64(len(want)) || !s.ContentDone() {
				t.Fatalf("content %d, request %d: %s with %d bytes, %v", content, i, target, len(got), err)
			}
		}
		if err := s.Await(patience); err != io.EOF {
			t.Errorf("content %d: in the end %v", content, err)
		}
	}
}

// What is shown of a head that is refused at once must not be of the request
// that had the storage before.
func TestNothingIsSeenOfARequestBefore(t *testing.T) {
	s, client := session(t)
	client.say("HEAD /secret HTTP/1.1\r\nHost: secret\r\nX: secret\r\n\r\n" + "\x00\r\n\r\n")
	for range 2 {
		s.Await(patience)
		s.Read(&testLimits)
	}
	if r := s.req; r.Method != nil || r.Target != nil || r.Host != nil || r.Fields != nil || r.IsHead || len(r.fields.list) > 0 {
		t.Errorf("the refused request is %+v", r)
	}
}

func TestAHeadHasLimitedTime(t *testing.T) {
	s, client := session(t)
	client.say("GET / HTTP/1.1\r\nHost: a\r\n")
	limits := testLimits
	limits.HeadTime = 20 * time.Millisecond
	if err := s.Await(patience); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Read(&limits); !isTimeout(err) {
		t.Errorf("Read: %v", err)
	}
}
