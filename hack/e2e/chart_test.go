//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The release of the chart that all stories share.
const (
	release          = "sidegate"
	releaseNamespace = "sidegate-system"
)

// installChart installs the chart as a user does, with the images that the node
// has, and waits for everything in it to be ready.
func (c *cluster) installChart(ctx context.Context) error {
	values := filepath.Join(c.node.run, "values.yaml")
	if err := os.WriteFile(values, encode(map[string]any{
		"image":      imageValues(sidecarImage),
		"controller": map[string]any{"image": imageValues(controllerImage)},
	}), 0o644); err != nil {
		return err
	}
	_, err := c.command(ctx, "", c.helm, "install", release, filepath.Join("charts", "sidegate"),
		"--namespace", releaseNamespace, "--values", values, "--wait", "--timeout", "2m")
	return err
}

// prepare makes the namespace of the release and remembers what there is
// before anything is installed.
func (c *cluster) prepare(ctx context.Context) error {
	if _, err := c.command(ctx, "", c.kubectl, "create", "namespace", releaseNamespace); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := poll(ctx, 200*time.Millisecond, func() error { // it is furnished a moment later
		_, err := c.command(ctx, "", c.kubectl, "-n", releaseNamespace, "get", "serviceaccount/default", "configmap/kube-root-ca.crt")
		return err
	}); err != nil {
		return err
	}
	var err error
	c.before, err = c.objects(ctx)
	return err
}

// foreign are kinds that stories and Kubernetes make: namespaces, the records of
// addresses that Services have, and Events, which go by themselves.
var foreign = []string{"namespaces", "ipaddresses.networking.k8s.io", "events", "events.events.k8s.io"}

// objects lists every object that a chart could leave behind, as KIND
// NAMESPACE/NAME: those of the cluster, those of the release's namespace and of
// the namespaces that are there from the beginning.
func (c *cluster) objects(ctx context.Context) ([]string, error) {
	kinds, err := c.command(ctx, "", c.kubectl, "api-resources", "--verbs=list,create", "-o", "name")
	if err != nil {
		return nil, err
	}
	names := slices.DeleteFunc(strings.Fields(kinds), func(kind string) bool {
		return slices.Contains(foreign, kind)
	})
	list, err := c.command(ctx, "", c.kubectl, "get", strings.Join(names, ","), "--all-namespaces", "--ignore-not-found",
		"-o", `jsonpath={range .items[*]}{.kind} {.metadata.namespace}/{.metadata.name}{"\n"}{end}`)
	if err != nil {
		return nil, err
	}
	var found []string
	for line := range strings.Lines(list) {
		kind, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		ns, _, _ := strings.Cut(name, "/")
		if slices.Contains([]string{"", "default", "kube-system", "kube-public", releaseNamespace}, ns) {
			found = append(found, kind+" "+name)
		}
	}
	return found, nil
}

// hasNothingNew returns an error that names what was not there before the chart
// was installed.
func (c *cluster) hasNothingNew(ctx context.Context) error {
	now, err := c.objects(ctx)
	if err != nil {
		return err
	}
	left := slices.DeleteFunc(now, func(o string) bool { return slices.Contains(c.before, o) })
	if len(left) > 0 {
		return fmt.Errorf("left behind: %s", strings.Join(left, ", "))
	}
	return nil
}
