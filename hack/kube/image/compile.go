package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// A binary is what the go command made for one platform.
type binary struct {
	platform v1.Platform
	content  []byte
}

// neutral takes out of the environment what would make other binaries of the
// same source: the processor that a builder tunes for, another cryptographic
// module, flags, a workspace, and the file of "go env -w", which counts where a
// variable is empty. All binaries are static, since the image has no C library.
var neutral = []string{
	"CGO_ENABLED=0", "GOAMD64=v1", "GOARM64=v8.0", "GOFIPS140=off", "GOEXPERIMENT=", "GOFLAGS=", "GOWORK=off", "GOENV=off",
}

// supply is what that file may well say: where modules come from, and where they
// and what is compiled are kept. It cannot change a binary, as go.sum has the
// checksums.
var supply = []string{
	"GOPROXY", "GONOPROXY", "GOSUMDB", "GONOSUMDB", "GOPRIVATE", "GOINSECURE", "GOAUTH", "GOVCS", "GOMODCACHE", "GOCACHE", "GOTOOLCHAIN",
}

// environment returns what the go command is started with.
func environment(ctx context.Context) ([]string, error) {
	out, err := exec.CommandContext(ctx, "go", append([]string{"env", "-json"}, supply...)...).Output()
	if err != nil {
		return nil, fmt.Errorf("ask the go command for its settings: %w", err)
	}
	var kept map[string]string
	if err := json.Unmarshal(out, &kept); err != nil {
		return nil, fmt.Errorf("read the settings of the go command: %w", err)
	}
	env := append(os.Environ(), neutral...)
	for name, value := range kept {
		env = append(env, name+"="+value)
	}
	return env, nil
}

// compile makes one binary of p for each platform.
func compile(ctx context.Context, opts options, p product) ([]binary, error) {
	dir, err := os.MkdirTemp("", "sidegate-image-")
	if err != nil {
		return nil, fmt.Errorf("make a directory for binaries: %w", err)
	}
	defer os.RemoveAll(dir)
	var binaries []binary
	for _, platform := range opts.platforms {
		file := filepath.Join(dir, p.command+"-"+platform.Architecture)
		if err := goBuild(ctx, opts, p, platform, file); err != nil {
			return nil, err
		}
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read what was compiled for %s: %w", platform, err)
		}
		binaries = append(binaries, binary{platform, content})
	}
	return binaries, nil
}

// goBuild compiles p into file, with the flags that the Makefile uses. Version
// control is left out: the same source is the same binary, whether it lies in
// a clone, an archive or a worktree with a forgotten file.
func goBuild(ctx context.Context, opts options, p product, platform v1.Platform, file string) error {
	file, err := filepath.Abs(file)
	if err != nil {
		return err
	}
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false",
		"-ldflags", "-s -w -X main.version="+opts.version, "-o", file, "./cmd/"+p.command)
	build.Dir = opts.source
	if build.Env, err = environment(ctx); err != nil {
		return err
	}
	build.Env = append(build.Env, "GOOS="+platform.OS, "GOARCH="+platform.Architecture)
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("compile ./cmd/%s for %s in %q: %w\n%s", p.command, platform, opts.source, err, bytes.TrimSpace(out))
	}
	return nil
}
