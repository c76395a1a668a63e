package proxy_test

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/sidegate/sidegate/proxy"
)

// While the gate drains, a path is withdrawn of which the client takes nothing for
// a while. What it is still let in for, over the same connection, it gets whole.
func TestADrainDoesNotMakeAWithdrawalCutWhatIsLetIn(t *testing.T) {
	const whole = 12 << 20
	g := openGate(t, func(g *gate) { g.set.HTTP2, g.set.WithdrawalGrace = true, 100*time.Millisecond })
	var calls atomic.Int64
	g.app.respond(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		part := make([]byte, 16<<10)
		for n := 0; r.URL.Path == "/go" || n < whole; n += len(part) {
			if _, err := w.Write(part); err != nil {
				return
			}
		}
	})
	h := g.h2conn(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 30})
	_ = h.WriteWindowUpdate(0, 1<<30)
	h.requestOf(1, "GET", "/stay", true)
	h.requestOf(3, "GET", "/go", true)
	eventually(t, "both are under way", func() bool { return calls.Load() == 2 }, func() string { return fmt.Sprint(calls.Load()) })
	d := g.drain(30*time.Second, 0)
	remaining := *allowing(t, partnerDN)
	remaining.Rules[0].Paths = []string{"/stay"}
	g.configure(func(s *proxy.Settings) { s.Policy = &remaining })

	<-time.After(1500 * time.Millisecond) // the client's pause, in which the grace and the farewell after it pass
	_ = h.SetReadDeadline(time.Now().Add(30 * time.Second))
	for got, ended := 0, false; !ended; {
		f, err := h.ReadFrame()
		if err != nil {
			t.Fatalf("%d of %d bytes, then %v", got, whole, err)
		}
		switch f := f.(type) {
		case *http2.DataFrame:
			if f.StreamID == 1 {
				got += len(f.Data())
				ended = f.StreamEnded()
			}
			if ended && got != whole {
				t.Errorf("%d of %d bytes", got, whole)
			}
		case *http2.RSTStreamFrame:
			if f.StreamID == 1 {
				t.Fatalf("%d of %d bytes, then it is reset: %v", got, whole, f.ErrCode)
			}
		}
	}
	_ = h.Close()
	d.mustEnd(20*time.Second, true)
}
