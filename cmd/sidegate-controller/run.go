package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"runtime"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"golang.org/x/sync/errgroup"

	"github.com/sidegate/sidegate/proxy/certs"
)

// run is the controller, from its options to its end.
func run(ctx context.Context, o options, stderr io.Writer) error {
	log := newLogger(stderr, o.log)
	adoptLibraryLogs(log)
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends it at once

	log.Info("starting", "version", buildVersion(), "goVersion", runtime.Version(), "namespaces", o.namespaces)
	c, err := newController(o, log)
	if err != nil {
		return err
	}
	ln, err := listen(ctx, o.listen)
	if err != nil {
		return err
	}
	group, alive := errgroup.WithContext(context.WithoutCancel(ctx))
	alive, end := context.WithCancel(alive)
	defer end()
	if ln != nil {
		log.Info("listening", "what", "health", "address", ln.Addr().String())
		group.Go(func() error { return serveHealth(alive, ln, c.metrics, c.view) })
	}
	group.Go(func() error { c.view.run(alive, c); return nil })
	group.Go(func() error {
		defer end()
		until, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(alive, cancel)() // probes cannot be answered: no use to go on
		return c.serve(until)
	})
	return group.Wait()
}

// A controller is all of it, put together.
type controller struct {
	options   options
	start     time.Time
	log       logr.Logger
	clients   clients
	metrics   *controllerMetrics
	view      *view
	syncer    *syncer
	inspector *inspector
	acting    atomic.Bool // this controller leads; else changes are none of its business
}

// clients talk to the API server: of metadata, and of whole objects.
type clients struct {
	metadata metadata.Interface
	typed    kubernetes.Interface
}

func newController(o options, log logr.Logger) (*controller, error) {
	clients, err := connect(o)
	if err != nil {
		return nil, err
	}
	return assemble(o, clients, log)
}

func assemble(o options, clients clients, log logr.Logger) (*controller, error) {
	v, err := newView(clients.metadata, o.namespaces, log)
	if err != nil {
		return nil, fmt.Errorf("set up the caches: %w", err)
	}
	m := newMetrics()
	c := &controller{
		options: o, start: time.Now(), log: log, clients: clients, metrics: m, view: v,
		syncer:    newSyncer(v, clients.metadata, m, log),
		inspector: newInspector(v, readFrom(clients.typed), &notifier{client: clients.typed.EventsV1(), instance: o.identity, metrics: m, log: log}, log),
	}
	m.watch(v, c.inspector)
	return c, nil
}

// connect returns clients that never wait by themselves: a thousand pods must
// not stand in a queue of ours, and the API server has its own means to be fair.
func connect(o options) (clients, error) {
	var c *rest.Config
	var err error
	if o.kubeconfig != "" {
		c, err = clientcmd.BuildConfigFromFlags("", o.kubeconfig)
	} else {
		c, err = rest.InClusterConfig()
	}
	if errors.Is(err, rest.ErrNotInCluster) {
		return clients{}, misuse(errors.New("this is no pod of a cluster; name a cluster with --kubeconfig FILE"))
	}
	if err != nil {
		return clients{}, misuse(fmt.Errorf("find the API server: %w", err))
	}
	c.QPS = -1
	c.UserAgent = "sidegate-controller/" + buildVersion()
	c.AcceptContentTypes, c.ContentType = "application/vnd.kubernetes.protobuf,application/json", "application/vnd.kubernetes.protobuf"
	m, err := metadata.NewForConfig(metadata.ConfigFor(c))
	if err != nil {
		return clients{}, fmt.Errorf("set up the client of metadata: %w", err)
	}
	t, err := kubernetes.NewForConfig(c)
	if err != nil {
		return clients{}, fmt.Errorf("set up the client of objects: %w", err)
	}
	return clients{m, t}, nil
}

// readFrom returns the reader of whole objects.
func readFrom(client kubernetes.Interface) reader {
	return func(ctx context.Context, o object) (content, error) {
		ctx, cancel := context.WithTimeout(ctx, requestTimeout)
		defer cancel()
		if o.kind == secret {
			s, err := client.CoreV1().Secrets(o.namespace).Get(ctx, o.name, metav1.GetOptions{})
			if err != nil {
				return content{}, fmt.Errorf("read %s: %w", o, err)
			}
			return content{s.UID, s.ResourceVersion, s.Immutable != nil && *s.Immutable, s.Data}, nil
		}
		m, err := client.CoreV1().ConfigMaps(o.namespace).Get(ctx, o.name, metav1.GetOptions{})
		if err != nil {
			return content{}, fmt.Errorf("read %s: %w", o, err)
		}
		files := make(certs.Contents, len(m.Data)+len(m.BinaryData))
		for key, text := range m.Data {
			files[key] = []byte(text)
		}
		for key, data := range m.BinaryData {
			files[key] = data
		}
		return content{m.UID, m.ResourceVersion, m.Immutable != nil && *m.Immutable, files}, nil
	}
}

// serve waits until the caches of a namespace are full, then acts whenever it
// leads, until ctx is done.
func (c *controller) serve(ctx context.Context) error {
	if !c.view.wait(ctx) {
		return nil
	}
	if !c.options.leaderElect {
		c.act(ctx)
		return nil
	}
	return lead(ctx, c.clients.typed.CoordinationV1(), c.options, c.log, c.act)
}

// act touches and tells until ctx is done, and returns when nothing of that is
// under way.
func (c *controller) act(ctx context.Context) {
	// Before the look at everything, so that no change falls in between, nor a
	// namespace of which the caches become full at this moment.
	c.acting.Store(true)
	c.metrics.leader.Set(1)
	defer c.metrics.leader.Set(0)
	c.view.eachPod(c.attend)
	var group errgroup.Group
	group.Go(func() error { c.inspector.run(ctx); return nil })
	c.syncer.run(ctx)
	_ = group.Wait()
}

// attend has a pod that was there before we acted looked at, and what it mounts.
func (c *controller) attend(pod *metav1.PartialObjectMetadata) {
	c.syncer.resume(pod)
	for _, o := range objectsOf(pod) {
		c.inspector.changed(o)
	}
}

// opened implements watcher.
func (c *controller) opened(s *scope) {
	pods, secrets, configMaps := s.size()
	c.log.Info("caches are full", "namespace", s.name(), "seconds", time.Since(c.start).Seconds(), "pods", pods, "secrets", secrets, "configMaps", configMaps)
	if c.acting.Load() {
		s.eachPod(c.attend)
	}
}

// meet implements watcher. It takes note of a pod that was not known.
func (c *controller) meet(pod *metav1.PartialObjectMetadata) {
	c.syncer.observe(pod)
	c.review(nil, pod)
}

// review logs what is wrong with the annotations of after, unless that was so
// before.
func (c *controller) review(before, after *metav1.PartialObjectMetadata) {
	var known []string
	if before != nil {
		_, known = referencesOf(before)
	}
	if _, wrong := referencesOf(after); len(wrong) > 0 && !slices.Equal(known, wrong) {
		c.log.Info("annotations of a pod were ignored", "namespace", after.Namespace, "pod", after.Name, "problems", wrong)
	}
}

// podChanged implements watcher.
func (c *controller) podChanged(before, after *metav1.PartialObjectMetadata) {
	var had, has []object
	if before != nil {
		had = objectsOf(before)
		if after == nil || after.UID != before.UID {
			c.syncer.forget(before.UID)
		}
	}
	if after != nil {
		has = objectsOf(after)
		if before == nil || after.UID != before.UID {
			c.meet(after)
		} else {
			c.review(before, after)
		}
	}
	if !c.acting.Load() {
		return
	}
	if after != nil {
		c.syncer.look(after)
	}
	if before == nil || after == nil || after.UID != before.UID || !slices.Equal(had, has) {
		for _, o := range append(had, has...) {
			c.inspector.mounted(o)
		}
	}
}

// objectChanged implements watcher.
func (c *controller) objectChanged(o object) {
	if !c.acting.Load() {
		return
	}
	if pods := c.view.podsOf(o); len(pods) > 0 {
		c.syncer.changed(pods)
		c.inspector.changed(o)
	}
}
