package main

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"
)

// A scope is the part of a view that lies in one namespace, or all of it. It
// works as soon as its own caches are full: a namespace that is gone, or in which
// we have no Role, must not keep the others from being looked after.
type scope struct {
	namespace                 string // "" stands for all
	pods, secrets, configMaps cache.SharedIndexInformer

	mu   sync.RWMutex // held for writing while full is being set
	full bool
}

func (s *scope) informers() []cache.SharedIndexInformer {
	return []cache.SharedIndexInformer{s.pods, s.secrets, s.configMaps}
}

// name returns the namespace as logs and metrics name it: "*" cannot be one.
func (s *scope) name() string {
	if s.namespace == metav1.NamespaceAll {
		return "*"
	}
	return s.namespace
}

// run keeps the caches fresh until ctx is done, and calls opened for once when
// they are full; before that meets every pod that is there.
func (s *scope) run(ctx context.Context, meet func(*metav1.PartialObjectMetadata), opened func()) {
	var all sync.WaitGroup
	for _, informer := range s.informers() {
		all.Go(func() { informer.RunWithContext(ctx) })
	}
	if cache.WaitForCacheSync(ctx.Done(), s.pods.HasSynced, s.secrets.HasSynced, s.configMaps.HasSynced) {
		s.open(meet)
		opened()
	}
	all.Wait()
}

// open lets events through. Those that come meanwhile wait, so that each pod is
// met before anything is told of it.
func (s *scope) open(meet func(*metav1.PartialObjectMetadata)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.full = true
	s.eachPod(meet)
}

// ready reports whether the caches are full.
func (s *scope) ready() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.full
}

func (s *scope) eachPod(do func(*metav1.PartialObjectMetadata)) {
	for _, obj := range s.pods.GetStore().List() {
		if pod, ok := obj.(*metav1.PartialObjectMetadata); ok {
			do(pod)
		}
	}
}

// size returns how many pods, Secrets and ConfigMaps are known.
func (s *scope) size() (pods, secrets, configMaps int) {
	return len(s.pods.GetStore().ListKeys()), len(s.secrets.GetStore().ListKeys()), len(s.configMaps.GetStore().ListKeys())
}

// complainEvery is the least time between two log lines on one trouble.
const complainEvery = 5 * time.Minute

// troubled returns what a cache of s calls, always from the same goroutine, when
// it cannot list or watch a resource. It tries again by itself, every 30 s at
// least.
func (s *scope) troubled(log logr.Logger, resource string) cache.WatchErrorHandlerWithContext {
	var last time.Time
	return func(ctx context.Context, r *cache.Reflector, err error) {
		switch now := time.Now(); {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), apierrors.IsResourceExpired(err), apierrors.IsGone(err):
			cache.DefaultWatchErrorHandler(ctx, r, err) // what happens to watches
		case now.Sub(last) >= complainEvery:
			last = now
			harm := "nothing is done for the pods of this namespace"
			if s.ready() {
				harm = "changes in this namespace are not seen"
			}
			log.Error(err, "a resource cannot be listed or watched, so "+harm+"; trying again",
				"namespace", s.name(), "resource", resource, "toMend", s.mend(err))
		}
	}
}

func (s *scope) mend(err error) string {
	switch {
	case !apierrors.IsForbidden(err) && !apierrors.IsUnauthorized(err):
		return "look at the API server and the network"
	case s.namespace == metav1.NamespaceAll:
		return "let our ServiceAccount list and watch pods, secrets and configmaps by a ClusterRole and its ClusterRoleBinding"
	}
	return "create the namespace, and in it the Role and the RoleBinding that let our ServiceAccount list and watch pods, secrets and configmaps; or take it out of --namespaces"
}
