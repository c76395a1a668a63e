package proxy

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// A deadlineWriter counts the deadlines that are set through it, as net/http's
// HTTP/2 would crash on one that comes after the handler.
type deadlineWriter struct {
	http.ResponseWriter
	reads, writes int
}

func (d *deadlineWriter) SetReadDeadline(time.Time) error  { d.reads++; return nil }
func (d *deadlineWriter) SetWriteDeadline(time.Time) error { d.writes++; return nil }

func TestNoDeadlineIsSetAfterTheHandler(t *testing.T) {
	w := &deadlineWriter{ResponseWriter: httptest.NewRecorder()}
	x := &served{exchange: exchange{in: &Ingress{now: time.Now}, conn: new(conn), gen: &generation{limits: Limits{}.withDefaults()}}, w: w,
		r: httptest.NewRequest("POST", "/", strings.NewReader("body"))}
	x.deadlines.w, x.deadlines.http2 = w, true
	body := x.guardBody(io.NopCloser(strings.NewReader("body")))
	if _, err := body.Read(make([]byte, 1)); err != nil || w.reads != 2 {
		t.Fatalf("a read while served: %v, %d deadlines, want one set and taken back", err, w.reads)
	}
	x.finish()
	reads, writes := w.reads, w.writes
	_, _ = io.ReadAll(body) // the transport's goroutine, late
	_, _ = x.Write([]byte("late"))
	if w.reads != reads || w.writes != writes {
		t.Errorf("%d read and %d write deadlines were set after the handler", w.reads-reads, w.writes-writes)
	}
}

func TestFailedBodyIsWaitedForOnlyWhenItIsTheCause(t *testing.T) {
	var b bodyState
	b.reading.Lock() // a read that does not end
	if err := b.failed(errors.New("connection reset")); err != nil {
		t.Errorf("an application's failure is put down to %v", err)
	}
}
