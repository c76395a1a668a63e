package main

import (
	"cmp"
	"context"
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
	healed  bool            // the last verdict had findings, and this one has none
	told    map[string]bool // by name, the Events of the present findings
}

// A use is how pods use an object, all of them together.
type use struct {
	roles role
	usage certs.Usage
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
		err = i.tell(ctx, o, &st, pods)
	}
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
	u := use{usage: certs.ClientOrServer}
	for _, pod := range pods {
		refs, _ := referencesOf(pod)
		for _, r := range refs {
			if r.object == o {
				u.roles |= r.role
			}
		}
		if _, ok := pod.Annotations[configAnnotation]; !ok {
			u.usage = certs.ClientAuth
		}
	}
	return u
}

// refresh brings st up to date.
func (i *inspector) refresh(ctx context.Context, o object, st *state, u use, now time.Time) error {
	m := i.view.metadata(o)
	if m == nil {
		st.miss(o, now)
		return nil
	}
	st.missing = time.Time{}
	if st.version == m.ResourceVersion && st.use == u && now.Before(st.due) {
		return nil
	}
	c, err := i.read(ctx, o)
	if apierrors.IsNotFound(err) { // the watch is about to tell
		st.due = now.Add(missingGrace)
		return nil
	}
	if err != nil {
		return err
	}
	st.uid, st.version, st.use = c.uid, c.resourceVersion, u
	st.settle(judge(o, c, u, now), now)
	return nil
}

// miss notes that o does not exist, and after a while makes that the verdict.
func (st *state) miss(o object, now time.Time) {
	if st.missing.IsZero() {
		st.missing = now
	}
	if end := st.missing.Add(missingGrace); now.Before(end) {
		st.due = end
		return
	}
	st.uid = ""
	st.settle(verdict{findings: []finding{missingObject(o)}}, now)
}

// settle makes v the verdict. A finding that stood before keeps the version at
// which it began, so that it is not told anew when labels change.
func (st *state) settle(v verdict, now time.Time) {
	for n, f := range v.findings {
		v.findings[n].since = st.version
		for _, old := range st.verdict.findings {
			if old.reason == f.reason && old.note == f.note {
				v.findings[n].since = old.since
			}
		}
	}
	st.healed = len(v.findings) == 0 && (st.healed || len(st.verdict.findings) > 0)
	st.verdict = v
	st.due = now.Add(lookAgain)
	if !v.next.IsZero() && v.next.Before(st.due) {
		st.due = v.next
	}
}

// tell writes the Events that st asks for and that are not written yet.
func (i *inspector) tell(ctx context.Context, o object, st *state, pods []*metav1.PartialObjectMetadata) error {
	findings := st.verdict.findings
	if st.healed {
		findings = []finding{recovered(st)}
	}
	told := map[string]bool{}
	for _, f := range findings {
		for _, e := range eventsOf(o, st.uid, f, firstPods(pods)) {
			if st.told[e.name] {
				told[e.name] = true
				continue
			}
			if err := i.teller.tell(ctx, e); err != nil {
				st.told = merged(st.told, told)
				return err
			}
			told[e.name] = true
		}
	}
	st.told, st.healed = told, false
	return nil
}

func merged(a, b map[string]bool) map[string]bool {
	if a == nil {
		return b
	}
	for k := range b {
		a[k] = true
	}
	return a
}

// firstPods returns the first of pods, by name, that are not about to go.
func firstPods(pods []*metav1.PartialObjectMetadata) []*metav1.PartialObjectMetadata {
	pods = slices.DeleteFunc(pods, func(p *metav1.PartialObjectMetadata) bool { return p.DeletionTimestamp != nil })
	slices.SortFunc(pods, func(a, b *metav1.PartialObjectMetadata) int { return cmp.Compare(a.Name, b.Name) })
	return pods[:min(podsTold, len(pods))]
}

// verdicts returns the present verdict on each object that is mounted.
func (i *inspector) verdicts() map[object]verdict {
	i.mu.Lock()
	defer i.mu.Unlock()
	all := make(map[object]verdict, len(i.states))
	for o, st := range i.states {
		all[o] = st.verdict
	}
	return all
}
