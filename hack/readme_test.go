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
)

// TestReadmeDoesWhatItSays runs the README's five minutes block by block, as a
// reader pastes them, and looks for each line that it promises.
func TestReadmeDoesWhatItSays(t *testing.T) {
	for _, tool := range []string{"bash", "openssl", "curl", "grep"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("the README's recipes need %s, which is not on this machine", tool)
		}
	}
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := blocksOf(t, string(readme), "## Five minutes with openssl and curl")
	bin := t.TempDir()
	build(t, "go", "build", "-o", bin, "../cmd/sidegate", "./app")

	ports := otherPorts(t)
	var script, want strings.Builder
	fmt.Fprintf(&script, "set -m; trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT\nexport PATH=%q:$PATH\n", bin)
	for _, b := range blocks[1:] { // the first builds with make what is built above
		if b.language == "text" {
			want.WriteString(b.text)
			continue
		}
		script.WriteString(ports.Replace(b.text))
	}
	cmd := exec.CommandContext(t.Context(), "bash", "-c", script.String())
	cmd.Dir = t.TempDir()
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState.ExitCode() != 0 {
		log, _ := os.ReadFile(filepath.Join(cmd.Dir, "sidegate.log"))
		t.Fatalf("the README's commands: %v\n%s\n%s", err, out, log)
	}
	rest := string(out)
	for line := range strings.Lines(want.String()) {
		line = strings.TrimSpace(line)
		at := strings.Index(rest, line)
		if at < 0 {
			t.Fatalf("the README promises %q; the output is:\n%s", line, out)
		}
		rest = rest[at+len(line):]
	}
}

// A block is a fenced block of Markdown.
type block struct{ language, text string }

// blocksOf returns the blocks of the section with the heading.
func blocksOf(t *testing.T, markdown, heading string) []block {
	t.Helper()
	_, section, ok := strings.Cut(markdown, "\n"+heading+"\n")
	if !ok {
		t.Fatalf("README.md has no section %q", heading)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	var blocks []block
	for i, part := range strings.Split(section, "\n```") {
		if i%2 == 1 {
			language, text, _ := strings.Cut(part, "\n")
			blocks = append(blocks, block{language, text + "\n"})
		}
	}
	return blocks
}

// otherPorts replaces the README's ports with free ones: a developer may have
// something on them.
func otherPorts(t *testing.T) *strings.Replacer {
	t.Helper()
	var pairs []string
	for _, port := range []string{"8443", "8080", "9901"} {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		_, free, _ := net.SplitHostPort(ln.Addr().String())
		pairs = append(pairs, port, free)
	}
	pairs = append(pairs, "\ningress:\n", "\nhealth: {listen: ':"+pairs[5]+"'}\nadmin: {listen: 'off'}\ndrainDelay: 0s\ningress:\n")
	return strings.NewReplacer(pairs...)
}

func build(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
}
