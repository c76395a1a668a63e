//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sidegate/sidegate/proxy/minica"
)

// The size of a crowd. Of its Secrets the first are mounted, each by as many
// pods, and the rest by nobody. All pods mount one ConfigMap.
const (
	crowdSize    = "5,000 Secrets and 10,000 pods"
	crowdSecrets = 5_000
	crowdMounted = 1_000
	crowdShare   = 10 // pods of one Secret
	crowdAll     = crowdMounted * crowdShare
	crowdCAs     = "partners"
)

// crowdCallers is how many requests to the API server are under way at once.
const crowdCallers = 32

// A crowd is a large number of Secrets, and of pods with the sidecar's label
// and annotations that no scheduler looks at: to the controller, which reads
// their metadata, they are pods like any other. It speaks to the API server
// itself, over connections that stay: a kubectl for each would take an hour.
type crowd struct {
	ns        string
	client    *http.Client
	token     string
	now, next *minica.Cert // of every Secret; and of one that was renewed
	ca        *minica.CA   // in the ConfigMap
	coming    sync.WaitGroup
}

// newCrowd makes the namespace of a crowd that is yet to come. When the test
// ends all of it goes, and the controller knows of no more objects than before.
func newCrowd(t *testing.T, before reading) *crowd {
	t.Helper()
	issuer := newCA(t, "CN=Server CA,O=Example SA,C=BE")
	for _, name := range []string{"CN=Policy CA,O=Example SA,C=BE", "CN=Issuing CA,O=Example SA,C=BE"} { // 2 KB of PEM
		var err error
		if issuer, err = issuer.NewCA(minica.Options{Subject: name}); err != nil {
			t.Fatal(err)
		}
	}
	certificate := func() *minica.Cert {
		return issue(t, issuer, minica.Options{Subject: "CN=" + serverName, DNS: []string{serverName}, NotAfter: time.Now().AddDate(0, 6, 0)})
	}
	c := &crowd{ns: namespace(t), now: certificate(), next: certificate(), ca: newCA(t, "CN=Partner CA")}
	c.client, c.token = kube.apiClient(t)
	c.client.Transport = persistent(c.client.Transport.(*http.Transport))
	c.client.Timeout = 90 * time.Second // the API server itself gives up after 60
	// Before the namespace goes: it would show the pods of a test that failed.
	t.Cleanup(func() {
		c.coming.Wait()
		defer c.client.CloseIdleConnections() // an open one keeps the node's network alive
		ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
		defer cancel()
		if err := c.disperse(ctx, before); err != nil {
			t.Errorf("remove %s: %v", crowdSize, err)
		}
	})
	return c
}

// persistent returns a transport like t whose connections stay open.
func persistent(t *http.Transport) *http.Transport {
	t = t.Clone()
	t.DisableKeepAlives = false
	t.MaxIdleConnsPerHost = crowdCallers
	return t
}

// come makes all objects: first those that pods mount, so that pods are not
// touched because something came after them.
func (c *crowd) come(ctx context.Context) error {
	if err := poll(ctx, 100*time.Millisecond, func() error { // a namespace is furnished a moment later
		_, err := c.send(ctx, "GET", "serviceaccounts/default", nil)
		return err
	}); err != nil {
		return err
	}
	partners := configMapManifest(crowdCAs, map[string]string{"partner.crt": string(c.ca.PEM())})
	if _, err := c.send(ctx, "POST", "configmaps", []byte(partners)); err != nil {
		return err
	}
	if err := c.post(ctx, "secrets", crowdSecrets, func(i int) []byte {
		return []byte(secretManifest(crowdSecret(i), c.now.ChainPEM(), c.now.KeyPEM()))
	}); err != nil {
		return err
	}
	return c.post(ctx, "pods", crowdAll, crowdPod)
}

// post makes n objects, several at a time.
func (c *crowd) post(ctx context.Context, resource string, n int, object func(i int) []byte) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(crowdCallers)
	for i := 0; i < n && ctx.Err() == nil; i++ {
		group.Go(func() error {
			_, err := c.send(ctx, "POST", resource, object(i))
			return err
		})
	}
	return group.Wait()
}

func crowdSecret(i int) string { return fmt.Sprintf("crowd-%04d", i) }

func crowdPodName(i int) string { return fmt.Sprintf("crowd-%05d", i) }

// crowdPods returns the names of the pods that mount a Secret.
func crowdPods(secret int) (names []string) {
	for i := secret; i < crowdAll; i += crowdMounted {
		names = append(names, crowdPodName(i))
	}
	return names
}

// crowdPod is the least that the API server takes as a pod.
func crowdPod(i int) []byte {
	return encode(map[string]any{
		"apiVersion": "v1", "kind": "Pod",
		"metadata": map[string]any{
			"name":   crowdPodName(i),
			"labels": map[string]string{"sidegate.dev/sidecar": "true"},
			"annotations": map[string]string{
				"sidegate.dev/tls-secret":    crowdSecret(i % crowdMounted),
				"sidegate.dev/client-ca":     "configmap/" + crowdCAs,
				"sidegate.dev/allow-subject": allowedSubject,
			},
		},
		"spec": map[string]any{
			"automountServiceAccountToken": false,
			"schedulingGates":              []map[string]string{{"name": "example.com/never"}},
			"containers":                   []map[string]string{{"name": "app", "image": "none"}},
		},
	})
}

// disperse deletes the crowd and returns when the controller has forgotten it.
// The few other objects go with the namespace.
func (c *crowd) disperse(ctx context.Context, before reading) error {
	for _, resource := range []string{"pods", "secrets"} {
		if err := poll(ctx, time.Second, func() error { return c.clear(ctx, resource) }); err != nil {
			return err
		}
	}
	return poll(ctx, 500*time.Millisecond, func() error {
		r, err := tryReading(ctx)
		if err == nil && (r.pods > before.pods || r.secrets > before.secrets) {
			err = fmt.Errorf("the controller still knows %.0f pods and %.0f Secrets", r.pods, r.secrets)
		}
		return err
	})
}

// clear deletes all objects of a kind. The API server may run out of time for
// one request; then it is to be called again.
func (c *crowd) clear(ctx context.Context, resource string) error {
	if _, err := c.send(ctx, "DELETE", resource+"?gracePeriodSeconds=0", nil); err != nil {
		return err
	}
	list, err := c.send(ctx, "GET", resource+"?limit=1", nil)
	if err == nil && !bytes.Contains(list, []byte(`"items":[]`)) {
		err = fmt.Errorf("there are still %s", resource)
	}
	return err
}

// send sends a request about the crowd's namespace and returns the answer's body.
func (c *crowd) send(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	url := "https://" + net.JoinHostPort(nodeIP, "6443") + "/api/v1/namespaces/" + c.ns + "/" + path
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	request.Header.Set("Content-Type", "application/json")
	if method == http.MethodPatch {
		request.Header.Set("Content-Type", "application/merge-patch+json")
	}
	response, err := c.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode/100 != 2 {
		err = errors.New(response.Status + ": " + string(answer))
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	return answer, nil
}

// controllerLabel is what the controller's pods have and no others.
const controllerLabel = "app.kubernetes.io/component=controller"

// A reading is what the controller's metrics say of itself.
type reading struct {
	memory                               float64 // resident, bytes
	cpu                                  float64 // seconds since its start
	pods, secrets, configMaps, inspected float64
	leads                                float64 // 1, or 0
}

// knows returns nil if the controller leads, knows all of the crowd, and has
// looked into everything that is mounted: the Secrets and the ConfigMap.
func (r reading) knows() error {
	if r.leads == 1 && r.pods >= crowdAll && r.secrets >= crowdSecrets && r.configMaps > 0 && r.inspected > crowdMounted {
		return nil
	}
	return fmt.Errorf("the controller does not know %s: %+v", crowdSize, r)
}

// controllerReading reads the metrics of a controller that must be there, and
// raises most to its memory.
func controllerReading(t *testing.T, most *float64) reading {
	t.Helper()
	r, err := tryReading(t.Context())
	if err != nil {
		t.Fatalf("read the controller's metrics: %v", err)
	}
	*most = max(*most, r.memory)
	return r
}

func tryReading(ctx context.Context) (r reading, err error) {
	ip, err := try(ctx, "-n", releaseNamespace, "get", "pods", "-l", controllerLabel,
		"--field-selector=status.phase=Running", "-o", "jsonpath={.items[0].status.podIP}")
	if err != nil {
		return r, err
	}
	page, err := plainGet("http://" + net.JoinHostPort(ip, "9901") + "/metrics")
	if err != nil {
		return r, err
	}
	for series, value := range map[string]*float64{
		"process_resident_memory_bytes":                             &r.memory,
		"process_cpu_seconds_total":                                 &r.cpu,
		`sidegate_controller_cached_objects{resource="pods"}`:       &r.pods,
		`sidegate_controller_cached_objects{resource="secrets"}`:    &r.secrets,
		`sidegate_controller_cached_objects{resource="configmaps"}`: &r.configMaps,
		"sidegate_controller_inspected_objects":                     &r.inspected,
		"sidegate_controller_leader":                                &r.leads,
	} {
		_, rest, _ := strings.Cut(page, "\n"+series+" ")
		text, _, _ := strings.Cut(rest, "\n")
		if *value, err = strconv.ParseFloat(text, 64); err != nil {
			return r, fmt.Errorf("the metric %s: %w", series, err)
		}
	}
	return r, nil
}

// slowly is eventually for what takes a while, and for what would be slower if
// it were asked all the time.
func slowly(t *testing.T, within time.Duration, try func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	if err := poll(ctx, 500*time.Millisecond, try); err != nil {
		t.Fatalf("not within %v: %v", within, err)
	}
}
