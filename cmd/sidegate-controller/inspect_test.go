package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sidegate/sidegate/proxy/minica"
)

const day = 24 * time.Hour

// wantTold fails the test unless exactly these Events were written since the
// last look: "REASON KIND/NAME", sorted.
func (c *cluster) wantTold(when string, want ...string) {
	c.t.Helper()
	if diff := cmp.Diff(want, c.told()); diff != "" {
		c.t.Errorf("%s: told (-want +got): %s", when, diff)
	}
}

func TestExpiryIsToldOnceAStepAndRenewalEndsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newCluster(t), newPKI(t)
		lived := func(left time.Duration) minica.Options {
			return minica.Options{Subject: "CN=web", NotBefore: time.Now().Add(left - 12*day), NotAfter: time.Now().Add(left)}
		}
		c.put(webSecret, p.pair(lived(8*day-time.Hour))) // away from the hours at which it is looked at anyway
		c.put(partnerCA, map[string][]byte{"ca.crt": p.ca.PEM()})
		c.run("shop", "a", mounts)
		c.control()
		time.Sleep(23*time.Hour - time.Minute)
		c.wantTold("just before the 7 days")
		time.Sleep(2 * time.Minute)
		c.wantTold("just after", "CertificateExpiring Pod/a", "CertificateExpiring Secret/web")
		time.Sleep(5 * day)
		c.wantTold("2 days before")
		time.Sleep(day)
		c.wantTold("the last day", "CertificateExpiring Pod/a", "CertificateExpiring Secret/web")
		time.Sleep(day)
		c.wantTold("after the end", "CertificateExpired Pod/a", "CertificateExpired Secret/web")
		c.put(webSecret, p.pair(lived(11*day)))
		time.Sleep(time.Minute)
		c.wantTold("renewed", "Recovered Pod/a", "Recovered Secret/web")
		time.Sleep(day)
		c.wantTold("a day later")
	})
}

func TestAFaultIsToldToThoseThatItConcerns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newCluster(t), newPKI(t)
		c.settled(p)
		c.run("shop", "a", mounts)
		c.control()
		c.wantTold("all is well")

		broken := p.pair(minica.Options{Subject: "CN=web"})
		broken["tls.key"] = p.pair(minica.Options{Subject: "CN=other"})["tls.key"]
		c.put(webSecret, broken)
		synctest.Wait()
		c.wantTold("broken", "KeyMismatch Pod/a", "KeyMismatch Secret/web")

		c.put(webSecret, broken) // as when a label changes
		time.Sleep(time.Minute)
		c.wantTold("another version of the same")

		c.run("shop", "b", mounts)
		time.Sleep(time.Minute)
		c.wantTold("a new pod", "KeyMismatch Pod/b")

		c.put(webSecret, p.pair(minica.Options{Subject: "CN=web"}))
		time.Sleep(time.Minute)
		c.wantTold("mended", "Recovered Pod/a", "Recovered Pod/b", "Recovered Secret/web")

		c.put(webSecret, broken)
		time.Sleep(time.Minute)
		c.wantTold("broken again", "KeyMismatch Pod/a", "KeyMismatch Pod/b", "KeyMismatch Secret/web")
	})
}

func TestARestartTellsNothingAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newCluster(t), newPKI(t)
		c.put(webSecret, map[string][]byte{"tls.crt": []byte("x")})
		c.put(partnerCA, map[string][]byte{"ca.crt": p.ca.PEM()})
		c.run("shop", "a", mounts)
		c.control()
		time.Sleep(time.Minute)
		before := c.written()
		again := c.control()
		time.Sleep(time.Minute)
		if after := c.written(); after != before || before != 4 {
			t.Errorf("%d Events, then %d after a restart; want 4 and 4", before, after)
		}
		if n := again.inspector.queue.NumRequeues(webSecret); n > 0 {
			t.Errorf("telling what is told already failed %d times", n)
		}
		if n := len(again.inspector.known()[webSecret].verdict.findings); n != 2 {
			t.Errorf("%d findings after a restart, want 2", n)
		}
	})
}

func TestWhatIsMissingIsToldAfterAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newCluster(t), newPKI(t)
		c.control()
		c.run("shop", "a", mounts)
		time.Sleep(2 * time.Second)
		c.wantTold("at once")
		c.put(partnerCA, map[string][]byte{"ca.crt": p.ca.PEM()})
		time.Sleep(time.Minute)
		c.wantTold("after a while", "Missing Pod/a", "Missing Secret/web")
		c.put(webSecret, p.pair(minica.Options{Subject: "CN=web"}))
		time.Sleep(time.Minute)
		c.wantTold("created", "Recovered Pod/a", "Recovered Secret/web")
		c.remove(webSecret)
		time.Sleep(time.Minute)
		c.wantTold("deleted", "Missing Pod/a", "Missing Secret/web")
	})
}

func TestAnImmutableObjectIsToldOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newCluster(t), newPKI(t)
		c.settled(p)
		yes := true
		c.put(partnerCA, map[string][]byte{"ca.crt": p.ca.PEM()}, func(s *corev1.Secret) { s.Immutable = &yes })
		c.run("shop", "a", mounts)
		c.control()
		time.Sleep(time.Minute)
		c.wantTold("immutable", "Immutable ConfigMap/partner", "Immutable Pod/a")
	})
}

func TestMetricsAreThoseOfWhatIsMounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newCluster(t), newPKI(t)
		c.settled(p)
		c.put(webSecret, map[string][]byte{"tls.crt": []byte("x"), "tls.key": []byte("y")})
		c.put(object{secret, "shop", "unmounted"}, p.pair(minica.Options{Subject: "CN=other"}))
		c.run("shop", "a", mounts)
		ctl := c.control()
		time.Sleep(time.Minute)
		end := fmt.Sprintf("%g", float64(p.ca.Leaf.NotAfter.Unix()))
		series := []string{
			`sidegate_controller_certificate_expiry_timestamp_seconds{key="ca.crt",kind="ConfigMap",name="partner",namespace="shop"} ` + end,
			`sidegate_controller_object_faults{kind="Secret",name="web",namespace="shop",reason="not-parsable"} 1`,
			`sidegate_controller_cached_objects{resource="secrets"} 2`,
			`sidegate_controller_inspected_objects 2`,
			`sidegate_controller_events_total{reason="NotParsable"} 4`,
			`sidegate_controller_pod_syncs_total{result="ok"} 0`,
			`sidegate_controller_leader 1`,
		}
		text := string(ctl.metrics.registry.Append(nil))
		for _, s := range series {
			if !strings.Contains(text, "\n"+s+"\n") {
				t.Errorf("no series %s", s)
			}
		}
		must(t, c.metadata.Resource(podsResource).Namespace("shop").Delete(t.Context(), "a", metav1.DeleteOptions{}))
		time.Sleep(time.Minute)
		text = string(ctl.metrics.registry.Append(nil))
		for _, s := range series[:2] {
			if strings.Contains(text, s) {
				t.Errorf("still there after the last pod is gone: %s", s)
			}
		}
		if !strings.Contains(text, "\nsidegate_controller_inspected_objects 0\n") {
			t.Error("something is still inspected")
		}
	})
}

func TestOnlyWhatIsMountedIsReadAndOnlyWhenItChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newCluster(t), newPKI(t)
		c.settled(p)
		for i := range 20 {
			c.put(object{secret, "shop", fmt.Sprintf("unmounted-%d", i)}, p.pair(minica.Options{Subject: "CN=other"}))
			c.run("shop", fmt.Sprintf("pod-%d", i), mounts)
		}
		c.control()
		time.Sleep(time.Hour)
		c.put(webSecret, p.pair(minica.Options{Subject: "CN=web"}))
		time.Sleep(time.Hour)
		c.run("shop", "one-more", mounts)
		time.Sleep(time.Hour)
		if n := c.readWhole(); n != 3 {
			t.Errorf("%d objects were read, want 3: two at first, one that changed", n)
		}
	})
}

func TestOneFaultOfManyPodsIsToldToTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newCluster(t), newPKI(t)
		c.settled(p)
		c.put(partnerCA, map[string][]byte{"ca.crt": {}})
		for i := range podsTold + 20 {
			c.run("shop", fmt.Sprintf("pod-%d", i), mounts)
		}
		c.control()
		time.Sleep(time.Minute)
		if got := len(c.told()); got != podsTold+1 {
			t.Errorf("%d Events, want %d", got, podsTold+1)
		}
	})
}

func TestAnAPIServerThatFailsIsAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newCluster(t), newPKI(t)
		c.settled(p)
		c.put(partnerCA, map[string][]byte{"notes.txt": []byte("hello")})
		c.run("shop", "a", mounts)
		c.fail(http.StatusForbidden)
		c.control()
		time.Sleep(time.Minute)
		c.fail(0)
		time.Sleep(time.Minute)
		c.wantTold("back again", "NoCA ConfigMap/partner", "NoCA Pod/a")
	})
}

// fail has the API server refuse all but metadata with status; 0 ends it.
func (c *cluster) fail(status int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refuse = status
}
