package main

import (
	"context"
	"maps"
	"sync"

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

// unmountable leaves out the Secrets that are many and that no sidecar mounts:
// the history of Helm, and tokens of ServiceAccounts of old.
const unmountable = "type!=helm.sh/release.v1,type!=kubernetes.io/service-account-token"

// byObject is the index from objects to the pods that mount them.
const byObject = "object"

// A watcher is told what changes, once the caches are full. Its methods are
// called by the goroutines of the caches and must not block.
type watcher interface {
	// podChanged is told of a pod that is new, gone, or has other annotations;
	// gone and new are nil for the others.
	podChanged(before, after *metav1.PartialObjectMetadata)
	// objectChanged is told of an object that is new, gone or different.
	objectChanged(object)
}

// A view is what the controller knows of the cluster: metadata, kept fresh by
// watches. Its methods may be called concurrently.
type view struct {
	scopes map[string]scope // by namespace; "" stands for all

	mu     sync.RWMutex // held for writing while synced is being set
	synced bool
	tell   watcher
}

// A scope is the part of a view that lies in one namespace, or all of it.
type scope struct{ pods, secrets, configMaps cache.SharedIndexInformer }

// newView returns a view of these namespaces, or of all if there are none. It
// sees nothing until it runs, and tells nothing until [view.start].
func newView(client metadata.Interface, namespaces []string) (*view, error) {
	v := &view{scopes: map[string]scope{}}
	if len(namespaces) == 0 {
		namespaces = []string{metav1.NamespaceAll}
	}
	for _, namespace := range namespaces {
		informer := func(r schema.GroupVersionResource, index cache.Indexers, tweak metadatainformer.TweakListOptionsFunc) cache.SharedIndexInformer {
			return metadatainformer.NewFilteredMetadataInformer(client, r, namespace, 0, index, tweak).Informer()
		}
		s := scope{
			pods: informer(podsResource, cache.Indexers{byObject: podIndex}, func(o *metav1.ListOptions) { o.LabelSelector = sidecarLabel + "=true" }),

			secrets:    informer(secretsResource, cache.Indexers{}, func(o *metav1.ListOptions) { o.FieldSelector = unmountable }),
			configMaps: informer(configMapsResource, cache.Indexers{}, nil),
		}
		if err := v.follow(s); err != nil {
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
func (v *view) follow(s scope) error {
	objects := func(k kind) func(before, after *metav1.PartialObjectMetadata) {
		return func(before, after *metav1.PartialObjectMetadata) { v.objectEvent(k, before, after) }
	}
	for _, one := range []struct {
		informer cache.SharedIndexInformer
		keep     cache.TransformFunc
		event    func(before, after *metav1.PartialObjectMetadata)
	}{
		{s.pods, keepPod, v.podEvent},
		{s.secrets, keepObject, objects(secret)},
		{s.configMaps, keepObject, objects(configMap)},
	} {
		if err := one.informer.SetTransform(one.keep); err != nil {
			return err
		}
		if _, err := one.informer.AddEventHandler(handler(one.event)); err != nil {
			return err
		}
	}
	return nil
}

// handler adapts event to what a cache calls.
func handler(event func(before, after *metav1.PartialObjectMetadata)) cache.ResourceEventHandler {
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
	tell := v.started()
	if tell == nil || before == nil && after == nil {
		return
	}
	if before != nil && after != nil && before.UID == after.UID && maps.Equal(before.Annotations, after.Annotations) {
		return
	}
	tell.podChanged(before, after)
}

func (v *view) objectEvent(k kind, before, after *metav1.PartialObjectMetadata) {
	tell, m := v.started(), after
	if m == nil {
		m = before
	}
	if tell == nil || m == nil || before != nil && after != nil && before.ResourceVersion == after.ResourceVersion {
		return
	}
	tell.objectChanged(object{k, m.Namespace, m.Name})
}

func (v *view) started() watcher {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.tell
}

// run keeps the view fresh until ctx is done.
func (v *view) run(ctx context.Context) {
	var all sync.WaitGroup
	for _, s := range v.scopes {
		for _, informer := range s.informers() {
			all.Go(func() { informer.RunWithContext(ctx) })
		}
	}
	all.Wait()
}

func (s scope) informers() []cache.SharedIndexInformer {
	return []cache.SharedIndexInformer{s.pods, s.secrets, s.configMaps}
}

// start waits until every cache is full, and from then on tells w of changes. It
// returns false if ctx ends first.
func (v *view) start(ctx context.Context, w watcher) bool {
	for _, s := range v.scopes {
		for _, informer := range s.informers() {
			if !cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
				return false
			}
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.synced, v.tell = true, w
	return true
}

// ready reports whether every cache is full.
func (v *view) ready() bool {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.synced
}

// scope returns the scope that namespace lies in; its caches are nil if it is
// not looked at.
func (v *view) scope(namespace string) scope {
	if s, ok := v.scopes[metav1.NamespaceAll]; ok {
		return s
	}
	return v.scopes[namespace]
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

// eachPod calls do for every pod that runs the sidecar.
func (v *view) eachPod(do func(*metav1.PartialObjectMetadata)) {
	for _, s := range v.scopes {
		for _, obj := range s.pods.GetStore().List() {
			if pod, ok := obj.(*metav1.PartialObjectMetadata); ok {
				do(pod)
			}
		}
	}
}

// size returns how many pods, Secrets and ConfigMaps are known.
func (v *view) size() (pods, secrets, configMaps int) {
	for _, s := range v.scopes {
		pods += len(s.pods.GetStore().ListKeys())
		secrets += len(s.secrets.GetStore().ListKeys())
		configMaps += len(s.configMaps.GetStore().ListKeys())
	}
	return pods, secrets, configMaps
}
