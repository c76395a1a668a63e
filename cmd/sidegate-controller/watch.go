package main

import (
	"context"
	"maps"
	"sync"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/tools/cache"
)

// The resources that are watched.
var (
	podsResource       = schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	secretsResource    = schema.GroupVersionResource{Version: "v1", Resource: "secrets"}
	configMapsResource = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
)

// unmountable leaves out the Secrets that are many and that nobody mounts: the
// history of Helm.
const unmountable = "type!=helm.sh/release.v1"

// byObject is the index from objects to the pods that mount them.
const byObject = "object"

// A watcher is told what happens in a scope, from the moment when its caches are
// full. Its methods are called by the goroutines of the caches and must not
// block.
type watcher interface {
	// meet is told of each pod that is there at that moment.
	meet(*metav1.PartialObjectMetadata)
	// opened is told of the moment itself, after that.
	opened(*scope)
	// podChanged is told of a pod that is new, gone, or has other annotations;
	// gone and new are nil for the others.
	podChanged(before, after *metav1.PartialObjectMetadata)
	// objectChanged is told of an object that is new, gone or different.
	objectChanged(object)
}

// A view is what the controller knows of the cluster: metadata, kept fresh by
// watches. Its methods may be called concurrently.
type view struct {
	scopes map[string]*scope // by namespace; "" stands for all
	tell   watcher           // set by run

	first sync.Once
	some  chan struct{} // closed when a scope is full
}

// newView returns a view of these namespaces, or of all if there are none. It
// sees nothing until it runs.
func newView(client metadata.Interface, namespaces []string, log logr.Logger) (*view, error) {
	v := &view{scopes: map[string]*scope{}, some: make(chan struct{})}
	if len(namespaces) == 0 {
		namespaces = []string{metav1.NamespaceAll}
	}
	for _, namespace := range namespaces {
		informer := func(r schema.GroupVersionResource, index cache.Indexers, tweak metadatainformer.TweakListOptionsFunc) cache.SharedIndexInformer {
			return metadatainformer.NewFilteredMetadataInformer(client, r, namespace, 0, index, tweak).Informer()
		}
		s := &scope{
			namespace: namespace,

			pods:       informer(podsResource, cache.Indexers{byObject: podIndex}, func(o *metav1.ListOptions) { o.LabelSelector = sidecarLabel + "=true" }),
			secrets:    informer(secretsResource, cache.Indexers{}, func(o *metav1.ListOptions) { o.FieldSelector = unmountable }),
			configMaps: informer(configMapsResource, cache.Indexers{}, nil),
		}
		if err := v.follow(s, log); err != nil {
			return nil, err
		}
		v.scopes[namespace] = s
	}
	return v, nil
}

func podIndex(obj any) (keys []string, err error) {
	if pod, ok := obj.(*metav1.PartialObjectMetadata); ok {
		for _, o := range objectsOf(pod) {
			keys = append(keys, o.String())
		}
	}
	return keys, nil
}

// follow has the caches of s call the view.
func (v *view) follow(s *scope, log logr.Logger) error {
	objects := func(k kind) change {
		return func(before, after *metav1.PartialObjectMetadata) { v.objectEvent(k, before, after) }
	}
	for _, one := range []struct {
		informer cache.SharedIndexInformer
		resource schema.GroupVersionResource
		keep     cache.TransformFunc
		event    change
	}{
		{s.pods, podsResource, keepPod, v.podEvent},
		{s.secrets, secretsResource, keepObject, objects(secret)},
		{s.configMaps, configMapsResource, keepObject, objects(configMap)},
	} {
		if err := one.informer.SetTransform(one.keep); err != nil {
			return err
		}
		if err := one.informer.SetWatchErrorHandlerWithContext(s.troubled(log, one.resource.Resource)); err != nil {
			return err
		}
		if _, err := one.informer.AddEventHandler(handler(s, one.event)); err != nil {
			return err
		}
	}
	return nil
}

// A change is what happened to one object; before is nil if it is new, and after
// if it is gone.
type change func(before, after *metav1.PartialObjectMetadata)

// handler adapts tell to what a cache calls, from when s is full.
func handler(s *scope, tell change) cache.ResourceEventHandler {
	event := func(before, after *metav1.PartialObjectMetadata) {
		if s.ready() && (before != nil || after != nil) {
			tell(before, after)
		}
	}
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    func(obj any) { event(nil, metadataOf(obj)) },
		UpdateFunc: func(before, after any) { event(metadataOf(before), metadataOf(after)) },
		DeleteFunc: func(obj any) { event(metadataOf(obj), nil) },
	}
}

// metadataOf returns what obj of a cache is, or nil. The last state of an object
// whose deletion was missed is in a tombstone.
func metadataOf(obj any) *metav1.PartialObjectMetadata {
	if t, ok := obj.(cache.DeletedFinalStateUnknown); ok {
		obj = t.Obj
	}
	m, _ := obj.(*metav1.PartialObjectMetadata)
	return m
}

// podEvent passes on what matters of a pod: a status that changes is most of
// what happens to pods, and nothing here.
func (v *view) podEvent(before, after *metav1.PartialObjectMetadata) {
	if before != nil && after != nil && before.UID == after.UID && maps.Equal(before.Annotations, after.Annotations) {
		return
	}
	v.tell.podChanged(before, after)
}

func (v *view) objectEvent(k kind, before, after *metav1.PartialObjectMetadata) {
	m := after
	if m == nil {
		m = before
	}
	if before != nil && after != nil && before.ResourceVersion == after.ResourceVersion {
		return
	}
	v.tell.objectChanged(object{k, m.Namespace, m.Name})
}

// run keeps the view fresh until ctx is done, and tells w of what happens.
func (v *view) run(ctx context.Context, w watcher) {
	v.tell = w
	var all sync.WaitGroup
	for _, s := range v.scopes {
		all.Go(func() {
			s.run(ctx, w.meet, func() {
				v.first.Do(func() { close(v.some) })
				w.opened(s)
			})
		})
	}
	all.Wait()
}

// wait waits until the caches of a scope are full. It returns false if ctx ends
// first.
func (v *view) wait(ctx context.Context) bool {
	select {
	case <-v.some:
		return true
	case <-ctx.Done():
		return false
	}
}

// ready reports whether the caches of a scope are full.
func (v *view) ready() bool {
	select {
	case <-v.some:
		return true
	default:
		return false
	}
}

// scope returns the scope that namespace lies in; its caches are nil if it is
// not looked at.
func (v *view) scope(namespace string) *scope {
	for _, name := range []string{metav1.NamespaceAll, namespace} {
		if s := v.scopes[name]; s != nil {
			return s
		}
	}
	return &scope{}
}

// pod returns the metadata of a pod that runs the sidecar, or nil.
func (v *view) pod(name types.NamespacedName) *metav1.PartialObjectMetadata {
	return lookup(v.scope(name.Namespace).pods, name.String())
}

// metadata returns that of o, or nil if there is none.
func (v *view) metadata(o object) *metav1.PartialObjectMetadata {
	s := v.scope(o.namespace)
	informer := s.secrets
	if o.kind == configMap {
		informer = s.configMaps
	}
	return lookup(informer, o.namespace+"/"+o.name)
}

func lookup(informer cache.SharedIndexInformer, key string) *metav1.PartialObjectMetadata {
	if informer == nil {
		return nil
	}
	obj, _, _ := informer.GetStore().GetByKey(key)
	m, _ := obj.(*metav1.PartialObjectMetadata)
	return m
}

// podsOf returns the pods that mount o.
func (v *view) podsOf(o object) (pods []*metav1.PartialObjectMetadata) {
	informer := v.scope(o.namespace).pods
	if informer == nil {
		return nil
	}
	found, _ := informer.GetIndexer().ByIndex(byObject, o.String())
	for _, obj := range found {
		if pod, ok := obj.(*metav1.PartialObjectMetadata); ok {
			pods = append(pods, pod)
		}
	}
	return pods
}

// eachPod calls do for every pod of the scopes that are full.
func (v *view) eachPod(do func(*metav1.PartialObjectMetadata)) {
	for _, s := range v.scopes {
		if s.ready() {
			s.eachPod(do)
		}
	}
}

// size returns how many pods, Secrets and ConfigMaps are known.
func (v *view) size() (pods, secrets, configMaps int) {
	for _, s := range v.scopes {
		p, sec, c := s.size()
		pods, secrets, configMaps = pods+p, secrets+sec, configMaps+c
	}
	return pods, secrets, configMaps
}
