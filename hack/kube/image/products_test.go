package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

const repository = "../../.."

func TestEveryCommandHasAnImage(t *testing.T) {
	commands, err := os.ReadDir(filepath.Join(repository, "cmd"))
	if err != nil {
		t.Fatal(err)
	}
	names := " " + strings.Join(productNames(), " ") + " "
	for _, c := range commands {
		if !strings.Contains(names, " "+c.Name()+" ") {
			t.Errorf("cmd/%s has no image: give it a line in products.go and a stage in the Dockerfile", c.Name())
		}
	}
}

func TestTheRealBinaryRunsAndKnowsItsVersion(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the image is for Linux")
	}
	o := mustParse(t, "-source", repository, "-version", "v1.2.3-test", "-platforms", "linux/"+runtime.GOARCH, "sidegate")
	built := assembled(t, o)
	program := filepath.Join(t.TempDir(), "sidegate")
	if err := os.WriteFile(program, built.binaries[0].content, 0o700); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), program, "version").CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "sidegate v1.2.3-test (") {
		t.Errorf("sidegate version: %v, %q", err, out)
	}
	sbom, err := built.sbom()
	if err != nil {
		t.Fatal(err)
	}
	sums := string(readFile(t, filepath.Join(repository, "go.sum")))
	for _, p := range sbom.Packages {
		sum, isModule := strings.CutPrefix(p.SourceInfo, "go.sum ")
		if line := p.Name + " " + p.Version + " " + sum + "\n"; isModule && !strings.Contains(sums, line) {
			t.Errorf("the binary has a module in it that go.sum does not have: %q", line)
		}
	}
}
