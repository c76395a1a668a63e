//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strings"
)

// dump returns what one would ask kubectl about a namespace where something
// has gone wrong, and the controller's log.
func dump(ctx context.Context, c *cluster, ns string) string {
	var all strings.Builder
	show := func(args ...string) {
		out, err := c.command(ctx, "", c.kubectl, args...)
		if err != nil {
			out = err.Error()
		}
		fmt.Fprintf(&all, "== kubectl %s\n%s\n", strings.Join(args, " "), lastLines(out, 120))
	}
	show("-n", ns, "get", "all,secrets,configmaps", "-o", "wide")
	show("-n", ns, "get", "events", "--sort-by=.metadata.creationTimestamp")
	show("-n", ns, "describe", "pods")
	pods, _ := c.command(ctx, "", c.kubectl, "-n", ns, "get", "pods", "-o", "jsonpath={.items[*].metadata.name}")
	for pod := range strings.FieldsSeq(pods) {
		show("-n", ns, "logs", pod, "--all-containers", "--prefix", "--tail=40")
	}
	show("-n", releaseNamespace, "logs", "-l", "app.kubernetes.io/name=sidegate", "--all-containers", "--prefix", "--tail=40")
	return all.String()
}
