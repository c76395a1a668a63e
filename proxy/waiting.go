package proxy

import (
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/sidegate/sidegate/proxy/http1"
)

// waiting is a request that was let in and is under way, as the patrol sees it
// from its own goroutine. It looks for two things: whether the client is still
// there, and whether it would still be let in (withdraw.go).
//
// While the application thinks, nobody reads from a client of HTTP/1.1: one that
// thinks for long, or streams what seldom comes, does so for nobody otherwise.
type waiting struct {
	breaker breaker // set before the first request

	mu    sync.Mutex // never held while a client is judged, nor during a read or write
	call  aborter    // to the application; nil if there is none
	count uint64     // of the requests
	seen  uint64     // count, when the patrol last came by
	watch *http1.Watch

	verdict      *verdict      // which lets the request in; nil if none is under way
	method, path string        // as decided on
	tunnel       *http1.Tunnel // once the protocol was switched

	withdrawn *fault    // why it would not be let in any more, if that is so
	since     time.Time // when that was noted
	due       time.Time // when its time is over
	told      bool      // it was told, where there is a word for it
	over      bool      // it has had its time since
	gently    bool      // it can be ended with a word: an answer, or trailers
	timer     *time.Timer
}

// An aborter is a request at the application, to be ended from another goroutine. It
// does not wait.
type aborter interface{ Abort() }

// A breaker is an exchange of one of the two kinds, to be broken off.
type breaker interface {
	// breakOff ends the exchange. It is called with the lock of waiting and does
	// not wait. gently leaves it the time to say why; without, nothing that the
	// client does or leaves undone may hold it.
	breakOff(gently bool)
}

// begin puts a request under watch that v has let in, and that is made by call.
func (w *waiting) begin(v *verdict, method, path string, call aborter) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.verdict, w.method, w.path, w.call = v, method, path, call
	w.gently = true
	w.count++
}

// end ends the watch: nothing is done to the exchange any more. It returns what lost
// would.
func (w *waiting) end() (lost *fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over {
		lost = w.withdrawn
	}
	if w.timer != nil {
		w.timer.Stop()
	}
	w.verdict, w.method, w.path, w.call, w.tunnel = nil, "", "", nil, nil
	w.withdrawn, w.told, w.over, w.timer = nil, false, false, nil
	return lost
}

// answers notes that the head of the response is about to be sent, unless it is too
// late for that: then it returns what is to be answered in its place. trailers says
// that the end of the response can say why it comes.
func (w *waiting) answers(trailers bool) *fault {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over {
		return w.withdrawn
	}
	w.gently = trailers
	return nil
}

// switches notes that the protocol is about to be switched, as answers does for a
// response. That a side of a tunnel is closed is not to go away: the client is not
// looked after any more.
func (w *waiting) switches(t *http1.Tunnel) *fault {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.withdrawn != nil {
		w.over = true // not even to begin with
		return w.withdrawn
	}
	w.gently, w.call, w.tunnel = false, nil, t
	return nil
}

// lost returns why the exchange was broken off, if that is so. A WebSocket ends with
// the Close frame that says it.
func (w *waiting) lost() *fault {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over || w.tunnel != nil {
		return w.withdrawn
	}
	return nil
}

// abort aborts the call if it has not ended.
func (w *waiting) abort() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.call != nil {
		w.call.Abort()
	}
}

// look aborts the call if it was there the last time and the client c has closed
// its side since. Who merely shuts down its sending side has that long to get
// its answer.
func (w *waiting) look(c net.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.call == nil || w.seen != w.count {
		w.seen = w.count
		return
	}
	if w.watch == nil {
		w.watch = new(http1.Watch)
		if sc, ok := socketOf(c); ok {
			w.watch.Of(sc)
		}
	}
	if w.watch.Gone() {
		w.call.Abort()
	}
}

// socketOf finds the socket below a connection.
func socketOf(c net.Conn) (syscall.Conn, bool) {
	if p, ok := c.(interface{ Raw() net.Conn }); ok { // of the PROXY protocol
		c = p.Raw()
	}
	sc, ok := c.(syscall.Conn)
	return sc, ok
}

// servedSet are the requests under way that net/http serves.
type servedSet struct {
	mu  sync.Mutex
	set map[*served]struct{}
}

func (s *servedSet) add(x *served) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.set == nil {
		s.set = make(map[*served]struct{})
	}
	s.set[x] = struct{}{}
}

func (s *servedSet) remove(x *served) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.set, x)
}

// all returns those that are under way now, to be looked at while others begin
// and end.
func (s *servedSet) all() []*served {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]*served, 0, len(s.set))
	for x := range s.set {
		out = append(out, x)
	}
	return out
}
