package http1

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

const twoChunks = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"

func TestWhatIsAtHandOfContent(t *testing.T) {
	for _, test := range []struct {
		what, request string
		room          int
		want          string
		all           bool
	}{
		{"all of it", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", 10, "abc", true},
		{"and the next request", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" + getHead, 3, "abc", true},
		{"some of it", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabc", 10, "abc", false},
		{"too much", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", 2, "", false},
		{"nothing yet", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n", 10, "", false},
		{"no content", getHead + getHead, 1000, "", true},
		{"content in chunks, which is not framed", twoChunks + "0\r\n\r\n", 1000, "", false},
	} {
		s, err := parse(strings.NewReader(test.request), &testLimits)
		if err != nil {
			t.Fatal(err)
		}
		p, all, err := s.AppendEarly(make([]byte, 0, test.room))
		if string(p) != test.want || all != test.all || err != nil || s.ContentDone() != all || s.ContentRead() != int64(len(p)) {
			t.Errorf("%s: %q, %v, %v", test.what, p, all, err)
		}
		s.Close()
	}
}

func TestContentIsLimited(t *testing.T) {
	limits := testLimits
	limits.ContentBytes = 4
	for request, want := range map[string]error{
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabcd":         nil,
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcde":        ErrTooLarge,
		twoChunks + "1\r\nd\r\n0\r\n\r\n":                                     nil,
		twoChunks + "1\r\nd\r\n1\r\ne\r\n0\r\n\r\n":                           ErrTooLarge,
		twoChunks + "fffffffffffffff\r\n" + strings.Repeat("x", 2*bufferSize): ErrTooLarge,
	} {
		for _, in := range []io.Reader{strings.NewReader(request), iotest.OneByteReader(strings.NewReader(request))} {
			s, err := parse(in, &limits)
			if err != nil {
				t.Fatal(err)
			}
			content, err := readAll(s)
			if !errors.Is(err, want) || len(content) > 4 || (want == nil) != s.ContentDone() {
				t.Errorf("%.80q: %q, %v, want %v", request, content, err, want)
			}
			if want != nil && s.Discard(patience, 1<<20) {
				t.Errorf("%.80q: the rest was read as if nothing were", request)
			}
			s.Close()
		}
	}
}

func TestContentThatBreaksOff(t *testing.T) {
	for _, request := range []string{
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabc", twoChunks, twoChunks + "1", twoChunks + "0\r\n", twoChunks + "0\r\nX: y\r\n", twoChunks + "9\r\nx",
	} {
		s, _ := parse(strings.NewReader(request), &testLimits)
		if content, err := readAll(s); content != "abc" && content != "abcx" || !errors.Is(err, io.ErrUnexpectedEOF) || s.ContentDone() {
			t.Errorf("%q: %q, %v", request, content, err)
		}
		s.Close()
	}
}

// Behind what is malformed nothing can be known, also not where the next request
// begins.
func TestNothingIsReadBehindAViolation(t *testing.T) {
	for _, content := range []string{"xyz\r\n0\r\n\r\n", "1\r\nxy\r\n0\r\n\r\n", "0\r\nX\r\n\r\n", "0\r\nHost: b\r\n\r\n", "1;\x00\r\n0\r\n\r\n0\r\n\r\n"} {
		s, _ := parse(strings.NewReader(twoChunks+content+"\r\n0\r\n\r\n"+getHead), &testLimits)
		_, first := readAll(s)
		_, second := s.Next()
		if _, ok := errors.AsType[*Violation](first); !ok || second != first || s.Discard(patience, 1000) || s.ContentDone() {
			t.Errorf("%q: first %v, then %v", content, first, second)
		}
		s.Close()
	}
}

func TestAnInterruptedReadGoesOnWithDiscard(t *testing.T) {
	s, _, client := heard(t, twoChunks+"0\r\nX: y\r\n")
	if p, err := s.Next(); string(p) != "abc" || err != nil {
		t.Fatal(string(p), err)
	}
	go s.Interrupt()
	within(t, "the interruption", func() {
		if _, err := s.Next(); err != ErrInterrupted {
			t.Errorf("%v, want %v", err, ErrInterrupted)
		}
	})
	eventually(t, "nothing", func() bool { _, err := s.Next(); return err == ErrInterrupted })
	client.say("Y: z\r\n\r\n" + getHead)
	if !s.Discard(patience, 100) || !s.ContentDone() {
		t.Fatal("the rest is not discarded")
	}
	if n := len(s.body.trailers.list); n != 2 {
		t.Errorf("there are %d trailer fields", n)
	}
	if err := s.Await(patience); err != nil {
		t.Fatal(err)
	}
	if req, err := s.Read(&testLimits); err != nil || string(req.Target) != "/" {
		t.Errorf("the next request: %v, %v", req, err)
	}
}

// An upload may come to its end in the moment in which it is interrupted.
func TestAnInterruptionDoesNotOutliveItsRequest(t *testing.T) {
	s, _, client := heard(t, getHead)
	s.Interrupt()
	client.say("%s", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n")
	if err := s.Await(patience); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Read(&testLimits); err != nil {
		t.Fatal(err)
	}
	client.say("abc")
	if content, err := readAll(s); content != "abc" || err != nil {
		t.Errorf("%q, %v", content, err)
	}
}

func TestPatienceIsLimited(t *testing.T) {
	const little = 20 * time.Millisecond
	s, client := session(t)
	if err := s.Await(little); !isTimeout(err) {
		t.Errorf("Await: %v", err)
	}
	client.say("%s", twoChunks)
	limits := testLimits
	limits.ContentIdle = little
	s.Await(patience)
	s.Read(&limits)
	if _, err := readAll(s); !isTimeout(err) {
		t.Errorf("Next: %v", err)
	}
	if s.Discard(little, 1000) {
		t.Error("Discard says that there was an end")
	}
	within(t, "Linger", func() { s.Linger(little, 1000) })
}

func TestDiscardReadsOnlySoMuch(t *testing.T) {
	s, _, client := heard(t, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n")
	go client.say("%s", strings.Repeat("x", 1000000))
	if s.Discard(patience, 100000) || s.ContentRead() < 100000 || s.ContentRead() > 100001+bufferSize {
		t.Errorf("%d bytes were discarded", s.ContentRead())
	}
}

func TestLingerReadsUntilTheClientHasClosed(t *testing.T) {
	s, _, client := heard(t, getHead+"more")
	go func() {
		client.say("%s", strings.Repeat("x", 10*bufferSize))
		client.Close()
	}()
	within(t, "the end", func() { s.Linger(patience, 1<<30) })
}

func TestLingerReadsOnlySoMuchAndThenWaits(t *testing.T) {
	s, _, client := heard(t, getHead)
	go client.say("%s", strings.Repeat("x", 10*bufferSize))
	const wait = 100 * time.Millisecond
	start := time.Now()
	within(t, "the end of patience", func() { s.Linger(wait, 1000) })
	if took := time.Since(start); took < wait {
		t.Errorf("a client that was still sending was given %v to read its answer, want %v", took, wait)
	}
}

func TestBuffered(t *testing.T) {
	for request, want := range map[string]bool{getHead: false, getHead + "G": true, twoChunks: true} {
		s, _ := parse(strings.NewReader(request), &testLimits)
		if s.Buffered() != want {
			t.Errorf("%q: %v", request, s.Buffered())
		}
		s.Close()
	}
}

// Else the rest of the content would be the next request.
func TestTheNextRequestIsNotAwaitedInTheMiddleOfOne(t *testing.T) {
	for _, request := range []string{twoChunks + "1\r\nx\r\n0\r\n\r\n", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 27\r\n\r\n" + getHead, "\x00\r\n" + getHead} {
		s, _ := parse(strings.NewReader(request), &testLimits)
		if err := s.Await(patience); !errors.Is(err, errUnread) {
			t.Errorf("%q: %v, want %v", request, err, errUnread)
		}
		s.Close()
	}
}
