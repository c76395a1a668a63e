package main

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/util/workqueue"
)

const (
	// secondTouch is the time between the touches of a pod for one change. A
	// kubelet learns of the pod and of the Secret on two watches; if that of the
	// Secret is behind, the first touch mounts the old content once more, and
	// without a second one the pod would wait for its next turn: a minute.
	secondTouch = time.Second

	// secondPatience bounds how long the second touch of a pod waits while first
	// ones are under way, which somebody else may cause without end.
	secondPatience = 5 * time.Second

	// touchers is how many pods are touched at once, and secondTouchers how many
	// for the second time. The API server's own priority and fairness sees to it
	// that others are served as well.
	touchers, secondTouchers = 16, 4

	// requestTimeout bounds each request but a watch.
	requestTimeout = 10 * time.Second
)

// A syncer touches pods whose objects changed.
type syncer struct {
	view    *view
	client  metadata.Interface
	metrics *controllerMetrics
	log     logr.Logger
	queue   workqueue.TypedRateLimitingInterface[types.NamespacedName]
	seconds workqueue.TypedRateLimitingInterface[types.NamespacedName] // of pods to be touched again

	mu   sync.Mutex // guards what follows
	pods map[types.UID]*podState
}

// A podState is what a syncer remembers of a pod.
type podState struct {
	first   generation // what it mounted when we first saw it
	touched generation // for which we touched it last; 0: never
	noticed time.Time  // when we saw the change that it is to be touched for; zero: none
	second  time.Time  // when it is to be touched for the second time; zero: it is not

	allowance allowance
}

func newSyncer(v *view, client metadata.Interface, m *controllerMetrics, log logr.Logger) *syncer {
	return &syncer{view: v, client: client, metrics: m, log: log, pods: map[types.UID]*podState{},
		queue: newQueue[types.NamespacedName](), seconds: newQueue[types.NamespacedName]()}
}

// newQueue returns a queue that tries again what failed, later and later.
func newQueue[T comparable]() workqueue.TypedRateLimitingInterface[T] {
	return workqueue.NewTypedRateLimitingQueue(workqueue.NewTypedItemExponentialFailureRateLimiter[T](50*time.Millisecond, 30*time.Second))
}

// observe remembers what pod mounts if it was not known before: it has just
// started with that. Whoever does not lead observes, too, so as to see what
// changed when the leader is gone.
func (s *syncer) observe(pod *metav1.PartialObjectMetadata) {
	g := generationOf(pod, s.view.metadata)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pods[pod.UID] == nil {
		s.pods[pod.UID] = &podState{first: g}
	}
}

func (s *syncer) forget(uid types.UID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.pods, uid)
}

// changed has pods looked at, as something changed that they mount.
func (s *syncer) changed(pods []*metav1.PartialObjectMetadata) {
	now := time.Now()
	for _, pod := range pods {
		s.mu.Lock()
		if state := s.pods[pod.UID]; state != nil && state.noticed.IsZero() {
			state.noticed = now
		}
		s.mu.Unlock()
		s.look(pod)
	}
}

// look has pod looked at.
func (s *syncer) look(pod *metav1.PartialObjectMetadata) {
	s.queue.Add(types.NamespacedName{Namespace: pod.Namespace, Name: pod.Name})
}

// resume has pod looked at when we begin to act. Whoever touched it for the first
// time may be gone, so the second touch is ours if it is not there.
func (s *syncer) resume(pod *metav1.PartialObjectMetadata) {
	s.look(pod)
	g := generationOf(pod, s.view.metadata)
	if g == 0 || pod.Annotations[syncedAnnotation] != g.annotation(false) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if state := s.pods[pod.UID]; state != nil {
		s.owe(state, types.NamespacedName{Namespace: pod.Namespace, Name: pod.Name}, g, time.Now())
	}
}

// owe notes that a pod was touched for g at now, and is to be touched again. The
// caller holds s.mu.
func (s *syncer) owe(state *podState, name types.NamespacedName, g generation, now time.Time) {
	state.touched, state.second = g, now.Add(secondTouch)
	s.seconds.AddAfter(name, secondTouch)
}

// run touches pods until ctx is done, and returns when no request is under way.
func (s *syncer) run(ctx context.Context) {
	var both sync.WaitGroup
	both.Go(func() { serveQueue(ctx, s.queue, touchers, s.sync) })
	both.Go(func() { serveQueue(ctx, s.seconds, secondTouchers, s.syncAgain) })
	both.Wait()
}

// serveQueue has n workers call do for each item until ctx is done. An item for
// which do wants it is looked at again after a while, sooner if it changes.
func serveQueue[T comparable](ctx context.Context, q workqueue.TypedRateLimitingInterface[T], n int, do func(context.Context, T) (again time.Duration, err error)) {
	stop := context.AfterFunc(ctx, q.ShutDown)
	defer stop()
	var workers sync.WaitGroup
	for range n {
		workers.Go(func() {
			for {
				item, over := q.Get()
				if over {
					return
				}
				again, err := do(ctx, item)
				switch {
				case err != nil:
					q.AddRateLimited(item)
				default:
					q.Forget(item)
					if again > 0 {
						q.AddAfter(item, again)
					}
				}
				q.Done(item)
			}
		})
	}
	workers.Wait()
}

// sync touches one pod if it is behind, and if its allowance lets us: else later,
// for what it mounts by then.
func (s *syncer) sync(ctx context.Context, name types.NamespacedName) (again time.Duration, err error) {
	pod := s.view.pod(name)
	if pod == nil || pod.DeletionTimestamp != nil {
		return 0, nil
	}
	g := generationOf(pod, s.view.metadata)
	behind, wait := s.behind(pod, g, time.Now())
	if !behind || wait > 0 {
		return wait, nil
	}
	touched, err := s.touch(ctx, pod, g.annotation(false))
	if err != nil && s.queue.NumRequeues(name) == 0 {
		s.log.Error(err, "pod not touched, trying again", "namespace", name.Namespace, "pod", name.Name)
	}
	if touched {
		s.done(pod, g, time.Now())
	}
	return 0, err
}

// syncAgain touches one pod for the second time. Pods that wait for their first
// touch go before, for a while.
func (s *syncer) syncAgain(ctx context.Context, name types.NamespacedName) (again time.Duration, err error) {
	pod := s.view.pod(name)
	if pod == nil || pod.DeletionTimestamp != nil {
		return 0, nil
	}
	g := generationOf(pod, s.view.metadata)
	owed, wait := s.owes(pod, g, time.Now())
	if !owed || wait > 0 {
		return wait, nil
	}
	touched, err := s.touch(ctx, pod, g.annotation(true))
	if touched {
		s.settled(pod, g)
	}
	return 0, err
}

// behind reports whether pod, which mounts g, has to be touched, and how long
// that has to wait.
func (s *syncer) behind(pod *metav1.PartialObjectMetadata, g generation, now time.Time) (behind bool, wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	state := s.pods[pod.UID]
	if state == nil {
		state = &podState{first: g}
		s.pods[pod.UID] = state
	}
	synced := annotatedGeneration(pod)
	if synced == 0 {
		synced = state.first
	}
	// The cache may not have our last touch yet.
	if g == 0 || g == synced || g == state.touched {
		state.noticed = time.Time{}
		return false, 0
	}
	return true, state.allowance.wait(now)
}

// owes reports whether pod, which mounts g, is to be touched for the second time,
// and how long that has to wait. If the pod changed again it is not: its first
// touch for that is under way. One that was touched too often waits for its next
// turn, as a first touch would; mostly that comes instead.
func (s *syncer) owes(pod *metav1.PartialObjectMetadata, g generation, now time.Time) (owes bool, wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	state := s.pods[pod.UID]
	if state == nil || state.touched != g || state.second.IsZero() {
		return false, 0
	}
	if wait = max(state.second.Sub(now), state.allowance.wait(now)); wait > 0 {
		return true, wait
	}
	if s.queue.Len() > 0 && now.Before(state.second.Add(secondPatience)) {
		return true, secondTouch
	}
	return true, 0
}

// settled notes that pod was touched for g twice.
func (s *syncer) settled(pod *metav1.PartialObjectMetadata, g generation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if state := s.pods[pod.UID]; state != nil && state.touched == g {
		state.second = time.Time{}
	}
}

// done notes that pod was touched for g at now.
func (s *syncer) done(pod *metav1.PartialObjectMetadata, g generation, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	state := s.pods[pod.UID]
	if state == nil { // gone meanwhile
		return
	}
	if !state.noticed.IsZero() {
		s.metrics.delay.Observe(now.Sub(state.noticed).Seconds())
	}
	// The first content is history: whoever removes the annotation starts nothing.
	state.first, state.noticed = g, time.Time{}
	state.allowance.take(now)
	s.owe(state, types.NamespacedName{Namespace: pod.Namespace, Name: pod.Name}, g, now)
}

// touch writes the annotation of this very pod, and of no other that may have
// got its name meanwhile: a patch of another UID is refused, and when it is tried
// again the cache knows better. A pod that is gone is not touched and no error,
// nor is it one that the controller is leaving.
func (s *syncer) touch(ctx context.Context, pod *metav1.PartialObjectMetadata, value string) (touched bool, err error) {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"uid":         pod.UID,
		"annotations": map[string]string{syncedAnnotation: value},
	}})
	if err != nil {
		return false, err
	}
	limited, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	_, err = s.client.Resource(podsResource).Namespace(pod.Namespace).Patch(limited, pod.Name, types.MergePatchType, patch, metav1.PatchOptions{})
	switch {
	case err == nil:
		s.metrics.syncs("ok")
		s.log.V(1).Info("pod touched", "namespace", pod.Namespace, "pod", pod.Name, "generation", value)
		return true, nil
	case apierrors.IsNotFound(err), ctx.Err() != nil:
		return false, nil
	}
	s.metrics.syncs("error")
	return false, err
}
