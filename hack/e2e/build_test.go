//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// A builder makes what the suite runs. Kubernetes and helm take minutes, so
// they stay in the cache under a hash of everything that they are made of; the
// rest is built each time, which the Go build cache makes quick.
type builder struct {
	root  string    // of the repository
	cache string    // outside the clone, kept between runs
	out   io.Writer // says what takes the time
}

// programs returns a folder with kubectl and the other Kubernetes programs,
// and the path of helm.
func (b *builder) programs(ctx context.Context) (kube, helm string, err error) {
	module := filepath.Join(b.root, "hack", "kube", "node")
	version, err := b.output(ctx, module, "go", "list", "-m", "-f", "{{.Version}}", "k8s.io/kubernetes")
	if err != nil {
		return "", "", err
	}
	minor, _, _ := strings.Cut(strings.TrimPrefix(version, "v1."), ".")
	const stamp = " -X k8s.io/component-base/version."
	ldflags := "-s -w" + stamp + "gitVersion=" + version + stamp + "gitMajor=1" + stamp + "gitMinor=" + minor
	kube, err = b.cached(ctx, "node", module, func(dir string) error {
		return b.buildNode(ctx, module, dir, ldflags)
	})
	if err != nil {
		return "", "", err
	}
	module = filepath.Join(b.root, "hack", "kube")
	helm, err = b.cached(ctx, "helm", module, func(dir string) error {
		return b.goBuild(ctx, module, filepath.Join(dir, "helm"), "-s -w", "helm.sh/helm/v4/cmd/helm")
	})
	return kube, filepath.Join(helm, "helm"), err
}

// buildNode builds all Kubernetes programs as one, and names it as each.
func (b *builder) buildNode(ctx context.Context, module, dir, ldflags string) error {
	binary := filepath.Join(dir, "node")
	if err := b.goBuild(ctx, module, binary, ldflags, "."); err != nil {
		return err
	}
	names, err := b.output(ctx, dir, binary)
	if err != nil {
		return err
	}
	for name := range strings.FieldsSeq(names) {
		if err := os.Symlink("node", filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// images builds the product's images and those of the test programs, and
// returns their archives.
func (b *builder) images(ctx context.Context) ([]string, error) {
	dir := filepath.Join(b.cache, "images")
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	for image, pkg := range map[string]string{pauseImage: "pause", appImage: "app"} {
		if err := b.ownImage(ctx, dir, image, pkg); err != nil {
			return nil, fmt.Errorf("build the image %q: %w", image, err)
		}
	}
	if err := b.productImages(ctx, dir); err != nil {
		return nil, fmt.Errorf("build the product's images: %w", err)
	}
	return filepath.Glob(filepath.Join(dir, "*.tar"))
}

// ownImage builds the image of a program below hack/e2e.
func (b *builder) ownImage(ctx context.Context, dir, image, pkg string) error {
	binary := filepath.Join(b.cache, "bin", pkg)
	if err := b.goBuild(ctx, b.root, binary, "-s -w", "./hack/e2e/"+pkg); err != nil {
		return err
	}
	program, err := os.ReadFile(binary)
	if err != nil {
		return err
	}
	var archive bytes.Buffer
	if err := writeImage(&archive, image, pkg, program); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, pkg+".tar"), archive.Bytes(), 0o644)
}

// productImages builds Sidegate's own images with the project's own builder.
func (b *builder) productImages(ctx context.Context, dir string) error {
	_, err := b.output(ctx, filepath.Join(b.root, "hack", "kube"), "go", "run", "./image", "-out", dir,
		"-name", imagePrefix, "-tag", imageTag, "-version", imageTag, "-platforms", "linux/"+runtime.GOARCH)
	return err
}

// cached returns the folder of the cache that build has filled, now or in an
// earlier run from the same module.
func (b *builder) cached(ctx context.Context, name, module string, build func(dir string) error) (string, error) {
	key, err := b.key(ctx, module)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(b.cache, name+"-"+key)
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return dir, err
	}
	start := time.Now()
	fmt.Fprintf(b.out, "== building %s: minutes the first time, then it is in %s\n", name, b.cache)
	fresh, err := os.MkdirTemp(b.cache, name+"-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(fresh) // nothing, once it is renamed
	if err := build(fresh); err != nil {
		return "", err
	}
	fmt.Fprintf(b.out, "== building %s took %.0f s\n", name, time.Since(start).Seconds())
	return dir, os.Rename(fresh, dir)
}

// key is a hash of what a program of the module is made of: the module's own
// source, the versions it asks for, and the toolchain.
func (b *builder) key(ctx context.Context, module string) (string, error) {
	toolchain, err := b.output(ctx, module, "go", "env", "GOVERSION", "GOARCH")
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	fmt.Fprintln(hash, toolchain)
	for _, pattern := range []string{"go.mod", "go.sum", "*.go"} {
		paths, err := filepath.Glob(filepath.Join(module, pattern))
		if err != nil {
			return "", err
		}
		for _, path := range paths {
			content, err := os.ReadFile(path)
			if err != nil {
				return "", err
			}
			fmt.Fprintf(hash, "%s %d\n%s", filepath.Base(path), len(content), content)
		}
	}
	return hex.EncodeToString(hash.Sum(nil))[:16], nil
}

// goBuild builds a static program for a container, or for this machine.
func (b *builder) goBuild(ctx context.Context, dir, out, ldflags, pkg string) error {
	_, err := b.output(ctx, dir, "go", "build", "-trimpath", "-ldflags", ldflags, "-o", out, pkg)
	return err
}

// output runs a command in dir and returns what it prints.
func (b *builder) output(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "CGO_ENABLED=0")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %q in %q: %w\n%s", name, args, dir, err, stderr.Bytes())
	}
	return strings.TrimSpace(string(out)), nil
}

// cacheDir returns the folder for what is kept between runs.
func cacheDir() (string, error) {
	base, err := os.UserCacheDir() // honours XDG_CACHE_HOME
	if err != nil {
		return "", err
	}
	dir := filepath.Join(base, "sidegate-e2e")
	return dir, os.MkdirAll(filepath.Join(dir, "bin"), 0o755)
}
