package proxy

import (
	"net"
	"time"
)

// listen notes ln, so that Drain can close it. It reports false if it is too late.
func (in *Ingress) listen(ln net.Listener) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.stopped {
		return false
	}
	in.listeners = append(in.listeners, ln)
	return true
}

// stopListening closes every listener; Serve returns.
func (in *Ingress) stopListening() {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.stopped {
		return
	}
	in.stopped = true
	close(in.closing)
	for _, ln := range in.listeners {
		_ = ln.Close()
	}
}

// remember notes an open connection; it reports false once all are being closed.
func (in *Ingress) remember(c *conn) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.conns == nil {
		return false
	}
	in.conns[c] = struct{}{}
	return true
}

func (in *Ingress) forget(c *conn) {
	in.mu.Lock()
	defer in.mu.Unlock()
	delete(in.conns, c)
}

// relayed returns the connections that are served by a relay.
func (in *Ingress) relayed() []*conn {
	return in.which(func(c *conn) bool { return c.relaying.Load() != nil })
}

// which returns the open connections that is says yes to.
func (in *Ingress) which(is func(*conn) bool) (conns []*conn) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for c := range in.conns {
		if is(c) {
			conns = append(conns, c)
		}
	}
	return conns
}

// endServers asks every client that net/http serves to come again, and closes the
// connections that have no request under way.
func (in *Ingress) endServers() {
	for _, c := range in.which(func(c *conn) bool { return c.server.Load() != nil }) {
		c.leaving.Store(true)
		c.endServer()
	}
}

// freshFor is how long a connection that has made no request yet is expected to
// make one.
const freshFor = 5 * time.Second

// closeIdle closes the connections of relays that have no request under way.
func (in *Ingress) closeIdle() {
	for _, c := range in.relayed() {
		phase := &c.relaying.Load().phase
		fresh := in.now().Sub(c.opened) < freshFor
		if phase.CompareAndSwap(phaseIdle, phaseClosed) || !fresh && phase.CompareAndSwap(phaseFresh, phaseClosed) {
			_ = c.Close()
		}
	}
}

// closeConns closes what is still open at the end of a drain: handshakes, and
// connections that were taken over by a WebSocket.
func (in *Ingress) closeConns() {
	in.mu.Lock()
	open := in.conns
	in.conns = nil
	in.mu.Unlock()
	for _, x := range in.served.all() {
		x.wait.abort()
	}
	for c := range open {
		c.cut()
	}
}
