package http1

import (
	"bytes"
	"sync"
	"testing"
)

func TestAClientThatDoesNotAnswerIsCut(t *testing.T) {
	w := webSocket(t)
	w.withdraw()
	w.client.isToldToGo(t, false)
	w.app.isToldToGo(t, true)
	w.Cut()
	w.ended(t)
	w.isCutOff(t)
	w.app.ends(t)
	if w.err != nil {
		t.Error(w.err)
	}
	w.Cut()
}

// No Close frame can be put between bytes of which nobody knows what they are, but
// they end all the same.
func TestWhatIsNoWebSocket(t *testing.T) {
	const junk = "\x81\xffjunk"
	much := bytes.Repeat([]byte(junk), 1<<20)
	t.Run("of the application", func(t *testing.T) {
		w := webSocket(t)
		w.app.say(junk)
		w.client.hears(t, junk)
		w.withdraw()
		w.app.isToldToGo(t, true)
		w.app.send(much) // which is read
		w.Cut()
		w.ended(t)
		w.isCutOff(t)
	})
	t.Run("of the client", func(t *testing.T) {
		const junk = "GET / HTTP/1.1\r\n"
		w := webSocket(t)
		w.client.say(junk)
		w.app.hears(t, junk)
		w.withdraw()
		w.client.isToldToGo(t, false)
		w.client.send(much)
		w.client.endSending()
		w.takesLeave(t)
		w.app.ends(t)
		w.ended(t)
		if w.in != int64(len(junk)) {
			t.Errorf("%d bytes in", w.in)
		}
	})
}

func TestASideThatDoesNotReadHoldsUpNobody(t *testing.T) {
	t.Run("the client", func(t *testing.T) {
		w := webSocket(t)
		w.app.fill(frame(textual, 1<<20, false))
		within(t, "it is withdrawn", w.withdraw)
		w.app.isToldToGo(t, true)
		within(t, "it is cut", w.Cut)
		w.ended(t)
	})
	t.Run("the application", func(t *testing.T) {
		w := webSocket(t)
		w.client.fill(frame(textual, 1<<20, true))
		within(t, "it is withdrawn", w.withdraw)
		w.client.isToldToGo(t, false)
		within(t, "it is cut", w.Cut)
		w.ended(t)
		w.isCutOff(t)
	})
}

func TestAFrameThatDoesNotEndIsCut(t *testing.T) {
	w := webSocket(t)
	w.client.say("\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff")
	w.app.hears(t, "\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff")
	w.withdraw()
	w.client.isToldToGo(t, false)
	w.Cut()
	w.ended(t)
	w.app.ends(t)
}

func TestATunnelThatWasCutBeforeItRan(t *testing.T) {
	w := agreedSecurely(t)
	w.Cut()
	w.start(t)
	w.isCutOff(t)
	w.app.ends(t)
	w.ended(t)
	if w.in != 0 || w.out != 0 || w.err != nil {
		t.Errorf("%d bytes in, %d out, %v", w.in, w.out, w.err)
	}
}

// Whenever it comes: while the tunnel begins, while bytes go both ways, at its end.
func TestATunnelMayBeEndedAtAnyTime(t *testing.T) {
	for range 20 {
		w := agreedSecurely(t)
		w.start(t)
		var all sync.WaitGroup
		for _, p := range []struct {
			*peer
			masked bool
		}{{w.client, true}, {w.app, false}} {
			all.Go(func() { _ = p.rest() })
			all.Go(func() {
				for range 50 {
					p.send(frame(textual, 3000, p.masked))
				}
				p.endSending()
			})
		}
		all.Go(w.withdraw)
		all.Go(w.withdraw)
		all.Go(func() {
			for range 50 {
				w.withdraw()
			}
			w.Cut()
		})
		all.Go(w.Cut)
		w.ended(t)
		within(t, "both sides end", all.Wait)
	}
}
