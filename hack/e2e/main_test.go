//go:build e2e

package e2e

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// kube is the cluster on which the stories are played. TestMain sets it before
// the first of them begins; nobody sets it again.
var kube *cluster

// measured collects what the stories measure, for the table at the end.
var measured = &table{}

// TestMain brings a cluster up, lets the stories run on it, prints what they
// measured and takes it down.
func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(begin(m, os.Stdout, os.Stderr))
}

// begin is all that this program can be asked for. It returns its exit code.
func begin(m *testing.M, stdout, stderr *os.File) int {
	if run := os.Getenv(keeperEnv); run != "" {
		if err := keep(run, os.Stdin, stdout); err != nil {
			fmt.Fprintln(stderr, "keeper:", err)
			return 1
		}
		return 0
	}
	if flag.Lookup("test.list").Value.String() != "" {
		return m.Run() // names need no cluster
	}
	code, err := play(m, stdout)
	if err != nil {
		fmt.Fprintln(stderr, "e2e:", err)
		return max(code, 1)
	}
	return code
}

// play runs the stories on a cluster of their own and returns their exit code.
func play(m *testing.M, out io.Writer) (code int, err error) {
	if err := letThemWaitTogether(); err != nil {
		return 1, err
	}
	began := time.Now()
	step := func(format string, args ...any) {
		fmt.Fprintf(out, "== %.0f s: %s\n", time.Since(began).Seconds(), fmt.Sprintf(format, args...))
	}
	ctx := context.Background()
	c, err := bringUp(ctx, out, step)
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, c.node.stop()) }()
	if err := c.prepare(ctx); err != nil {
		return 1, fmt.Errorf("prepare the cluster: %w\n%s", err, c.node.tails())
	}
	if err := c.installChart(ctx); err != nil {
		return 1, fmt.Errorf("install the chart: %w\n%s", err, dump(ctx, c, releaseNamespace))
	}
	step("the chart is installed; the stories begin")
	kube = c
	if code = m.Run(); code != 0 {
		step("the logs of the node are in %s", filepath.Join(c.node.run, "log"))
	}
	measured.print(out)
	step("the stories have ended")
	return code, nil
}

// bringUp makes everything that is needed and returns a cluster that is Ready.
func bringUp(ctx context.Context, out io.Writer, step func(string, ...any)) (*cluster, error) {
	if err := withSystemPath(); err != nil {
		return nil, err
	}
	cniDir, err := prerequisites()
	if err != nil {
		return nil, err
	}
	cache, err := cacheDir()
	if err != nil {
		return nil, err
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		return nil, err
	}
	b := &builder{root: root, cache: cache, out: out}
	programs, helm, err := b.programs(ctx)
	if err != nil {
		return nil, err
	}
	images, err := b.images(ctx)
	if err != nil {
		return nil, err
	}
	step("programs and images are built")
	n, err := startNode(ctx, filepath.Join(cache, "run"), programs, cniDir, images)
	if err != nil {
		return nil, err
	}
	step("the node is Ready: KUBECONFIG=%s", n.kubeconfig())
	return &cluster{node: n, root: root, kubectl: filepath.Join(programs, "kubectl"), helm: helm}, nil
}

// letThemWaitTogether raises -parallel, unless it was given: by default it is the
// number of processors, but stories do not compute. They wait for kubelet.
func letThemWaitTogether() error {
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if given {
		return nil
	}
	return flag.Set("test.parallel", "6")
}
