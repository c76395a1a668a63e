//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/sidegate/sidegate/proxy/minica"
)

// What the controller is promised to bear, and how well.
const (
	scaleMemory   = 128 << 20 // bytes; half of the limit that the chart gives it
	scaleTouch    = 2 * time.Second
	scaleRenewals = 10
)

// This story has the cluster to itself, because it fills it.
func TestControllerBearsALargeCluster(t *testing.T) {
	if os.Getenv("E2E_SCALE") != "1" {
		t.Skip("it makes " + crowdSize + ", which takes minutes: set E2E_SCALE=1 to play it")
	}
	measured.story(t)
	most := 0.0 // of all readings of the memory
	before := controllerReading(t, &most)
	c := newCrowd(t, before)
	full, madeIn := c.gather(t, &most)
	successor, leadsAfter := c.restartController(t, &most)
	took := make([]time.Duration, scaleRenewals)
	for i := range took {
		took[i] = c.renew(t, i)
	}
	end := controllerReading(t, &most)

	measured.say(crowdSize, "controller's memory %s → %s MiB, after a restart %s MiB, at the end %s MiB, never more than %s MiB; %d pods touched in %s at worst",
		mebibytes(before.memory), mebibytes(full.memory), mebibytes(successor.memory), mebibytes(end.memory), mebibytes(most), crowdShare, seconds(slices.Max(took)))
	measured.say(crowdSize+", CPU", "%.1f s of the %s in which they were made; its successor needs %.1f s, and leads with full caches after %s",
		full.cpu-before.cpu, seconds(madeIn), successor.cpu, seconds(leadsAfter))
	measured.durations(fmt.Sprintf("Secret patched → its %d pods touched, among %s", crowdShare, crowdSize), took)
	if most > scaleMemory {
		t.Errorf("the controller's memory reached %s MiB, want at most %s", mebibytes(most), mebibytes(scaleMemory))
	}
	if worst := slices.Max(took); worst > scaleTouch {
		t.Errorf("%d pods were touched in %v at worst, want at most %v; all: %v", crowdShare, worst, scaleTouch, took)
	}
}

// gather makes the crowd and returns the controller's reading when it knows all
// of it, with the time it took. It looks at the controller's memory meanwhile, too.
func (c *crowd) gather(t *testing.T, most *float64) (r reading, took time.Duration) {
	t.Helper()
	began := time.Now()
	came := make(chan error, 1)
	c.coming.Go(func() { came <- c.come(t.Context()) })
	slowly(t, 5*time.Minute, func() error {
		select {
		case err := <-came:
			if err != nil {
				t.Fatalf("make %s: %v", crowdSize, err)
			}
		default:
		}
		r = controllerReading(t, most)
		return r.knows()
	})
	return r, time.Since(began)
}

// restartController deletes the controller's pod, and returns the reading of
// its successor when that knows the crowd and leads, with the time it took.
func (c *crowd) restartController(t *testing.T, most *float64) (r reading, took time.Duration) {
	t.Helper()
	began := time.Now()
	kubectl(t, "-n", releaseNamespace, "delete", "pod", "-l", controllerLabel)
	slowly(t, 2*time.Minute, func() (err error) {
		if r, err = tryReading(t.Context()); err != nil {
			return err // it is starting
		}
		*most = max(*most, r.memory)
		return r.knows()
	})
	return r, time.Since(began)
}

// renew replaces the certificate of a Secret, and returns the time until the
// last of the pods that mount it was touched.
func (c *crowd) renew(t *testing.T, secret int) time.Duration {
	t.Helper()
	before := c.touches(t, secret)
	patch := encode(map[string]any{"data": tlsData(c.next)})
	began := time.Now()
	if _, err := c.send(t.Context(), "PATCH", "secrets/"+crowdSecret(secret), patch); err != nil {
		t.Fatal(err)
	}
	eventually(t, 30*time.Second, func() error {
		for i, now := range c.touches(t, secret) {
			if now == before[i] {
				return fmt.Errorf("%s mounts %s and has not been touched", crowdPods(secret)[i], crowdSecret(secret))
			}
		}
		return nil
	})
	return time.Since(began)
}

// touches returns what the controller wrote last into each of the pods that
// mount a Secret.
func (c *crowd) touches(t *testing.T, secret int) (values []string) {
	t.Helper()
	for _, name := range crowdPods(secret) {
		answer, err := c.send(t.Context(), "GET", "pods/"+name, nil)
		if err != nil {
			t.Fatal(err)
		}
		var pod struct {
			Metadata struct{ Annotations map[string]string }
		}
		if err := json.Unmarshal(answer, &pod); err != nil {
			t.Fatalf("pod %q: %v", name, err)
		}
		values = append(values, pod.Metadata.Annotations["sidegate.dev/synced-generation"])
	}
	return values
}

func tlsData(c *minica.Cert) map[string][]byte {
	return map[string][]byte{"tls.crt": c.ChainPEM(), "tls.key": c.KeyPEM()}
}

func mebibytes(bytes float64) string {
	return fmt.Sprintf("%.0f", bytes/(1<<20))
}
