package proxy

import (
	"time"
)

// What a client may do can change while its request is under way: a CA is removed,
// a certificate revoked or denied, a rule changed, or a certificate of its chain
// expires. A patrol asks of every request that is under way whether it would be let
// in now. If not, that is told where the protocol has a word for it (GOAWAY, or a
// Close frame), and after Settings.WithdrawalGrace the request is answered, or its
// response broken off. There is no way back: a client that is let in again in the
// meantime makes another request.

// patrolEvery is how often the patrol comes by: what nobody told it of, the end of
// a certificate, is seen that much later.
const patrolEvery = 500 * time.Millisecond

// endingTime is how long an exchange may take to end whose response was sent. Else
// a patrol that comes upon it then would cut a connection that is as good as idle.
const endingTime = 20 * time.Millisecond

// farewellTime is how long an exchange whose time is over may take to say so.
const farewellTime = patrolEvery

// patrol looks after the requests under way until the ingress has ended.
func (in *Ingress) patrol() {
	tick := time.NewTicker(patrolEvery)
	defer tick.Stop()
	for {
		timely := true
		select {
		case <-in.ended:
			return
		case <-in.changed:
			timely = false // who has just stopped sending has its time
		case <-tick.C:
		}
		if in.forwarding.Load() > 0 {
			in.sweep(timely)
		}
	}
}

// sweep goes through the requests under way. They begin and end as they like
// meanwhile, and none of them waits for it. A request that was decided on just
// before a change and begins after the sweep is found by the next.
func (in *Ingress) sweep(timely bool) {
	g, now := in.cur.Load(), in.now()
	for _, x := range in.served.all() {
		if timely {
			x.look()
		}
		x.wait.judge(x.conn, g, now)
	}
	for _, c := range in.relayed() {
		w := &c.relaying.Load().wait
		if timely {
			w.look(c.Conn)
		}
		w.judge(c, g, now)
	}
}

// judge asks whether c's request would be let in now, if that can have changed
// since it was last asked.
func (w *waiting) judge(c *conn, g *generation, now time.Time) {
	w.mu.Lock()
	v, count, method, path, known := w.verdict, w.count, w.method, w.path, w.withdrawn != nil
	w.mu.Unlock()
	if v == nil || v.gen == g && now.Before(v.verified.Until) {
		return
	}
	next := c.current(now)
	if known { // and if it was for this request alone, it may be for all by now
		if next.admitsNothing() {
			c.leave()
		}
		w.hasten(count, next.gen.settings.WithdrawalGrace)
		return
	}
	if _, f := next.decide(method, path); f != nil {
		w.withdraw(c, count, next, f)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.count == count && w.verdict != nil {
		w.verdict = next
	}
}

// withdraw notes that v does not let the request in, and f why. Unless it ends in
// that moment, it is told.
func (w *waiting) withdraw(c *conn, count uint64, v *verdict, f *fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.count != count || w.verdict == nil || w.withdrawn != nil {
		return
	}
	w.withdrawn, w.since = v.withdrawal(f), time.Now()
	w.due = w.dueBy(v.gen.settings.WithdrawalGrace)
	w.timer = time.AfterFunc(endingTime, func() { w.tell(c, count, v) })
}

// dueBy returns when the request is broken off that was withdrawn under a grace. A
// tunnel has the time for its Close frames in any case. w.mu is held.
func (w *waiting) dueBy(grace time.Duration) time.Time {
	least := endingTime
	if w.tunnel != nil {
		least += farewellTime
	}
	return w.since.Add(max(grace, least))
}

// hasten breaks a request off sooner, which was withdrawn under a longer grace.
func (w *waiting) hasten(count uint64, grace time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.count != count || w.verdict == nil || w.over {
		return
	}
	due := w.dueBy(grace)
	if !due.Before(w.due) {
		return
	}
	w.due = due
	if w.told && w.timer.Stop() {
		w.awaitEnd(count)
	}
}

// awaitEnd has the request broken off when it is due. w.mu is held.
func (w *waiting) awaitEnd(count uint64) {
	w.timer = time.AfterFunc(time.Until(w.due), func() { w.expire(count) })
}

// tell tells the client, where there is a word for it, and has the request broken
// off when its time is over.
func (w *waiting) tell(c *conn, count uint64, v *verdict) {
	w.mu.Lock()
	if w.count != count || w.verdict == nil {
		w.mu.Unlock()
		return
	}
	tunnel, word := w.tunnel, string(w.withdrawn.reason)
	w.told = true
	w.awaitEnd(count)
	w.mu.Unlock()
	if v.admitsNothing() {
		c.leave()
	}
	if tunnel != nil {
		tunnel.Withdraw(closePolicy, word)
	}
}

// expire breaks the exchange off: gently if that is possible, and if it is still
// there after that, in any way.
func (w *waiting) expire(count uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.count != count || w.verdict == nil {
		return
	}
	w.over = true
	if w.call != nil {
		w.call.Abort()
	}
	if w.tunnel != nil {
		w.tunnel.Cut()
	}
	w.breaker.breakOff(w.gently)
	w.gently = false
	w.timer = time.AfterFunc(farewellTime, func() { w.expire(count) })
}

// closePolicy is the status code of a Close frame to a client that is not let in
// any more (RFC 6455 §7.4.1).
const closePolicy = 1008

// admitsNothing reports whether no request of the client is let in.
func (v *verdict) admitsNothing() bool {
	return v.refusal != nil || v.unnamed != nil || v.grant.Empty()
}

// withdrawal is f, for a request that is under way.
func (v *verdict) withdrawal(f *fault) *fault {
	detail := f.detail
	if v.refusal != nil {
		detail = v.refusal.Detail
	}
	return &fault{f.status, f.reason, "permission was withdrawn while the request was under way: " + detail}
}
