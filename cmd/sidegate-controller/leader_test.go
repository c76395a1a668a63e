package main

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
)

func leaseOptions(identity string) options {
	return options{identity: identity, leaseNamespace: "sidegate", leaseName: "sidegate-controller"}
}

// holder returns who holds the lease; "" if it was given back.
func (c *cluster) holder() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	spec, _ := c.lease["spec"].(map[string]any)
	who, _ := spec["holderIdentity"].(string)
	return who
}

func TestTheLeaseIsGivenBackWhenTheWorkIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		var working atomic.Bool
		go func() {
			done <- lead(ctx, c.typed.CoordinationV1(), leaseOptions("first"), logr.Discard(), func(ctx context.Context) {
				working.Store(true)
				<-ctx.Done()
				time.Sleep(5 * time.Second) // a request under way
				working.Store(false)
				if c.holder() != "first" {
					t.Error("the lease was given back before the work was over")
				}
			})
		}()
		time.Sleep(time.Minute)
		if !working.Load() || c.holder() != "first" {
			t.Fatalf("working %v, holder %q", working.Load(), c.holder())
		}
		stop()
		if err := <-done; err != nil || working.Load() || c.holder() != "" {
			t.Errorf("error %v, working %v, holder %q", err, working.Load(), c.holder())
		}
	})
}

func TestALostLeaseIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		done := make(chan error, 1)
		var working atomic.Bool
		go func() {
			done <- lead(t.Context(), c.typed.CoordinationV1(), leaseOptions("first"), logr.Discard(), func(ctx context.Context) {
				working.Store(true)
				<-ctx.Done()
				working.Store(false)
			})
		}()
		time.Sleep(time.Minute)
		if !working.Load() {
			t.Fatal("not working")
		}
		c.fail(http.StatusInternalServerError)
		time.Sleep(leaseDuration)
		if working.Load() {
			t.Error("still working when another may have the lease")
		}
		if err := <-done; err == nil || !strings.Contains(err.Error(), `the lease "sidegate-controller" in namespace "sidegate" was lost`) {
			t.Errorf("error %v", err)
		}
	})
}

func TestOneStandsByUntilTheOtherIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		work := func(ctx context.Context) { <-ctx.Done() }
		first, stopFirst := context.WithCancel(t.Context())
		second, stopSecond := context.WithCancel(t.Context())
		done := make(chan error, 2)
		go func() {
			done <- lead(first, c.typed.CoordinationV1(), leaseOptions("first"), logr.Discard(), work)
		}()
		synctest.Wait()
		go func() {
			done <- lead(second, c.typed.CoordinationV1(), leaseOptions("second"), logr.Discard(), work)
		}()
		time.Sleep(time.Minute)
		if c.holder() != "first" {
			t.Fatalf("holder %q, want first", c.holder())
		}
		stopFirst()
		if err := <-done; err != nil {
			t.Error(err)
		}
		time.Sleep(2*retryPeriod + retryPeriod)
		if c.holder() != "second" {
			t.Errorf("holder %q, want second", c.holder())
		}
		stopSecond()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
