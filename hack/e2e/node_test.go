//go:build e2e

package e2e

import (
	"bufio"
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// The node's addresses are from the blocks for documentation and for
// benchmarks (RFC 5737, RFC 2544): nobody's on the way.
const (
	nodeName       = "sidegate-e2e"
	hostLink       = "sgate0" // the host's end of the veth pair
	hostIP         = "198.51.100.5"
	nodeIP         = "198.51.100.6"
	podCIDR        = "198.18.1.0/24"
	serviceCIDR    = "198.18.64.0/20"
	firstServiceIP = "198.18.64.1" // Kubernetes gives it to its API server
)

// lockPath is one for the machine, as are the names and addresses above.
const lockPath = "/run/sidegate-e2e.lock"

//go:embed node
var nodeFiles embed.FS

// A node is a running one-node Kubernetes.
type node struct {
	run    string // its folder: kubeconfig, pki, log
	keeper *exec.Cmd
	pipe   io.Closer     // the keeper takes the node down when it closes
	gone   chan struct{} // closed when the keeper has ended
}

// startNode brings a node up and returns when it is Ready. Its process 1 finds
// the Kubernetes programs in bin; the images are archives. If it fails, it
// leaves nothing but logs.
func startNode(ctx context.Context, run, bin, cniDir string, images []string) (*node, error) {
	if err := os.MkdirAll(run, 0o755); err != nil {
		return nil, err
	}
	lock, err := lockFile(lockPath, 60*time.Second)
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	if err := layOut(run, cniDir, images); err != nil {
		return nil, fmt.Errorf("lay out the node in %q: %w", run, err)
	}
	n, err := startKeeper(run, bin, lock)
	if err != nil {
		return nil, fmt.Errorf("bring the node up: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	if err := n.awaitReady(ctx, bin); err != nil {
		return nil, errors.Join(fmt.Errorf("wait for the node to be Ready: %w\n%s", err, n.tails()), n.stop())
	}
	return n, nil
}

// layOut writes everything that the node reads.
func layOut(run, cniDir string, images []string) error {
	if err := os.RemoveAll(filepath.Join(run, "log")); err != nil {
		return err
	}
	for _, dir := range []string{"log", "pki", "images"} {
		if err := os.MkdirAll(filepath.Join(run, dir), 0o755); err != nil {
			return err
		}
	}
	values := map[string]string{"POD_CIDR": podCIDR, "CNI_DIR": cniDir, "PAUSE_IMAGE": pauseImage}
	for _, name := range []string{"containerd.toml", "cni.conflist", "kubelet.yaml"} {
		if err := os.WriteFile(filepath.Join(run, name), []byte(furnish(name, values)), 0o644); err != nil {
			return err
		}
	}
	script, err := nodeFiles.ReadFile("node/init.sh")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(run, "init.sh"), script, 0o644); err != nil {
		return err
	}
	if err := linkImages(filepath.Join(run, "images"), images); err != nil {
		return err
	}
	return writePKI(run)
}

// linkImages makes dir hold exactly these archives.
func linkImages(dir string, archives []string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	for i, archive := range archives {
		if err := os.Symlink(archive, filepath.Join(dir, fmt.Sprintf("%d.tar", i))); err != nil {
			return err
		}
	}
	return nil
}

// furnish returns a file of node/ with each ${NAME} replaced.
func furnish(name string, values map[string]string) string {
	text, err := nodeFiles.ReadFile("node/" + name)
	if err != nil {
		panic(err) // it is part of this program
	}
	return os.Expand(string(text), func(key string) string {
		if key == "NODE_IP" {
			return nodeIP
		}
		return values[key]
	})
}

// startKeeper runs this program as the keeper, gives it the lock and waits for
// its report. It has a session of its own, so that Ctrl-C ends us and not it.
func startKeeper(run, bin string, lock *os.File) (*node, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(run, "log", "keeper.log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	keeper := exec.Command(self)
	keeper.Env = append(os.Environ(), keeperEnv+"="+run, "RUN="+run, "NODE="+nodeName, "NODE_IP="+nodeIP,
		"POD_CIDR="+podCIDR, "SERVICE_CIDR="+serviceCIDR, "PATH="+bin+":"+os.Getenv("PATH"))
	keeper.ExtraFiles = []*os.File{lock}
	keeper.Stderr, keeper.SysProcAttr = log, &syscall.SysProcAttr{Setsid: true}
	pipe, err := keeper.StdinPipe()
	if err != nil {
		return nil, err
	}
	report, err := keeper.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := keeper.Start(); err != nil {
		return nil, err
	}
	n := &node{run: run, keeper: keeper, pipe: pipe, gone: make(chan struct{})}
	_, err = bufio.NewReader(report).ReadString('\n')
	go func() { _ = keeper.Wait(); close(n.gone) }()
	if err != nil {
		return nil, errors.Join(errors.New("the keeper gave up"), n.stop())
	}
	return n, nil
}

// awaitReady waits for what a pod needs: a Ready node and a service account.
func (n *node) awaitReady(ctx context.Context, bin string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() { <-n.gone; cancel(errors.New("the node has ended")) }()
	return poll(ctx, 200*time.Millisecond, func() error {
		for _, args := range [][]string{
			{"wait", "--for=condition=Ready", "--timeout=30s", "node/" + nodeName},
			{"get", "serviceaccount", "default"},
		} {
			cmd := exec.CommandContext(ctx, filepath.Join(bin, "kubectl"), args...)
			cmd.Env = append(os.Environ(), "KUBECONFIG="+filepath.Join(n.run, "kubeconfig"))
			if out, err := cmd.CombinedOutput(); err != nil {
				return fmt.Errorf("kubectl %q: %w: %s", args, err, out)
			}
		}
		return nil
	})
}

// stop takes the node down and returns when nothing is left of it.
func (n *node) stop() error {
	n.pipe.Close()
	slow := time.AfterFunc(60*time.Second, func() { _ = n.keeper.Process.Kill() })
	defer slow.Stop()
	<-n.gone
	if n.keeper.ProcessState.Success() {
		return nil
	}
	log, _ := os.ReadFile(filepath.Join(n.run, "log", "keeper.log"))
	return fmt.Errorf("the keeper of the node: %s: %s", n.keeper.ProcessState, log)
}

// tails returns the last lines of each component's log.
func (n *node) tails() string {
	logs, _ := filepath.Glob(filepath.Join(n.run, "log", "*.log"))
	var all strings.Builder
	for _, path := range logs {
		text, err := os.ReadFile(path)
		if err != nil || len(text) == 0 {
			continue
		}
		fmt.Fprintf(&all, "== %s\n%s\n", path, lastLines(string(text), 25))
	}
	return all.String()
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
