package hack

import (
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

// TestReadmeDoesWhatItSays runs the README's five minutes block by block, as a
// reader pastes them, and looks for each line that it promises.
func TestReadmeDoesWhatItSays(t *testing.T) {
	for _, tool := range []string{"bash", "openssl", "curl", "grep"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("the README's recipes need %s, which is not on this machine", tool)
		}
	}
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks, err := readme.Blocks(string(text), "## Five minutes with openssl and curl")
	if err != nil {
		t.Fatal(err)
	}
	pasted, promised := readme.Recipe(blocks[1:]) // the first builds with make what paste builds
	paste(t, pasted, promised)
}

// paste runs what a reader pastes, on other ports, and fails unless it succeeds
// and prints what is promised.
func paste(t *testing.T, pasted string, promised []string) {
	t.Helper()
	bin := t.TempDir()
	build(t, "go", "build", "-o", bin, "../cmd/sidegate", "./app")
	ports := otherPorts(t)
	script := fmt.Sprintf("set -m; trap 'set +e; kill $(jobs -p) 2>/dev/null; wait' EXIT\nexport PATH=%q:$PATH\n", bin) + ports.Replace(pasted)
	cmd := exec.CommandContext(t.Context(), "bash", "-c", script)
	cmd.Dir = t.TempDir()
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState.ExitCode() != 0 {
		log, _ := os.ReadFile(filepath.Join(cmd.Dir, "sidegate.log"))
		t.Fatalf("the commands: %v\n%s\n%s", err, out, log)
	}
	for i := range promised {
		promised[i] = ports.Replace(promised[i])
	}
	if line, kept := readme.Broken(promised, string(out)); !kept {
		t.Fatalf("promised is %q; the output is:\n%s", line, out)
	}
}

// otherPorts replaces the ports of a recipe with free ones: a developer may have
// something on them.
func otherPorts(t *testing.T) *strings.Replacer {
	t.Helper()
	var pairs []string
	for _, port := range []string{"8443", "8080", "9901", "8081", "9443", "8444"} {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		_, free, _ := net.SplitHostPort(ln.Addr().String())
		pairs = append(pairs, port, free)
	}
	pairs = append(pairs, "\ningress:\n", "\nhealth: {listen: ':"+pairs[5]+"'}\nadmin: {listen: 'off'}\ndrainDelay: 0s\ningress:\n")
	pairs = append(pairs, "demo --partner", "demo --listen 127.0.0.1:"+pairs[9]+" --partner")
	return strings.NewReplacer(pairs...)
}

func build(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
}
