//go:build e2e

package e2e

import (
	"context"
	"regexp"
	"strings"
	"testing"
	"time"
)

// injected and restricted are labels of namespaces.
const (
	injected   = "sidegate.dev/injection=enabled"
	restricted = "pod-security.kubernetes.io/enforce=restricted"
)

// namespace makes a namespace for the test, with these labels, and returns its
// name. When the test ends it goes; if the test has failed, what was in it is
// shown first.
func namespace(t *testing.T, labels ...string) string {
	t.Helper()
	ns := namespaceName(t.Name())
	kubectl(t, "create", "namespace", ns)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if t.Failed() {
			t.Log(dump(ctx, kube, ns))
		}
		if _, err := try(ctx, "delete", "namespace", ns, "--wait=false"); err != nil {
			t.Errorf("remove the namespace: %v", err)
		}
	})
	if len(labels) > 0 {
		kubectl(t, append([]string{"label", "namespace", ns}, labels...)...)
	}
	return ns
}

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// namespaceName turns TestProbesNeedNoCertificate into probes-need-no-certificate.
func namespaceName(test string) string {
	words := regexp.MustCompile(`[A-Z]`).ReplaceAllString(strings.TrimPrefix(test, "Test"), "-$0")
	name := notInNames.ReplaceAllString(strings.ToLower(words), "-")
	return strings.Trim(name[:min(len(name), 60)], "-")
}
