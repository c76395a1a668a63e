//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A cluster is a node with the programs that speak to it.
type cluster struct {
	node    *node
	root    string // of the repository
	kubectl string // paths of the programs
	helm    string
	before  []string // the objects there were before the chart: see prepare
}

func (n *node) kubeconfig() string { return filepath.Join(n.run, "kubeconfig") }

// command runs kubectl or helm as a user would, and returns what it prints on
// stdout; its error holds what it says on stderr.
func (c *cluster) command(ctx context.Context, stdin, program string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Stdin = c.root, strings.NewReader(stdin)
	home := filepath.Join(c.node.run, "home") // nothing from the user's own configuration
	cmd.Env = append(os.Environ(), "KUBECONFIG="+c.node.kubeconfig(), "HOME="+home,
		"XDG_CONFIG_HOME="+home, "XDG_DATA_HOME="+home, "XDG_CACHE_HOME="+home)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return string(out), fmt.Errorf("%s %s: %w: %s", filepath.Base(program), strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return string(out), nil
}

// try runs kubectl, which may fail.
func try(ctx context.Context, args ...string) (string, error) {
	return kube.command(ctx, "", kube.kubectl, args...)
}

// kubectl runs kubectl, which must not fail, and returns what it prints.
func kubectl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := try(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// apply applies manifests to a namespace, which must succeed.
func apply(t *testing.T, ns, manifests string) {
	t.Helper()
	if err := tryApply(t.Context(), ns, manifests); err != nil {
		t.Fatal(err)
	}
}

// tryApply applies manifests that may be refused.
func tryApply(ctx context.Context, ns, manifests string) error {
	_, err := kube.command(ctx, manifests, kube.kubectl, "apply", "-n", ns, "-f", "-")
	return err
}

// helm runs helm, which must not fail, and returns what it prints.
func helm(t *testing.T, args ...string) string {
	t.Helper()
	out, err := kube.command(t.Context(), "", kube.helm, args...)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return out
}
