package http1

import (
	"testing"
	"time"
)

const moment = 100 * time.Millisecond

// left returns an application that has answered one call, within limit, and whose
// connection is in the pool with the deadline of that call on it. What it is asked
// next it answers when slow is over.
func left(t *testing.T, limit, slow time.Duration) *application {
	t.Helper()
	a := serveApp(t, func(c *peer) {
		for n := 0; ; n++ {
			if _, _, err := c.request(); err != nil {
				return
			}
			if n > 0 {
				<-time.After(slow)
			}
			c.say("%s", ok)
		}
	})
	a.HeaderTimeout = limit
	if got, err := a.get(); got != "200 ok" || err != nil {
		t.Fatalf("%q, %v", got, err)
	}
	if len(a.idle) != 1 || !a.idle[0].timed {
		t.Fatal("no deadline was left on a connection of the pool")
	}
	return a
}

func TestTheDeadlineOfOneCallIsNotForTheUploadOfTheNext(t *testing.T) {
	for what, chunked := range map[string]bool{"with a length": false, "in chunks": true} {
		a := left(t, moment, 0)
		c := a.post(nil, chunked)
		c.Content = gate{time.After(3 * moment), new(bool)}
		if got, err := outcome(c); got != "200 ok" || err != nil || a.dialled() != 1 {
			t.Errorf("%s: %q, %v over %d connections; want an answer over the one", what, got, err, a.dialled())
		}
	}
}

func TestTheDeadlineOfOneCallIsNotForTheAnswerOfTheNext(t *testing.T) {
	const limit = 500 * time.Millisecond
	a := left(t, limit, limit*7/10)
	<-time.After(limit * 6 / 10) // most of the time of the first call is over
	if got, err := a.get(); got != "200 ok" || err != nil || a.dialled() != 1 {
		t.Errorf("%q, %v over %d connections; want an answer over the one", got, err, a.dialled())
	}
}

// Of an application that may take its time nothing is said to be late.
func TestTheDeadlineOfOneCallIsNotForOneWithoutAny(t *testing.T) {
	a := left(t, moment, 3*moment)
	patient := &Upstream{Dial: a.dial, IdleTimeout: time.Minute, MaxIdle: 1}
	defer patient.Close()
	patient.put(a.take())
	c := patient.NewCall()
	c.Head = append(c.Head, getHead...)
	if got, err := outcome(c); got != "200 ok" || err != nil || a.dialled() != 1 {
		t.Errorf("%q, %v over %d connections; want an answer over the one", got, err, a.dialled())
	}
}

func TestTheDeadlineOfOneCallIsNotForTheContentOfTheNext(t *testing.T) {
	say := make(chan struct{})
	a := serveApp(t, func(c *peer) {
		c.request()
		c.say("%s", ok)
		c.request()
		c.say("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
		<-say
		c.say("late")
		c.rest()
	})
	a.HeaderTimeout = moment
	a.get()
	time.AfterFunc(3*moment, func() { close(say) })
	if got, err := a.get(); got != "200 late" || err != nil || a.dialled() != 1 {
		t.Errorf("%q, %v over %d connections; want an answer over the one", got, err, a.dialled())
	}
}
