package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	metadatafake "k8s.io/client-go/metadata/fake"
	"k8s.io/client-go/rest"
	clienttesting "k8s.io/client-go/testing"

	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/minica"
)

// A cluster is an API server as far as the controller uses one: metadata by the
// fake of client-go, whole objects, Events and leases by plain HTTP. It works in
// a bubble of synctest, as nothing of it is a socket.
type cluster struct {
	t        *testing.T
	metadata *metadatafake.FakeMetadataClient
	typed    kubernetes.Interface
	log      logr.Logger // of the controller

	mu      sync.Mutex
	version int
	whole   map[string]any // by path
	lease   map[string]any
	refuse  int                        // status of whatever is asked; 0: none
	events  map[string]*eventsv1.Event // by name
	reads   int                        // of whole objects
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	scheme := metadatafake.NewTestScheme()
	must(t, metav1.AddMetaToScheme(scheme))
	c := &cluster{t: t, metadata: metadatafake.NewSimpleMetadataClient(scheme), whole: map[string]any{}, events: map[string]*eventsv1.Event{}}
	typed, err := kubernetes.NewForConfig(&rest.Config{Host: "http://api.test", QPS: -1, Transport: c, ContentConfig: rest.ContentConfig{ContentType: "application/json"}})
	must(t, err)
	c.typed = typed
	return c
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// RoundTrip implements http.RoundTripper: it is the API server.
func (c *cluster) RoundTrip(r *http.Request) (*http.Response, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	status, body := c.answer(r)
	data, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(data)), Request: r}, nil
}

func (c *cluster) answer(r *http.Request) (status int, body any) {
	fail := func(code int, reason metav1.StatusReason) (int, any) {
		return code, metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: "Failure", Code: int32(code), Reason: reason}
	}
	switch {
	case c.refuse != 0:
		return fail(c.refuse, "")
	case strings.Contains(r.URL.Path, "/events"):
		var e eventsv1.Event
		_ = json.NewDecoder(r.Body).Decode(&e)
		if c.events[e.Name] != nil {
			return fail(http.StatusConflict, metav1.StatusReasonAlreadyExists)
		}
		c.events[e.Name] = &e
		return http.StatusCreated, e
	case strings.Contains(r.URL.Path, "/leases"):
		if r.Method != http.MethodGet {
			c.lease = nil
			_ = json.NewDecoder(r.Body).Decode(&c.lease)
		}
		if c.lease != nil {
			return http.StatusOK, c.lease
		}
	case c.whole[r.URL.Path] != nil:
		c.reads++
		return http.StatusOK, c.whole[r.URL.Path]
	}
	return fail(http.StatusNotFound, metav1.StatusReasonNotFound)
}

// put creates or replaces a Secret or ConfigMap.
func (c *cluster) put(o object, files map[string][]byte, change ...func(*corev1.Secret)) {
	c.t.Helper()
	c.mu.Lock()
	c.version++
	m := metav1.ObjectMeta{Namespace: o.namespace, Name: o.name, UID: types.UID("uid-of-" + o.name), ResourceVersion: strconv.Itoa(c.version)}
	known := c.whole[pathOf(o)] != nil
	s := &corev1.Secret{ObjectMeta: m, Data: files}
	for _, f := range change {
		f(s)
	}
	c.whole[pathOf(o)] = s
	if o.kind == configMap {
		c.whole[pathOf(o)] = &corev1.ConfigMap{ObjectMeta: m, BinaryData: files, Immutable: s.Immutable}
	}
	c.mu.Unlock()
	c.store(secretsOrConfigMaps(o), &metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: string(o.kind)}, ObjectMeta: m}, known)
}

func (c *cluster) remove(o object) {
	c.t.Helper()
	c.mu.Lock()
	delete(c.whole, pathOf(o))
	c.mu.Unlock()
	must(c.t, c.metadata.Resource(secretsOrConfigMaps(o)).Namespace(o.namespace).Delete(c.t.Context(), o.name, metav1.DeleteOptions{}))
}

// run creates a pod with a sidecar.
func (c *cluster) run(namespace, name string, annotations map[string]string) {
	c.t.Helper()
	c.store(podsResource, &metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}, ObjectMeta: metav1.ObjectMeta{
		Namespace: namespace, Name: name, UID: types.UID("uid-of-" + name), Labels: map[string]string{sidecarLabel: "true"}, Annotations: annotations,
	}}, false)
}

func (c *cluster) store(r schema.GroupVersionResource, m *metav1.PartialObjectMetadata, known bool) {
	c.t.Helper()
	client, err := c.metadata.Resource(r).Namespace(m.Namespace).(metadatafake.MetadataClient), error(nil)
	if known {
		_, err = client.UpdateFake(m, metav1.UpdateOptions{})
	} else {
		_, err = client.CreateFake(m, metav1.CreateOptions{})
	}
	must(c.t, err)
}

// patches returns the patches of pods so far: name and value of the annotation.
func (c *cluster) patches() (all []string) {
	for _, a := range c.metadata.Actions() {
		p, ok := a.(clienttesting.PatchAction)
		if !ok {
			continue
		}
		var patch struct{ Metadata metav1.ObjectMeta }
		must(c.t, json.Unmarshal(p.GetPatch(), &patch))
		if patch.Metadata.UID != types.UID("uid-of-"+p.GetName()) || len(patch.Metadata.Annotations) != 1 {
			c.t.Errorf("patch %s of pod %s has not its UID and one annotation", p.GetPatch(), p.GetName())
		}
		all = append(all, p.GetName()+" "+patch.Metadata.Annotations[syncedAnnotation])
	}
	return all
}

// written returns how many Events there are, and readWhole how many objects were
// read.
func (c *cluster) written() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.events)
}

func (c *cluster) readWhole() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reads
}

// told returns "REASON KIND/NAME" of each Event so far, sorted, and forgets them.
func (c *cluster) told() (all []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.events {
		all = append(all, e.Reason+" "+e.Regarding.Kind+"/"+e.Regarding.Name)
	}
	clear(c.events)
	slices.Sort(all)
	return all
}

// control runs a controller that leads until the test ends, and returns when
// it has seen all that is there. It is called in a bubble.
func (c *cluster) control(namespaces ...string) *controller {
	c.t.Helper()
	ctl, err := assemble(options{namespaces: namespaces, identity: "me"}, clients{c.metadata, c.typed}, c.log)
	must(c.t, err)
	ctx, stop := context.WithCancel(c.t.Context())
	var all sync.WaitGroup
	all.Go(func() { ctl.view.run(ctx, ctl) })
	all.Go(func() {
		if err := ctl.serve(ctx); err != nil {
			c.t.Error(err)
		}
	})
	c.t.Cleanup(func() { stop(); all.Wait() })
	often := time.NewTicker(50 * time.Millisecond)
	defer often.Stop()
	for tries := 0; !ctl.acting.Load(); tries++ {
		if <-often.C; tries > 100 {
			c.t.Fatal("the controller does not act")
		}
	}
	synctest.Wait()
	return ctl
}

// A journal keeps lines of log that several goroutines write.
type journal struct {
	mu    sync.Mutex
	lines strings.Builder
}

// Write implements io.Writer.
func (j *journal) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.lines.Write(line)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.lines.String()
}

// A pki makes certificates for the tests.
type pki struct {
	t  *testing.T
	ca *minica.CA
}

func newPKI(t *testing.T) pki {
	t.Helper()
	ca, err := minica.New(minica.Options{Subject: "CN=Root,O=Test", NotAfter: time.Now().Add(3650 * day)})
	must(t, err)
	return pki{t, ca}
}

func (p pki) pair(o minica.Options) certs.Contents {
	p.t.Helper()
	if o.NotAfter.IsZero() {
		o.NotAfter = time.Now().Add(365 * day)
	}
	c, err := p.ca.Issue(o)
	must(p.t, err)
	return certs.Contents{"tls.crt": c.ChainPEM(), "tls.key": c.KeyPEM()}
}

func pathOf(o object) string {
	return "/api/v1/namespaces/" + o.namespace + "/" + secretsOrConfigMaps(o).Resource + "/" + o.name
}

func secretsOrConfigMaps(o object) schema.GroupVersionResource {
	if o.kind == configMap {
		return configMapsResource
	}
	return secretsResource
}
