package http1_test

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/sidegate/sidegate/proxy/http1"
)

// reports returns Options that count and keep what is reported.
func reports() (o http1.Options, reported *[]*http1.Violation) {
	reported = new([]*http1.Violation)
	o.Report = func(v *http1.Violation) { *reported = append(*reported, v) }
	return o, reported
}

func TestAViolationIsReportedOnce(t *testing.T) {
	o, reported := reports()
	if _, reason := through(t, strings.NewReader("GET / HTTP/1.1\n"), o); reason != http1.BadLineEnding {
		t.Errorf("refused as %q", reason)
	}
	if len(*reported) != 1 || (*reported)[0].Reason != http1.BadLineEnding {
		t.Errorf("reported %v, want one %s", *reported, http1.BadLineEnding)
	}
}

func TestNothingIsReportedOfAGoodConnection(t *testing.T) {
	o, reported := reports()
	if _, reason := through(t, strings.NewReader(get("Host: a")+get("Host: a")), o); reason != "" || len(*reported) > 0 {
		t.Errorf("refused as %q, reported %v", reason, *reported)
	}
}

func TestDetailsQuoteNoSecrets(t *testing.T) {
	for _, lines := range []string{
		"Authorization: Bearer s3cret\x01", "Authorization: x\r\n s3cret", "Authorization Bearer s3cret", "Cookie: s3cret\r", "X: y\ns3cret",
	} {
		o, reported := reports()
		through(t, strings.NewReader(get("Host: a", lines)), o)
		if len(*reported) != 1 || strings.Contains((*reported)[0].Error(), "s3cret") {
			t.Errorf("%q: reported %v", lines, *reported)
		}
	}
	o, reported := reports()
	through(t, strings.NewReader("GET /%?token=s3cret HTTP/1.1\r\n"), o)
	if len(*reported) != 1 || strings.Contains((*reported)[0].Error(), "s3cret") {
		t.Errorf("reported %v", *reported)
	}
}

func TestAHeadWithinTheLimitPasses(t *testing.T) {
	head := get("Host: a", "X: "+strings.Repeat("y", 100))
	for feed, reader := range feeds {
		passed, reason := through(t, reader(head+head), http1.Options{HeadBytes: len(head)})
		if reason != "" || string(passed) != head+head {
			t.Errorf("%s: refused as %q", feed, reason)
		}
	}
}

func TestAHeadBeyondTheLimitNeverEnds(t *testing.T) {
	head := get("Host: a", "X: "+strings.Repeat("y", 100), "Y: z")
	for limit := 1; limit < len(head); limit++ {
		for feed, reader := range feeds {
			o, reported := reports()
			o.HeadBytes = limit
			passed, reason := through(t, reader(head), o)
			if reason != http1.HeadTooLarge || requests(passed) != 0 {
				t.Errorf("limit %d, %s: refused as %q after %q", limit, feed, reason, passed)
			}
			if len(*reported) != 1 || (*reported)[0].Reason != http1.HeadTooLarge {
				t.Errorf("limit %d, %s: reported %v", limit, feed, *reported)
			}
		}
	}
}

func TestAnOversizeHeadPassesUntilALineEnds(t *testing.T) {
	o, reported := reports()
	o.HeadBytes = 100
	endless := "GET /" + strings.Repeat("x", 1000)
	passed, reason := through(t, iotest.HalfReader(strings.NewReader(endless)), o)
	if reason != "" || string(passed) != endless {
		t.Errorf("refused as %q after %d bytes", reason, len(passed))
	}
	if len(*reported) != 1 || (*reported)[0].Reason != http1.HeadTooLarge {
		t.Errorf("reported %v", *reported)
	}
}

// This is all that net/http reads of a head, wherever its limit falls.
func TestAHeadIsTooLargeAtTheLimit(t *testing.T) {
	for _, head := range []string{"GET / HTTP/1.1\r\nHost: a\r\n", "GET / HTTP/1.1\r\nHost: a\r", "GET / HTTP/1.1\r\nHost: a\r\n\r"} {
		o, reported := reports()
		o.HeadBytes = len(head)
		passed, reason := through(t, strings.NewReader(head), o)
		if reason != "" || string(passed) != head || len(*reported) != 1 {
			t.Errorf("%q: refused as %q, passed %q, reported %v", head, reason, passed, *reported)
		}
	}
}

func TestTheNumberOfFieldsCanBeSet(t *testing.T) {
	_, reason := through(t, strings.NewReader(get("Host: a", "X: y")), http1.Options{Fields: 1})
	if reason != http1.TooManyFields {
		t.Errorf("refused as %q", reason)
	}
}

func TestOpaque(t *testing.T) {
	for _, test := range []struct {
		input string
		want  bool
	}{
		{get("Host: a"), false},
		{post("ab", "Content-Length: 2"), false},
		{get("Host: a", "Upgrade: websocket"), true},
		{"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", true},
		{"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n", false},
	} {
		guard := http1.Guard(wire{r: strings.NewReader(test.input)}, http1.Options{})
		if _, err := io.ReadAll(guard); err != nil || guard.Opaque() != test.want {
			t.Errorf("%q: opaque %v, want %v; %v", test.input, guard.Opaque(), test.want, err)
		}
	}
}

func TestErrorsOfTheConnectionPass(t *testing.T) {
	broken := errors.New("broken")
	guard := http1.Guard(wire{r: io.MultiReader(strings.NewReader("GET"), iotest.ErrReader(broken))}, http1.Options{})
	if passed, err := io.ReadAll(guard); string(passed) != "GET" || err != broken {
		t.Errorf("read %q, %v", passed, err)
	}
}

func TestCloseWrite(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	client, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	server, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()

	guard := http1.Guard(server, http1.Options{})
	if guard.NetConn() != server {
		t.Error("NetConn is another connection")
	}
	if err := guard.CloseWrite(); err != nil {
		t.Errorf("CloseWrite: %v", err)
	}
	if rest, err := io.ReadAll(client); len(rest) != 0 || err != nil {
		t.Errorf("the client reads %q, %v; want the end", rest, err)
	}
	if err := http1.Guard(wire{}, http1.Options{}).CloseWrite(); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("CloseWrite of what has none: %v", err)
	}
}

// A loop is a stream that has no end.
type loop struct {
	data string
	at   int
}

func (l *loop) Read(b []byte) (int, error) {
	n := copy(b, l.data[l.at:])
	l.at = (l.at + n) % len(l.data)
	return n, nil
}

// requestLoop is a connection of ordinary requests, read as net/http does: a
// single byte in the background, and then a buffer full.
func requestLoop() (read func(), size int) {
	input := get("Host: api.example.com", "User-Agent: x/1.0", "Accept: */*") +
		post("ab", "Content-Length: 2", "Content-Type: text/plain") +
		chunked("a;x=y\r\n0123456789\r\n0\r\nX: y\r\n\r\n")
	guard := http1.Guard(wire{r: &loop{data: input}}, http1.Options{})
	one, rest := make([]byte, 1), make([]byte, 4096)
	return func() {
		if _, err := io.ReadFull(guard, one); err != nil {
			panic(err)
		}
		if _, err := io.ReadFull(guard, rest[:len(input)-1]); err != nil {
			panic(err)
		}
	}, len(input)
}

func TestRequestsDoNotAllocate(t *testing.T) {
	read, _ := requestLoop()
	if n := testing.AllocsPerRun(100, read); n != 0 {
		t.Errorf("three requests make %v allocations, want none", n)
	}
}

func BenchmarkThreeRequests(b *testing.B) {
	read, size := requestLoop()
	b.ReportAllocs()
	b.SetBytes(int64(size))
	for b.Loop() {
		read()
	}
}

func TestNothingOfTheRestStaysInTheBuffer(t *testing.T) {
	guard := http1.Guard(wire{r: strings.NewReader("GET / HTTP/1.1\n" + get("Host: hidden"))}, http1.Options{})
	b := make([]byte, 512)
	if n, err := guard.Read(b); string(b[:n]) != "GET / HTTP/1.1" || err != nil || strings.Contains(string(b), "hidden") {
		t.Errorf("read %q, %v, and left %q", b[:n], err, b[n:])
	}
	for range 2 { // from then on, always
		if n, err := guard.Read(b); n != 0 || !isViolation(err) {
			t.Errorf("then read %q, %v, want a violation", b[:n], err)
		}
	}
}

func isViolation(err error) bool {
	_, ok := errors.AsType[*http1.Violation](err)
	return ok
}
