package proxy

import (
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/sidegate/sidegate/proxy/http1"
)

// patrolEvery is how often the clients of requests that wait are looked after.
const patrolEvery = 500 * time.Millisecond

// waiting is a request of one connection that waits for the application. Nobody
// reads from the client meanwhile, so a patrol looks whether it is still there:
// an application that thinks for long, or streams what seldom comes, does so for
// nobody otherwise.
type waiting struct {
	mu    sync.Mutex
	call  *http1.Call
	count uint64 // of the calls
	seen  uint64 // count, when the patrol last came by
	watch *http1.Watch
}

func (w *waiting) begin(c *http1.Call) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.call = c
	w.count++
}

func (w *waiting) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.call = nil
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

// waitingStreams are the requests of HTTP/2 that wait for the application. To ask
// each of them now and then is cheaper than to be told by its context.
type waitingStreams struct {
	mu      sync.Mutex
	streams map[*served]struct{}
}

func (s *waitingStreams) add(x *served) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.streams == nil {
		s.streams = make(map[*served]struct{})
	}
	s.streams[x] = struct{}{}
}

func (s *waitingStreams) remove(x *served) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.streams, x)
}

// look aborts those whose client has gone away, or all.
func (s *waitingStreams) look(all bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for x := range s.streams {
		if all || x.r.Context().Err() != nil {
			x.wait.abort()
		}
	}
}

// patrol looks after the clients of waiting requests until the ingress has ended.
func (in *Ingress) patrol() {
	tick := time.NewTicker(patrolEvery)
	defer tick.Stop()
	for {
		select {
		case <-in.ended:
			return
		case <-tick.C:
		}
		if in.forwarding.Load() == 0 {
			continue
		}
		in.waiting.look(false)
		for _, c := range in.relayed() {
			c.relaying.Load().wait.look(c.Conn)
		}
	}
}
