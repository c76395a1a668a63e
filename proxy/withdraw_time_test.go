package proxy

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// A broken notes how it is broken off.
type broken struct{ gently []bool }

func (b *broken) breakOff(gently bool) { b.gently = append(b.gently, gently) }

const moment = 3 * time.Second

// withdrawn returns a request under way that has a moment left, as a verdict says.
func withdrawn(b *broken) (*waiting, *conn, *verdict) {
	v := &verdict{gen: &generation{settings: &Settings{WithdrawalGrace: moment}}}
	w, c := &waiting{breaker: b}, new(conn)
	w.begin(v, "GET", "/", nil)
	w.withdraw(c, w.count, v, &fault{403, "denied", "a test denies it"})
	return w, c, v
}

func TestAWithdrawnRequestIsBrokenOffWhenItsTimeIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := new(broken)
		w, c, _ := withdrawn(b)
		<-time.After(endingTime)
		synctest.Wait()
		if !c.leaving.Load() {
			t.Error("the client is not asked to leave")
		}
		<-time.After(moment - endingTime - time.Millisecond)
		synctest.Wait()
		if len(b.gently) > 0 || w.lost() != nil {
			t.Errorf("before its time was over it was broken off: %v, %v", b.gently, w.lost())
		}
		<-time.After(time.Millisecond + farewellTime)
		synctest.Wait()
		if !slices.Equal(b.gently, []bool{true, false}) {
			t.Errorf("broken off gently: %v, want first so, and then in any way", b.gently)
		}
		if f := w.answers(false); f == nil || f.reason != "denied" {
			t.Errorf("a response may still begin: %v", f)
		}
		if f := w.end(); f == nil || f.reason != "denied" {
			t.Errorf("it ended for %v", f)
		}
		<-time.After(time.Hour)
		synctest.Wait()
		if len(b.gently) != 2 {
			t.Errorf("after its end it was broken off: %v", b.gently)
		}
	})
}

// Nor is a response that has begun, for which there are no words.
func TestAResponseIsBrokenOffInAnyWayAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := new(broken)
		w, _, _ := withdrawn(b)
		if f := w.answers(false); f != nil {
			t.Errorf("the response may not begin while there is time: %v", f)
		}
		<-time.After(moment)
		synctest.Wait()
		if !slices.Equal(b.gently, []bool{false}) {
			t.Errorf("broken off gently: %v", b.gently)
		}
		w.end()
	})
}

// What ends by itself in the moment of a change was an ordinary request.
func TestARequestThatIsEndingIsNotTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, c, _ := withdrawn(new(broken))
		if f := w.end(); f != nil {
			t.Errorf("it ended for %v", f)
		}
		<-time.After(time.Hour)
		synctest.Wait()
		if c.leaving.Load() {
			t.Error("the client is asked to leave")
		}
	})
}

// The next request on the connection is another one.
func TestTheTimeOfARequestDoesNotEndTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := new(broken)
		w, c, v := withdrawn(b)
		former := w.count
		w.end()
		w.begin(v, "GET", "/", nil)
		w.withdraw(c, former, v, &fault{403, "denied", ""}) // by a patrol that is late
		w.expire(former)
		<-time.After(2 * moment)
		synctest.Wait()
		if len(b.gently) > 0 || w.lost() != nil || w.withdrawn != nil {
			t.Errorf("broken off: %v, %v, %v", b.gently, w.lost(), w.withdrawn)
		}
		w.end()
	})
}

// Shortened in the first moment or later, the grace takes no word from anybody.
func TestAShorterGraceIsCountedFromTheWithdrawal(t *testing.T) {
	for _, shortened := range []time.Duration{0, endingTime / 2, 2 * endingTime, moment / 2} {
		synctest.Test(t, func(t *testing.T) {
			b := new(broken)
			w, c, _ := withdrawn(b)
			<-time.After(shortened)
			w.hasten(w.count, moment/3)
			w.hasten(w.count, 2*moment) // which gives nothing back
			synctest.Wait()
			if early := shortened < moment/3; early != (w.lost() == nil) {
				t.Errorf("shortened after %v: it is over at once: %v", shortened, early)
			}
			<-time.After(moment/3 - min(shortened, moment/3))
			synctest.Wait()
			if !slices.Equal(b.gently, []bool{true}) || !c.leaving.Load() {
				t.Errorf("shortened after %v: broken off gently %v, asked to leave %v", shortened, b.gently, c.leaving.Load())
			}
			w.end()
		})
	}
}
