package main

import (
	"context"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	typedcoordination "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// The times of the lease, those of the controllers of Kubernetes: a leader that
// vanished without a word is followed within 17 s.
const (
	leaseDuration = 15 * time.Second
	renewDeadline = 10 * time.Second
	retryPeriod   = 2 * time.Second
)

// lead waits for the lease, acts while it is held, and gives it back when ctx is
// done, after act has returned. A lease that is lost is an error: what was seen
// meanwhile cannot be trusted, and a new process starts clean.
func lead(ctx context.Context, client typedcoordination.LeasesGetter, o options, log logr.Logger, act func(context.Context)) error {
	elect, release := context.WithCancel(context.WithoutCancel(ctx))
	defer release()
	leading, over := make(chan context.Context, 1), make(chan struct{})
	elector, err := leaderelection.NewLeaderElector(electionConfig(client, o, log, leading))
	if err != nil {
		return fmt.Errorf("set up the election of a leader: %w", err)
	}
	go func() {
		defer close(over)
		elector.Run(elect)
	}()
	defer func() {
		release()
		<-over
	}()
	select {
	case <-ctx.Done():
		return nil
	case <-over:
		return lost(o)
	case held := <-leading:
		log.Info("leading", "identity", o.identity)
		acting, stop := context.WithCancel(ctx)
		defer stop()
		defer context.AfterFunc(held, stop)()
		act(acting)
		if ctx.Err() == nil {
			return lost(o)
		}
		log.Info("giving the lease back")
		return nil
	}
}

func electionConfig(client typedcoordination.LeasesGetter, o options, log logr.Logger, leading chan<- context.Context) leaderelection.LeaderElectionConfig {
	return leaderelection.LeaderElectionConfig{
		Name: o.leaseName,
		Lock: &resourcelock.LeaseLock{
			LeaseMeta:  metav1.ObjectMeta{Namespace: o.leaseNamespace, Name: o.leaseName},
			Client:     client,
			LockConfig: resourcelock.ResourceLockConfig{Identity: o.identity},
		},
		LeaseDuration:   leaseDuration,
		RenewDeadline:   renewDeadline,
		RetryPeriod:     retryPeriod,
		ReleaseOnCancel: true,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(ctx context.Context) { leading <- ctx },
			OnStoppedLeading: func() {},
			OnNewLeader: func(identity string) {
				if identity != o.identity {
					log.Info("another controller leads, standing by", "leader", identity)
				}
			},
		},
	}
}

func lost(o options) error {
	return fmt.Errorf("the lease %q in namespace %q was lost: another controller has it, or the API server did not answer for %v; ending, to start anew",
		o.leaseName, o.leaseNamespace, renewDeadline)
}
