package main

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clienttesting "k8s.io/client-go/testing"

	"github.com/sidegate/sidegate/proxy/minica"
)

var (
	webSecret = object{secret, "shop", "web"}
	partnerCA = object{configMap, "shop", "partner"}
	mounts    = map[string]string{tlsSecretAnnotation: "web", clientCAAnnotation: "configmap/partner"}
)

// settled creates both objects, and lets the controller see what is there.
func (c *cluster) settled(p pki) {
	c.t.Helper()
	c.put(webSecret, p.pair(minica.Options{Subject: "CN=web", DNS: []string{"web"}}))
	c.put(partnerCA, map[string][]byte{"ca.crt": p.ca.PEM()})
}

// generation returns that of a pod with these annotations.
func (c *cluster) generation(namespace string, annotations map[string]string) generation {
	pod := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Annotations: annotations}}
	return generationOf(pod, func(o object) *metav1.PartialObjectMetadata {
		m, err := c.metadata.Resource(secretsOrConfigMaps(o)).Namespace(o.namespace).Get(c.t.Context(), o.name, metav1.GetOptions{})
		must(c.t, err)
		return m
	})
}

func names(patches []string) (all []string) {
	for _, p := range patches {
		name, _, _ := strings.Cut(p, " ")
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

func TestAChangeTouchesThePodsThatMountItAndNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newCluster(t), newPKI(t)
		c.settled(p)
		c.run("shop", "a", mounts)
		c.run("shop", "b", map[string]string{tlsSecretAnnotation: "other", clientCAAnnotation: "secret/web"})
		c.run("shop", "stranger", map[string]string{tlsSecretAnnotation: "other", clientCAAnnotation: "configmap/partner"})
		c.run("elsewhere", "same-name", mounts)
		c.control()
		time.Sleep(time.Minute)
		if got := c.patches(); len(got) > 0 {
			t.Fatalf("touched before anything changed: %q", got)
		}
		start := time.Now()
		c.put(webSecret, p.pair(minica.Options{Subject: "CN=web"}))
		synctest.Wait()
		if got := names(c.patches()); !slices.Equal(got, []string{"a", "b"}) {
			t.Errorf("touched %q, want a and b", got)
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("the touch waited %v", took)
		}
		time.Sleep(time.Minute)
		got := c.patches()
		if diff := cmp.Diff([]string{"a", "a", "b", "b"}, names(got)); diff != "" {
			t.Errorf("after the second touch: %s", diff)
		}
		for _, patch := range got[2:] {
			if first, ok := strings.CutSuffix(patch, secondMark); !ok || !slices.Contains(got[:2], first) {
				t.Errorf("the second touch is %q, the first ones were %q", patch, got[:2])
			}
		}
	})
}

func TestARestartTouchesOnlyPodsThatWereMissedOnceOrTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newCluster(t), newPKI(t)
		c.settled(p)
		now := c.generation("shop", mounts)
		with := func(value string) map[string]string {
			return map[string]string{tlsSecretAnnotation: "web", clientCAAnnotation: "configmap/partner", syncedAnnotation: value}
		}
		c.run("shop", "never-touched", mounts)
		c.run("shop", "touched-once", with(now.annotation(false)))
		c.run("shop", "touched-twice", with(now.annotation(true)))
		c.run("shop", "missed", with(generation(7).annotation(true)))
		c.run("shop", "nonsense", with("x"))
		c.control()
		time.Sleep(time.Minute)
		// Whoever touched once may be gone: the second touch is ours.
		want := []string{"missed " + now.annotation(false), "missed " + now.annotation(true), "touched-once " + now.annotation(true)}
		if diff := cmp.Diff(want, slices.Sorted(slices.Values(c.patches()))); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAPodThatStartsLaterIsNotTouched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newCluster(t), newPKI(t)
		c.settled(p)
		c.control()
		c.run("shop", "late", mounts)
		time.Sleep(time.Minute)
		if got := c.patches(); len(got) > 0 {
			t.Errorf("touched: %q", got)
		}
	})
}

func TestAnObjectThatComesBackIsAChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newCluster(t), newPKI(t)
		c.settled(p)
		c.run("shop", "a", mounts)
		c.control("shop")
		c.remove(webSecret)
		time.Sleep(time.Minute)
		before := len(c.patches())
		c.put(webSecret, p.pair(minica.Options{Subject: "CN=web"}))
		synctest.Wait()
		if got := c.patches(); len(got) != before+1 {
			t.Errorf("%d touches after it came back, want one: %q", len(got)-before, got)
		}
	})
}

func TestNamespacesThatAreNotOursAreLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newCluster(t), newPKI(t)
		c.settled(p)
		c.run("shop", "a", mounts)
		c.control("elsewhere", "and-there")
		c.put(webSecret, p.pair(minica.Options{Subject: "CN=web"}))
		time.Sleep(time.Minute)
		if got := c.patches(); len(got) > 0 {
			t.Errorf("touched: %q", got)
		}
		if got := c.told(); len(got) > 0 {
			t.Errorf("told: %q", got)
		}
	})
}

func TestSecondTouchesWaitForFirstOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newCluster(t), newPKI(t)
		c.settled(p)
		c.run("shop", "a", mounts)
		ctl := c.control()
		c.put(partnerCA, map[string][]byte{"ca.crt": p.ca.PEM()})
		synctest.Wait() // a was touched once
		name := types.NamespacedName{Namespace: "shop", Name: "a"}
		waiting := newSyncer(ctl.view, c.metadata, ctl.metrics, logr.Discard())
		g := generationOf(ctl.view.pod(name), ctl.view.metadata)
		waiting.pods["uid-of-a"] = &podState{touched: g, second: time.Now()}
		waiting.queue.Add(types.NamespacedName{Namespace: "shop", Name: "another"})
		for _, patient := range []bool{true, false} {
			before := len(c.patches())
			again, err := waiting.syncAgain(t.Context(), name)
			must(t, err)
			if touched := len(c.patches()) > before; touched == patient || (again > 0) != patient {
				t.Errorf("first touches waiting, patience %v; touched %v, to be looked at again after %v", patient, touched, again)
			}
			time.Sleep(secondPatience)
		}
		waiting.queue.ShutDown()
		waiting.seconds.ShutDown()
	})
}

func TestAPodThatCannotBeTouchedIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newCluster(t), newPKI(t)
		c.settled(p)
		c.run("shop", "a", mounts)
		tries := 0
		c.metadata.PrependReactor("patch", "pods", func(clienttesting.Action) (bool, runtime.Object, error) {
			if tries++; tries <= 3 {
				return true, nil, apierrors.NewTooManyRequestsError("busy")
			}
			return false, nil, nil
		})
		ctl := c.control()
		c.put(webSecret, p.pair(minica.Options{Subject: "CN=web"}))
		time.Sleep(time.Second)
		text := string(ctl.metrics.registry.Append(nil))
		for _, want := range []string{`result="error"} 3`, `result="ok"} 1`} {
			if !strings.Contains(text, "sidegate_controller_pod_syncs_total{"+want) {
				t.Errorf("no %s in the metrics", want)
			}
		}
	})
}
