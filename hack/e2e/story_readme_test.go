//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sidegate/sidegate/hack/readme"
)

// This story pastes the README's Kubernetes section, block by block, into a shell
// that has what a reader has: a cluster without the chart, and the certificates of
// the section before. It installs the chart itself, so it is alone.
func TestReadmeOnKubernetes(t *testing.T) {
	measured.story(t)
	text, err := os.ReadFile(filepath.Join(kube.root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	before, after := recipe(t, string(text), "## Five minutes with openssl and curl"), recipe(t, string(text), "## In Kubernetes")
	certificates, _ := readme.Recipe(before[1:2]) // after the one that builds
	pasted, promised := readme.Recipe(after)

	helm(t, "uninstall", release, "--namespace", releaseNamespace, "--wait", "--timeout", "2m")
	t.Cleanup(func() { // what the reader has at the end, and what the other stories stand on
		ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
		defer cancel()
		_, err := kube.command(ctx, "", kube.kubectl, "delete", "namespace", "shop", "--ignore-not-found", "--wait=false")
		if err == nil {
			_, err = kube.command(ctx, "", kube.helm, "uninstall", release, "--namespace", releaseNamespace, "--ignore-not-found", "--wait")
		}
		if err == nil {
			err = kube.installChart(ctx)
		}
		if err != nil {
			t.Errorf("put the cluster back as it was: %v", err)
		}
	})
	out, err := paste(t, certificates+adapted(t, pasted))
	if err != nil {
		t.Fatalf("the README's commands: %v\n%s\n%s", err, out, dump(context.Background(), kube, "shop"))
	}
	if line, kept := readme.Broken(promised, out); !kept {
		t.Errorf("the README promises %q; the output is:\n%s", line, out)
	}
}

func recipe(t *testing.T, markdown, heading string) []readme.Block {
	t.Helper()
	blocks, err := readme.Blocks(markdown, heading)
	if err != nil {
		t.Fatalf("README.md: %v", err)
	}
	return blocks
}

// adapted has the commands use the images that the node has already, and a port
// of this machine that is free.
func adapted(t *testing.T, script string) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	return strings.NewReplacer(
		"make image\n", "",
		" charts/sidegate ", " "+filepath.Join(kube.root, "charts", "sidegate")+" ",
		"sidegate/example-app", appImage,
		"port-forward service/webhook 8443", "port-forward service/webhook "+port+":8443",
		"https://localhost:8443/", "https://localhost:"+port+"/",
	).Replace(script)
}

// paste runs a script in an empty folder, with a kubeconfig of its own, and ends
// what it leaves in the background. A command that fails ends it.
func paste(t *testing.T, script string) (string, error) {
	t.Helper()
	dir := t.TempDir()
	config, err := os.ReadFile(kube.node.kubeconfig())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "kubeconfig"), config, 0o600); err != nil {
		t.Fatal(err)
	}
	registry, tag, _ := strings.Cut(strings.TrimSuffix(imagePrefix, "/sidegate")+":"+imageTag, ":")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", "set -e -m; trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT\n"+script)
	cmd.Dir, cmd.WaitDelay = dir, 5*time.Second
	cmd.Env = append(os.Environ(), "HOME="+dir, "KUBECONFIG="+filepath.Join(dir, "kubeconfig"),
		"REGISTRY="+registry, "TAG="+tag,
		fmt.Sprintf("PATH=%s:%s:%s", filepath.Dir(kube.kubectl), filepath.Dir(kube.helm), os.Getenv("PATH")))
	out, err := cmd.CombinedOutput()
	return string(out), err
}
