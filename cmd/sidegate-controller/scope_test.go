package main

import (
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clienttesting "k8s.io/client-go/testing"

	"github.com/sidegate/sidegate/proxy/config"
	"github.com/sidegate/sidegate/proxy/minica"
)

func TestANamespaceThatCannotBeListedStopsNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out journal
		var refused atomic.Bool
		refused.Store(true)
		c, p := newCluster(t), newPKI(t)
		c.log = newLogger(&out, config.Default().Log)
		c.metadata.PrependReactor("list", "secrets", func(a clienttesting.Action) (bool, runtime.Object, error) {
			if refused.Load() && a.GetNamespace() == "gone" {
				return true, nil, apierrors.NewForbidden(secretsResource.GroupResource(), "", nil)
			}
			return false, nil, nil
		})
		c.settled(p)
		c.run("shop", "a", mounts)
		c.run("gone", "b", mounts)
		ctl := c.control("gone", "shop")
		c.put(webSecret, p.pair(minica.Options{Subject: "CN=web"}))
		time.Sleep(4 * time.Minute)
		if diff := cmp.Diff([]string{"a", "a"}, names(c.patches())); diff != "" || !ctl.view.ready() {
			t.Errorf("touched: %s; ready %v", diff, ctl.view.ready())
		}
		c.wantTold("while a namespace is refused")
		c.wantSynced(ctl, "0", "1")
		line := `"namespace":"gone","resource":"secrets"`
		if n := strings.Count(out.String(), line); n != 1 || !strings.Contains(out.String(), "create the namespace, and in it the Role") {
			t.Errorf("%d lines on it in 4 minutes, want one: %s", n, out.String())
		}
		time.Sleep(4 * time.Minute)
		if n := strings.Count(out.String(), line); n != 2 {
			t.Errorf("%d lines on it in 8 minutes, want two", n)
		}
		refused.Store(false)
		time.Sleep(time.Minute)
		c.wantSynced(ctl, "1", "1")
		c.wantTold("as soon as it may be listed", "Missing ConfigMap/partner", "Missing Pod/b", "Missing Pod/b", "Missing Secret/web")
	})
}

// wantSynced fails the test unless the metrics say this of the namespaces.
func (c *cluster) wantSynced(ctl *controller, gone, shop string) {
	c.t.Helper()
	text := string(ctl.metrics.registry.Append(nil))
	for namespace, value := range map[string]string{"gone": gone, "shop": shop} {
		if series := `sidegate_controller_scope_synced{namespace="` + namespace + `"} ` + value; !strings.Contains(text, "\n"+series+"\n") {
			c.t.Errorf("no series %s", series)
		}
	}
}

// Types of Secrets that are not watched can be mounted, too.
func TestWhatIsNotWatchedIsNotMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newCluster(t), newPKI(t)
		c.settled(p)
		must(t, c.metadata.Resource(secretsResource).Namespace("shop").Delete(t.Context(), "web", metav1.DeleteOptions{}))
		c.run("shop", "a", mounts)
		c.control()
		time.Sleep(day)
		c.wantTold("a Secret that is there, though on no list")
		for _, a := range c.metadata.Actions() {
			if list, ok := a.(clienttesting.ListAction); ok && strings.Contains(list.GetListRestrictions().Fields.String(), "service-account-token") {
				t.Error("tokens of ServiceAccounts are left out")
			}
		}
	})
}

func TestWrongAnnotationsAreToldWhenTheyChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out journal
		c := newCluster(t)
		c.log = newLogger(&out, config.Default().Log)
		pod := podWith(map[string]string{clientCAAnnotation: "first"})
		change := func(value string) {
			next := pod.DeepCopy()
			next.Annotations[clientCAAnnotation] = value
			c.control().podChanged(pod, next)
			pod = next
		}
		for _, value := range []string{"second", "second", "third"} {
			change(value)
		}
		for _, value := range []string{"first", "second", "third"} {
			want := 1
			if value == "first" {
				want = 0 // it was there before
			}
			if n := strings.Count(out.String(), `client-ca is \"`+value); n != want {
				t.Errorf("%d lines on the %s value, want %d", n, value, want)
			}
		}
	})
}

func TestAnObjectThatCannotBeReadIsInTheMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newCluster(t), newPKI(t)
		c.settled(p)
		c.run("shop", "a", mounts)
		c.fail(403)
		ctl := c.control()
		series := `sidegate_controller_inspection_failing{kind="Secret",name="web",namespace="shop"} 1`
		for _, failing := range []bool{true, false} {
			time.Sleep(time.Minute)
			if has := strings.Contains(string(ctl.metrics.registry.Append(nil)), series); has != failing {
				t.Errorf("series there: %v, want %v", has, failing)
			}
			c.fail(0)
		}
	})
}
