package main

import (
	"context"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// found is a proxy that is there.
type found struct{ binary, version string }

// The versions that are built from source.
const (
	ghostunnelVersion = "v1.8.4"
	caddyVersion      = "v2.11.9"
)

// findSidegate takes the binary that it is told, or builds one. One for profiles
// is a build of its own: see cmd/sidegate/profile.go.
func findSidegate(ctx context.Context, b *bench) (f found, err error) {
	if f.binary, err = filepath.Abs(b.sidegate); err != nil {
		return f, err
	}
	if b.sidegate == "" {
		f.binary = filepath.Join(b.dir, "sidegate")
		args := []string{"build", "-trimpath", "-ldflags", "-s -w", "-o", f.binary}
		if b.profiles != "" {
			args = append(args, "-tags", "profile")
		}
		if err := goCommand(ctx, ".", nil, append(args, "./cmd/sidegate")...); err != nil {
			return f, fmt.Errorf("build sidegate (is this the root of the repository?): %w", err)
		}
	}
	info, err := buildinfo.ReadFile(f.binary)
	if err != nil {
		return f, fmt.Errorf("read the version of %q: %w", f.binary, err)
	}
	out, err := exec.CommandContext(ctx, f.binary, "version").Output()
	if err != nil {
		return f, fmt.Errorf("ask %q for its version: %w", f.binary, err)
	}
	f.version, _, _ = strings.Cut(strings.TrimPrefix(string(out), "sidegate "), "\n")
	if !strings.Contains(f.version, info.GoVersion) {
		f.version += " (" + info.GoVersion + ")"
	}
	return f, nil
}

func findNginx(ctx context.Context, _ *bench) (found, error) {
	return findPackage(ctx, "nginx", "nginx-light", []string{"-V"}, regexp.MustCompile(`version: nginx/\S+|built with OpenSSL \S+|running with OpenSSL \S+`))
}

func findHAProxy(ctx context.Context, _ *bench) (found, error) {
	return findPackage(ctx, "haproxy", "haproxy", []string{"-vv"}, regexp.MustCompile(`HAProxy version \S+|Running on OpenSSL version : OpenSSL \S+`))
}

// findPackage looks for the program of a Debian package, and for its version in
// what it prints.
func findPackage(ctx context.Context, program, debian string, args []string, versions *regexp.Regexp) (f found, err error) {
	if f.binary, err = exec.LookPath(program); err != nil {
		f.binary = "/usr/sbin/" + program // which is not on everybody's PATH
	}
	if _, err := os.Stat(f.binary); err != nil {
		return f, fmt.Errorf("it is not installed; apt-get install %s", debian)
	}
	out, err := exec.CommandContext(ctx, f.binary, args...).CombinedOutput()
	if err != nil {
		return f, fmt.Errorf("ask %q for its version: %w", f.binary, err)
	}
	f.version = strings.TrimPrefix(strings.Join(versions.FindAllString(string(out), -1), ", "), "version: ")
	return f, nil
}

func findGhostunnel(ctx context.Context, b *bench) (found, error) {
	return buildPeer(ctx, b, "ghostunnel", "github.com/ghostunnel/ghostunnel", ".", ghostunnelVersion)
}

func findCaddy(ctx context.Context, b *bench) (found, error) {
	return buildPeer(ctx, b, "caddy", "github.com/caddyserver/caddy/v2", "./cmd/caddy", caddyVersion)
}

// buildPeer builds a proxy from the source of its module, once. It builds within
// the module, so that exactly what its authors put into go.sum is linked.
func buildPeer(ctx context.Context, b *bench, name, module, pkg, version string) (found, error) {
	binary, err := filepath.Abs(filepath.Join(b.peersDir, name+"-"+version))
	if err != nil {
		return found{}, err
	}
	f := found{binary: binary, version: name + " " + version}
	if _, err := os.Stat(binary); err != nil {
		fmt.Fprintf(b.log, "building %s %s, which takes minutes, once\n", name, version)
		if err := buildModule(ctx, module, pkg, version, binary); err != nil {
			return f, fmt.Errorf("%s %s cannot be built: %w", module, version, err)
		}
	}
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return f, fmt.Errorf("read the version of %q: %w", binary, err)
	}
	f.version += " (" + info.GoVersion + ")"
	return f, nil
}

func buildModule(ctx context.Context, module, pkg, version, binary string) error {
	var at struct{ Dir string }
	if err := goCommand(ctx, os.TempDir(), &at, "mod", "download", "-json", module+"@"+version); err != nil {
		return err
	}
	if at.Dir == "" {
		return errors.New("go mod download tells no directory")
	}
	return goCommand(ctx, at.Dir, nil, "build", "-mod=readonly", "-trimpath", "-ldflags", "-s -w", "-o", binary, pkg)
}

// goCommand runs the go command in dir, and decodes its output unless into is nil.
func goCommand(ctx context.Context, dir string, into any, args ...string) error {
	var stderr strings.Builder
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Stderr = dir, &stderr
	out, err := cmd.Output()
	if err != nil {
		lines := strings.Split(strings.TrimSpace(stderr.String()), "\n")
		return fmt.Errorf("go %s: %w: %s", args[0], err, strings.Join(lines[max(0, len(lines)-3):], "; "))
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(out, into); err != nil {
		return fmt.Errorf("read what go %s says: %w", args[0], err)
	}
	return nil
}
