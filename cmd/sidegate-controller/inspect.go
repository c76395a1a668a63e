package main

import (
	"cmp"
	"context"
	"hash/fnv"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"

	"github.com/sidegate/sidegate/proxy/certs"
)

const (
	// readers is how many objects are held whole in memory at once: each may have
	// a mebibyte.
	readers = 4

	// lookAgain bounds the time until an object is looked at again, in case that
	// the clock was set.
	lookAgain = 6 * time.Hour

	// missingGrace is how long an object may be missing before that is told: a
	// release is applied object by object, in any order.
	missingGrace = 5 * time.Second

	// podsTold bounds the pods that get an Event of their own for one finding.
	// The object has it in any case.
	podsTold = 100
)

// A content is all of an object that is judged.
type content struct {
	uid             types.UID
	resourceVersion string
	immutable       bool
	files           certs.Contents
}

// A reader reads an object whole. An object that does not exist is an error that
// [apierrors.IsNotFound] knows.
type reader func(context.Context, object) (content, error)

// A teller writes one Event for people.
type teller interface {
	// tell writes e unless it is there already; both are no error.
	tell(ctx context.Context, e event) error
}

// An inspector looks at the objects that pods mount, keeps what it found, and
// tells of it.
type inspector struct {
	view   *view
	read   reader
	teller teller
	log    logr.Logger
	queue  workqueue.TypedRateLimitingInterface[object]

	mu     sync.Mutex // guards the map; a state is of the worker that has its object
	states map[object]state
}

// A state is what an inspector knows of an object that is mounted.
type state struct {
	uid     types.UID
	version string // the resource version judged; empty: none yet
	use     use
	due     time.Time // when the verdict is out of date
	missing time.Time // since when it is missing; zero: it is not
	verdict verdict
	failing bool            // the last look at it came to no end
	said    []finding       // what was told last, or is being told; the good news is dropped when all have it
	told    map[string]bool // by name, the Events of that
	pace    pace
}

// A use is how pods use an object, all of them together.
type use struct {
	roles role
	usage certs.Usage
	own   bool // whoever uses it has a configuration, which names its files: names say nothing
}

func newInspector(v *view, read reader, t teller, log logr.Logger) *inspector {
	return &inspector{view: v, read: read, teller: t, log: log, queue: newQueue[object](), states: map[object]state{}}
}

// changed has o looked at.
func (i *inspector) changed(o object) { i.queue.Add(o) }

// mounted has o looked at because of who mounts it. Pods come and go by the
// hundred, so that waits for more of them.
func (i *inspector) mounted(o object) { i.queue.AddAfter(o, time.Second) }

// run inspects until ctx is done, and returns when no request is under way.
func (i *inspector) run(ctx context.Context) { serveQueue(ctx, i.queue, readers, i.inspect) }

// inspect looks at o, reading it only if it changed or if time brought something.
func (i *inspector) inspect(ctx context.Context, o object) (again time.Duration, err error) {
	pods := i.view.podsOf(o)
	if len(pods) == 0 {
		i.mu.Lock()
		delete(i.states, o)
		i.mu.Unlock()
		return 0, nil
	}
	i.mu.Lock()
	st := i.states[o]
	i.mu.Unlock()
	now := time.Now()
	if err = i.refresh(ctx, o, &st, useOf(o, pods), now); err == nil {
		err = i.tell(ctx, o, &st, pods, now)
	}
	st.failing = err != nil
	i.mu.Lock()
	i.states[o] = st
	i.mu.Unlock()
	if ctx.Err() != nil {
		return 0, nil
	}
	if err != nil && i.queue.NumRequeues(o) == 0 {
		i.log.Error(err, "object not inspected, trying again", "object", o.String())
	}
	return max(st.due.Sub(now), time.Millisecond), err
}

// useOf sums up what pods take o for. Which usage a configuration asks for is
// not looked up: the more lenient one is assumed if every pod has its own.
func useOf(o object, pods []*metav1.PartialObjectMetadata) use {
	u := use{usage: certs.ClientOrServer, own: true}
	for _, pod := range pods {
		var roles role
		refs, _ := referencesOf(pod)
		for _, r := range refs {
			if r.object == o {
				roles |= r.role
			}
		}
		if _, ok := pod.Annotations[configAnnotation]; !ok && roles&roleFlags != 0 {
			u.usage, u.own = certs.ClientAuth, false
		}
		u.roles |= roles
	}
	return u
}

// refresh brings st up to date.
func (i *inspector) refresh(ctx context.Context, o object, st *state, u use, now time.Time) error {
	m := i.view.metadata(o)
	switch {
	case m == nil && st.waits(now):
		return nil
	case m != nil && st.version == m.ResourceVersion && st.use == u && st.missing.IsZero() && now.Before(st.due):
		return nil
	}
	c, err := i.read(ctx, o)
	switch {
	case apierrors.IsNotFound(err) && m == nil:
		st.uid = ""
		st.settle(absent(o), now)
		return nil
	case apierrors.IsNotFound(err): // the watch is about to tell
		st.due = now.Add(missingGrace)
		return nil
	case err != nil:
		return err
	case ctx.Err() != nil: // to judge takes time
		return ctx.Err()
	}
	// What no cache has and is there nevertheless is of a type that is not watched.
	if m != nil {
		st.missing = time.Time{}
	}
	st.uid, st.version, st.use = c.uid, c.resourceVersion, u
	st.settle(judge(o, c, u, now), now)
	return nil
}

// waits notes that no cache has the object, and reports whether that is too new
// to be told.
func (st *state) waits(now time.Time) bool {
	if st.missing.IsZero() {
		st.missing = now
	}
	end := st.missing.Add(missingGrace)
	if now.Before(end) {
		st.due = end
	}
	return now.Before(end)
}

// settle makes v the verdict.
func (st *state) settle(v verdict, now time.Time) {
	st.verdict = v
	st.due = now.Add(lookAgain)
	st.wake(v.next)
}

// wake has the object looked at again at that time, or before; zero says nothing.
func (st *state) wake(at time.Time) {
	if !at.IsZero() && at.Before(st.due) {
		st.due = at
	}
}

// tell writes the Events that st asks for and that are not written yet. News too
// soon after the last ones wait; the state that there is then will be told. What
// always has the truth is the metric.
func (i *inspector) tell(ctx context.Context, o object, st *state, pods []*metav1.PartialObjectMetadata, now time.Time) error {
	say := st.news(o, now)
	var events []event
	for _, f := range say {
		events = append(events, eventsOf(o, st.uid, f, firstPods(pods))...)
	}
	fresh := slices.DeleteFunc(slices.Clone(events), func(e event) bool { return st.told[e.name] })
	if !slices.Equal(say, st.said) {
		if at := st.pace.next(); len(fresh) > 0 && now.Before(at) {
			st.wake(at)
			return nil
		}
		if st.said = say; len(fresh) > 0 {
			st.pace.spend(len(fresh), now)
		}
	}
	told := map[string]bool{}
	for _, e := range events {
		told[e.name] = st.told[e.name]
	}
	st.told = told
	for _, e := range fresh {
		if err := i.teller.tell(ctx, e); err != nil {
			return err
		}
		told[e.name] = true
	}
	if len(st.verdict.findings) == 0 { // all have the good news
		st.said, st.told = nil, nil
	}
	return nil
}

// news returns what people should know: the findings, or once that there are
// none any more. A finding that was told before keeps the version at which it
// began, so that it is not told anew when labels change.
func (st *state) news(o object, now time.Time) []finding {
	if len(st.verdict.findings) == 0 {
		if len(st.said) == 0 || st.said[0].reason == reasonRecovered {
			return st.said
		}
		return []finding{recovered(st)}
	}
	say := slices.Clone(st.verdict.findings)
	for n := range say {
		f := &say[n]
		f.since, f.day = st.version, today(o, f.reason, now)
		for _, old := range st.said {
			if old.reason == f.reason && old.note == f.note {
				f.since = old.since
			}
		}
	}
	return say
}

// today returns a number that changes once a day, for each object at a time of
// its own. It is part of what names an Event, because the API server forgets
// Events after an hour, and a fault that stands is told again on each day, by
// one name however often we start. What expires is told step by step.
func today(o object, reason string, now time.Time) int64 {
	if reason == reasonExpiring {
		return 0
	}
	h := fnv.New32a()
	_, _ = io.WriteString(h, o.String())
	const day = int64(24 * time.Hour / time.Second)
	return (now.Unix() + int64(h.Sum32())%day) / day
}

// firstPods returns the first of pods, by name, that are not about to go.
func firstPods(pods []*metav1.PartialObjectMetadata) []*metav1.PartialObjectMetadata {
	pods = slices.DeleteFunc(pods, func(p *metav1.PartialObjectMetadata) bool { return p.DeletionTimestamp != nil })
	slices.SortFunc(pods, func(a, b *metav1.PartialObjectMetadata) int { return cmp.Compare(a.Name, b.Name) })
	return pods[:min(podsTold, len(pods))]
}

// known returns what is known of each object that is mounted.
func (i *inspector) known() map[object]state {
	i.mu.Lock()
	defer i.mu.Unlock()
	return maps.Clone(i.states)
}
