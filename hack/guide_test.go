package hack

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/sidegate/sidegate/hack/readme"
)

const guide = "../docs/guide-webhook-partner.md"

// TestGuideDoesWhatItSays walks through the guide as a newcomer does: every
// command, in its order, and every line that it promises. The problems that it
// makes on purpose are those of the partner's guide.
func TestGuideDoesWhatItSays(t *testing.T) {
	for _, tool := range []string{"bash", "curl", "grep"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("the guide's recipes need %s, which is not on this machine", tool)
		}
	}
	text, err := os.ReadFile(guide)
	if err != nil {
		t.Fatal(err)
	}
	pasted, promised := readme.Recipe(readme.All(string(text))[1:]) // the first goes to a new folder, as paste does
	if strings.Contains(pasted, "openssl") {
		t.Error("the guide needs openssl")
	}
	paste(t, "set -e\n"+pasted, promised) // what fails on purpose says so: || true
}

// TestGuideIsShort counts what a newcomer has to type from nothing to a call made
// and a webhook received: no more than ten commands.
func TestGuideIsShort(t *testing.T) {
	text, err := os.ReadFile(guide)
	if err != nil {
		t.Fatal(err)
	}
	way, _, ok := strings.Cut(string(text), "\n## End-to-end test\n")
	if !ok {
		t.Fatal("the guide has no end-to-end test")
	}
	pasted, _ := readme.Recipe(readme.All(way)[1:])
	if n := commands(pasted); n > 10 || !strings.Contains(pasted, "curl") {
		t.Errorf("it takes %d commands to the first call:\n%s", n, pasted)
	}
}

// commands counts the commands of a script: its lines, without those that
// continue another or are the text of a file.
func commands(script string) int {
	n, in := 0, ""
	continued := false
	for line := range strings.Lines(script) {
		line = strings.TrimRight(line, "\n")
		switch {
		case in != "":
			if line == in {
				in = ""
			}
			continue
		case !continued && strings.TrimSpace(line) != "":
			n++
		}
		continued = strings.HasSuffix(line, `\`)
		if _, mark, ok := strings.Cut(line, "<<'"); ok {
			in, _, _ = strings.Cut(mark, "'")
		}
	}
	return n
}
