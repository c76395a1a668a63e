package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sidegate/sidegate/proxy/minica"
)

// many runs n pods that mount both objects.
func (c *cluster) many(n int) {
	c.t.Helper()
	for i := range n {
		c.run("shop", fmt.Sprintf("pod-%d", i), mounts)
	}
}

func TestAnObjectThatFlapsIsToldOfSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newCluster(t), newPKI(t)
		c.settled(p)
		const pods = 50 // the fake API server holds no more changes at once than 100
		c.many(pods)
		ctl := c.control()
		good := p.pair(minica.Options{Subject: "CN=web"})
		bad := map[string][]byte{"tls.crt": []byte("x"), "tls.key": good["tls.key"]}
		flap := func(times int, pause time.Duration) {
			for range times {
				c.put(webSecret, bad)
				time.Sleep(pause)
				c.put(webSecret, good)
				time.Sleep(pause)
			}
		}
		start := time.Now()
		c.put(webSecret, bad)
		synctest.Wait()
		if n := c.written(); n != 1+pods || time.Since(start) != 0 {
			t.Errorf("the first time made %d Events after %v, want %d at once", n, time.Since(start), 1+pods)
		}
		flap(18, 550*time.Millisecond)
		if n := c.written(); n != 1+pods {
			t.Errorf("%d Events while it flapped, want the first %d", n, 1+pods)
		}
		if text := string(ctl.metrics.registry.Append(nil)); strings.Contains(text, "sidegate_controller_object_faults{") {
			t.Error("the metric says that there is a fault")
		}
		c.told()
		time.Sleep(2 * time.Minute)
		if got := slices.Compact(c.told()); len(got) != 1+pods || !strings.HasPrefix(got[0], reasonRecovered) {
			t.Errorf("at rest and good: told %d times, %q", len(got), got)
		}
		flap(3*60, 30*time.Second) // for three hours
		if n := c.written() / (1 + pods); n < 4 || n > 10 {
			t.Errorf("told %d times in three hours, want each time after twice as long", n)
		}
	})
}

func TestAStandingFaultIsToldOnEachDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newCluster(t), newPKI(t)
		c.settled(p)
		c.put(partnerCA, map[string][]byte{"notes.txt": nil})
		c.run("shop", "a", mounts)
		c.control()
		c.wantTold("at first", "NoCA ConfigMap/partner", "NoCA Pod/a")
		for i := range 3 {
			time.Sleep(day)
			c.wantTold(fmt.Sprintf("%d days later", i+1), "NoCA ConfigMap/partner", "NoCA Pod/a")
		}
	})
}

func TestAStormOfChangesTouchesEachPodSeldomAndForTheLastOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const pods = 50
		c, p := newCluster(t), newPKI(t)
		c.settled(p)
		c.many(pods)
		c.control()
		pair := p.pair(minica.Options{Subject: "CN=web"})
		for range 118 {
			c.put(webSecret, pair)
			time.Sleep(170 * time.Millisecond)
		}
		if n := len(c.patches()); n > pods*(touchBurst+5) {
			t.Errorf("%d touches of %d pods in 20 s", n, pods)
		}
		time.Sleep(2 * touchEvery)
		last := map[string]string{}
		for _, patch := range c.patches() {
			name, value, _ := strings.Cut(patch, " ")
			last[name] = value
		}
		want := c.generation("shop", mounts).annotation(true)
		for name, value := range last {
			if value != want {
				t.Errorf("pod %s has %s in the end, want %s", name, value, want)
			}
		}
		if len(last) != pods {
			t.Errorf("%d pods were touched, want %d", len(last), pods)
		}
	})
}

func TestRenewalsSomeSecondsApartAreNotSlowedDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newCluster(t), newPKI(t)
		c.settled(p)
		c.run("shop", "a", mounts)
		c.control()
		pair := p.pair(minica.Options{Subject: "CN=web"})
		for i := range 10 {
			time.Sleep(2 * time.Second)
			c.put(webSecret, pair)
			synctest.Wait()
			want := "a " + c.generation("shop", mounts).annotation(false)
			if got := c.patches(); len(got) == 0 || got[len(got)-1] != want {
				t.Errorf("renewal %d: not touched at once", i)
			}
		}
	})
}
