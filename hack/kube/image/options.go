package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

const usage = `image - build the container images of Sidegate without a container engine

Usage:
    go run ./image [flags] [COMMAND...]     in hack/kube

Writes COMMAND.tar (an OCI image layout) and COMMAND.spdx.json (its bill of
materials) for each COMMAND below cmd/; without one, for all of them.

Flags:
    -out DIR         where to write them (default ../../bin/images)
    -name PREFIX     images are called PREFIX/COMMAND (default sidegate)
    -tag TAG         tag of the images (default: the version)
    -version V       what the binaries report and the labels say (default unknown)
    -revision SHA    the commit that is built, for the labels (default: none)
    -created TIME    when the images say they were made: RFC 3339, or seconds
                     since 1970 (default: $SOURCE_DATE_EPOCH, else 0)
    -platforms LIST  comma-separated (default linux/amd64,linux/arm64)
    -source DIR      root of the repository (default ../..)

Examples:
    go run ./image -version v1.2.3
    go run ./image -name localhost/sidegate -tag e2e -platforms linux/amd64 sidegate
    ctr -n k8s.io images import ../../bin/images/sidegate.tar
`

// Options are all that a build depends on besides the source and the toolchain.
type options struct {
	out, source string // directories
	prefix, tag string // PREFIX/COMMAND:TAG
	version     string
	revision    string // empty if it is not known
	created     time.Time
	platforms   []v1.Platform // at least one
	products    []product     // at least one
}

// A usageError is for the person at the terminal to mend.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func misuse(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// parse reads the arguments; epoch is the value of SOURCE_DATE_EPOCH. It
// returns flag.ErrHelp after having printed the help to stdout, and a
// usageError for anything that cannot be built.
func parse(args []string, epoch string, stdout io.Writer) (options, error) {
	var o options
	var created, platforms string
	fs := flag.NewFlagSet("image", flag.ContinueOnError)
	fs.SetOutput(io.Discard) // what is wrong is said once, by main
	fs.StringVar(&o.out, "out", filepath.Join("..", "..", "bin", "images"), "")
	fs.StringVar(&o.source, "source", filepath.Join("..", ".."), "")
	fs.StringVar(&o.prefix, "name", "sidegate", "")
	fs.StringVar(&o.tag, "tag", "", "")
	fs.StringVar(&o.version, "version", "unknown", "")
	fs.StringVar(&o.revision, "revision", "", "")
	fs.StringVar(&created, "created", epoch, "")
	fs.StringVar(&platforms, "platforms", "linux/amd64,linux/arm64", "")
	switch err := fs.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		_, _ = io.WriteString(stdout, usage)
		return o, err
	case err != nil:
		return o, usageError{err}
	}
	return o, o.complete(created, platforms, fs.Args())
}

// complete checks what parse has read and reads what is not a plain string.
func (o *options) complete(created, platforms string, commands []string) (err error) {
	if err := o.checkVersion(); err != nil {
		return err
	}
	if o.created, err = readTime(created); err != nil {
		return err
	}
	if o.platforms, err = readPlatforms(platforms); err != nil {
		return err
	}
	if o.products, err = choose(o.source, commands); err != nil {
		return err
	}
	for _, p := range o.products {
		reference := image{product: p, opts: *o}.reference()
		if _, err := name.NewTag(reference); err != nil {
			return misuse("no container runtime takes the name %q, which -name and -tag (or -version) make: %w", reference, err)
		}
	}
	return nil
}

// The linker takes its flags apart at spaces and quotes, and a version has
// neither.
var versionForm = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z._+~/-]*$`)

func (o *options) checkVersion() error {
	if !versionForm.MatchString(o.version) {
		return misuse("-version %q: write letters, digits and any of . _ + ~ / - such as v1.2.3", o.version)
	}
	if o.revision != "" && !versionForm.MatchString(o.revision) {
		return misuse("-revision %q: write the hash of a commit, as git rev-parse HEAD prints it", o.revision)
	}
	if o.tag == "" {
		o.tag = o.version
	}
	return nil
}

// readTime reads the value of -created. The zero of Unix time stands for
// "nobody said", because the clock would make every build another one.
func readTime(s string) (time.Time, error) {
	if s == "" {
		return time.Unix(0, 0).UTC(), nil
	}
	if seconds, err := strconv.ParseInt(s, 10, 64); err == nil && seconds >= 0 {
		return time.Unix(seconds, 0).UTC(), nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return t, misuse("-created (or SOURCE_DATE_EPOCH) %q: write seconds since 1970, as git log -1 --format=%%ct prints them, or a time like 2026-01-31T12:00:00Z", s)
	}
	return t.UTC().Truncate(time.Second), nil
}

// readPlatforms reads the value of -platforms.
func readPlatforms(list string) ([]v1.Platform, error) {
	var platforms []v1.Platform
	for _, s := range strings.Split(list, ",") {
		system, arch, found := strings.Cut(strings.TrimSpace(s), "/")
		if !found || system != "linux" || arch == "" || strings.Contains(arch, "/") {
			return nil, misuse("-platforms %q: %q is not linux/ARCH, such as linux/amd64", list, s)
		}
		p := v1.Platform{OS: system, Architecture: arch}
		if slices.ContainsFunc(platforms, p.Equals) {
			return nil, misuse("-platforms %q: %s is there twice", list, p)
		}
		platforms = append(platforms, p)
	}
	return platforms, nil
}

// choose finds the products that have these commands, or all whose command is
// there in source.
func choose(source string, commands []string) ([]product, error) {
	if _, err := os.Stat(filepath.Join(source, "go.mod")); err != nil {
		return nil, misuse("-source %q is not the root of the repository: %w", source, err)
	}
	var chosen []product
	for _, p := range products {
		_, err := os.Stat(filepath.Join(source, "cmd", p.command))
		if err == nil && (len(commands) == 0 || slices.Contains(commands, p.command)) {
			chosen = append(chosen, p)
		}
	}
	for _, c := range commands {
		if !slices.ContainsFunc(chosen, func(p product) bool { return p.command == c }) {
			return nil, misuse("there is no image for the command %q: give some of %s", c, strings.Join(productNames(), ", "))
		}
	}
	if len(chosen) == 0 {
		return nil, misuse("%s holds none of %s", filepath.Join(source, "cmd"), strings.Join(productNames(), ", "))
	}
	return chosen, nil
}
