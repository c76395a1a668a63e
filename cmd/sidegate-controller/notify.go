package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	typedevents "k8s.io/client-go/kubernetes/typed/events/v1"
)

// controllerName is who reports, in Events.
const controllerName = "sidegate.dev/controller"

// An event is an Event to be: a finding and whom it regards.
type event struct {
	name      string // of the Event; the same for the same matter
	regarding corev1.ObjectReference
	related   *corev1.ObjectReference // the object, where a pod is regarded; else nil
	reason    string
	note      string
}

// eventsOf returns the Events of f, a finding on o: one on o itself and one on
// each of pods, because that is where people look first.
//
// The recorder of client-go is not used for two reasons. It names Events by the
// time, so that every restart would tell everything again; here the same matter
// has the same name, and the API server says that it is there already. And it
// drops what its queue cannot hold and tells nobody; here whoever tells knows.
func eventsOf(o object, uid types.UID, f finding, pods []*metav1.PartialObjectMetadata) []event {
	ref := corev1.ObjectReference{APIVersion: "v1", Kind: string(o.kind), Namespace: o.namespace, Name: o.name, UID: uid}
	events := []event{newEvent(ref, nil, f, f.note)}
	for _, pod := range pods {
		regarding := corev1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID}
		events = append(events, newEvent(regarding, &ref, f, fmt.Sprintf("%s %s: %s", o.kind, o.name, f.note)))
	}
	return events
}

func newEvent(regarding corev1.ObjectReference, related *corev1.ObjectReference, f finding, note string) event {
	about := []string{regarding.Kind, string(regarding.UID), regarding.Name, f.reason, f.note, f.since, strconv.FormatInt(f.day, 10)}
	if related != nil {
		about = append(about, related.Kind, related.Name)
	}
	sum := sha256.Sum256([]byte(strings.Join(about, "\n")))
	// The name of an object may have 253 characters, as may that of an Event.
	prefix := strings.TrimRight(regarding.Name[:min(len(regarding.Name), 200)], ".-")
	return event{name: fmt.Sprintf("%s.%x", prefix, sum[:8]), regarding: regarding, related: related, reason: f.reason, note: clip(note, maxNote-3)}
}

// A notifier writes Events to the API server.
type notifier struct {
	client   typedevents.EventsV1Interface
	instance string // who we are
	metrics  *controllerMetrics
	log      logr.Logger
}

// tell implements teller. An Event that cannot be written because its namespace
// is going is nobody's loss.
func (n *notifier) tell(ctx context.Context, e event) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	_, err := n.client.Events(e.regarding.Namespace).Create(ctx, n.build(e, time.Now()), metav1.CreateOptions{})
	switch {
	case apierrors.IsAlreadyExists(err), apierrors.IsNotFound(err), apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return nil
	case err != nil:
		return fmt.Errorf("create event %q in namespace %q: %w", e.name, e.regarding.Namespace, err)
	}
	n.metrics.events.With(e.reason).Inc()
	if e.related == nil { // once, not for each pod
		n.log.Info("told", "kind", e.regarding.Kind, "namespace", e.regarding.Namespace, "name", e.regarding.Name, "reason", e.reason, "note", e.note)
	}
	return nil
}

func (n *notifier) build(e event, now time.Time) *eventsv1.Event {
	kind := corev1.EventTypeWarning
	if e.reason == reasonRecovered {
		kind = corev1.EventTypeNormal
	}
	return &eventsv1.Event{
		ObjectMeta:          metav1.ObjectMeta{Namespace: e.regarding.Namespace, Name: e.name},
		EventTime:           metav1.NewMicroTime(now),
		ReportingController: controllerName,
		ReportingInstance:   clip(n.instance, 125),
		Action:              "Inspect",
		Reason:              e.reason,
		Regarding:           e.regarding,
		Related:             e.related,
		Note:                e.note,
		Type:                kind,
	}
}
