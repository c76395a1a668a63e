package http1

import (
	"bytes"
	"testing"
)

func TestFarewellComesBetweenFrames(t *testing.T) {
	big := frame(textual, 100_000, true)
	type sides struct{ client, app string }
	for _, c := range []struct {
		when          string
		before, after sides // what is sent; of what comes after, more follows that nobody may get
	}{
		{when: "nothing was sent"},
		{when: "whole frames were sent", before: sides{string(frame(textual, 3, true)), string(frame(textual, 5, false))}},
		{when: "the client has sent half a frame", before: sides{client: string(big[:50_000])}, after: sides{client: string(big[50_000:])}},
		{when: "the client has sent one byte of a head", before: sides{client: string(big[:1])}, after: sides{client: string(big[1:])}},
		{when: "the client has sent half a length", before: sides{client: string(big[:5])}, after: sides{client: string(big[5:])}},
		{when: "the client has sent half a mask", before: sides{client: string(big[:12])}, after: sides{client: string(big[12:])}},
		{when: "the application has sent half a frame", before: sides{app: "\x81\x05ab"}, after: sides{app: "cde"}},
		{when: "the application has sent half a head", before: sides{app: "\x81"}, after: sides{app: "\x05abcde"}},
		{when: "both have sent half a frame", before: sides{string(big[:20]), "\x81\x05ab"}, after: sides{string(big[20:]), "cde"}},
		{when: "half of the fragments were sent", before: sides{string(frame(textToFollow, 3, true)), string(frame(textToFollow, 3, false))}},
		{when: "a compressed frame was sent", before: sides{app: "\xc1\x03abc"}},
	} {
		t.Run(c.when, func(t *testing.T) {
			w := webSocket(t)
			w.client.say("%s", c.before.client)
			w.app.hears(t, c.before.client)
			w.app.say("%s", c.before.app)
			w.client.hears(t, c.before.app)
			w.withdraw()
			w.app.say("%s", c.after.app+string(frame(textual, 9, false)))
			w.client.say("%s", c.after.client+string(frame(textual, 9, true)))
			w.app.hears(t, c.after.client)
			w.app.isToldToGo(t, true)
			w.client.hears(t, c.after.app)
			w.client.isToldToGo(t, false)
			w.client.answers()
			w.takesLeave(t)
			w.app.isLeft(t)
			w.ended(t)
			in, out := len(c.before.client)+len(c.after.client), len(c.before.app)+len(c.after.app)
			if w.in != int64(in) || w.out != int64(out) || w.err != nil {
				t.Errorf("%d bytes in, want %d, %d out, want %d, %v", w.in, in, w.out, out, w.err)
			}
		})
	}
}

func TestOnlyTheFirstFarewellIsSaid(t *testing.T) {
	w := webSocket(t)
	for range 10 {
		go w.withdraw()
	}
	w.withdraw()
	w.client.isToldToGo(t, false)
	w.app.isToldToGo(t, true)
	w.Withdraw(1001, "again")
	w.client.answers()
	w.takesLeave(t)
	w.app.ends(t)
	w.ended(t)
	w.withdraw()
	w.Cut()
}

func TestATunnelThatWasWithdrawnBeforeItRan(t *testing.T) {
	client, server := securePair(t)
	w := agreed(t, client, server, string(frame(textual, 3, true)), string(frame(textual, 5, false)), patience)
	w.withdraw()
	w.run(t)
	w.client.isToldToGo(t, false)
	w.app.isToldToGo(t, true)
	w.client.answers()
	w.takesLeave(t)
	w.app.ends(t)
	w.ended(t)
	if w.in != 0 || w.out != 0 || w.err != nil {
		t.Errorf("%d bytes in, %d out, %v", w.in, w.out, w.err)
	}
}

// Nobody says Close twice (RFC 6455 §5.5.1).
func TestASideThatHasSaidClose(t *testing.T) {
	t.Run("the client", func(t *testing.T) {
		w := webSocket(t)
		said := string(frameOf(closing, "\x03\xe8", true))
		w.client.say("%s", said)
		w.app.hears(t, said)
		w.withdraw()
		w.client.isToldToGo(t, false)
		w.takesLeave(t)
		w.app.ends(t)
		w.ended(t)
	})
	t.Run("the application", func(t *testing.T) {
		w := webSocket(t)
		said := string(frameOf(closing, "\x03\xe8", false))
		w.app.say("%s", said)
		w.client.hears(t, said)
		w.withdraw()
		w.app.isToldToGo(t, true)
		w.client.answers()
		w.takesLeave(t)
		w.app.ends(t)
		w.ended(t)
	})
}

func TestASideThatHasEnded(t *testing.T) {
	t.Run("the client, before", func(t *testing.T) {
		w := webSocket(t)
		w.client.endSending()
		w.app.ends(t)
		w.withdraw()
		w.client.isToldToGo(t, false)
		w.takesLeave(t)
		w.ended(t)
		if w.err != nil {
			t.Error(w.err)
		}
	})
	t.Run("the client, instead of an answer", func(t *testing.T) {
		w := webSocket(t)
		w.withdraw()
		w.client.isToldToGo(t, false)
		w.app.isToldToGo(t, true)
		w.client.endSending()
		w.takesLeave(t)
		w.app.ends(t)
		w.ended(t)
	})
	t.Run("the application, before", func(t *testing.T) {
		w := webSocket(t)
		w.app.endSending()
		w.client.ends(t)
		w.withdraw()
		w.app.isToldToGo(t, true)
		w.client.answers()
		w.app.ends(t)
		w.ended(t)
	})
	t.Run("the application, as its answer", func(t *testing.T) {
		w := webSocket(t)
		w.withdraw()
		w.app.isToldToGo(t, true)
		w.app.send(frameOf(closing, "\x03\xf0", false))
		w.app.Close()
		w.client.isToldToGo(t, false)
		w.client.answers()
		w.takesLeave(t)
		w.ended(t)
		if w.err != nil {
			t.Error(w.err)
		}
	})
}

// It is not stuck in a write, and so comes to read its Close frame.
func TestAnApplicationThatFloods(t *testing.T) {
	w := webSocket(t)
	flooded := make(chan struct{})
	go func() {
		defer close(flooded)
		many := bytes.Repeat(frame(textual, 100, false), 1000)
		for err := error(nil); err == nil; {
			_, err = w.app.Write(many)
		}
	}()
	whole := string(frame(textual, 100, false))
	w.client.hears(t, whole)
	w.withdraw()
	w.app.isToldToGo(t, true)
	for told := false; !told; {
		first, content, _, err := w.client.frame()
		if told = first == closing; err != nil || told && content != farewellContent {
			t.Fatalf("the client reads %#x %q, %v", first, content, err)
		}
	}
	w.client.answers()
	w.takesLeave(t)
	w.ended(t)
	<-flooded
	if w.out%int64(len(whole)) != 0 || w.err != nil {
		t.Errorf("%d bytes out, %v", w.out, w.err)
	}
}

func TestNothingOfAClientThatFloodsComesAfterTheFarewell(t *testing.T) {
	w := webSocket(t)
	w.withdraw()
	w.client.send(bytes.Repeat(frame(textual, 100, true), 100_000)) // far more than fits into sockets
	w.app.isToldToGo(t, true)
	w.client.isToldToGo(t, false)
	w.client.answers()
	w.takesLeave(t)
	w.app.ends(t)
	w.ended(t)
	if w.in != 0 {
		t.Errorf("%d bytes in", w.in)
	}
}
