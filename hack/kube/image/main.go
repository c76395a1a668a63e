// Command image builds the container images of Sidegate without a container
// engine and without a registry: a Go toolchain is all it asks for. Run it as
//
//	go run ./image -version v1.2.3
//
// in hack/kube, or as make image. For each command below cmd/ it writes
//
//	COMMAND.tar        an OCI image layout with one image for every platform,
//	                   in the order and with the names that
//	                   "ctr images import", "docker load" and skopeo read
//	COMMAND.spdx.json  its bill of materials: SPDX 2.3, read back out of the
//	                   binaries themselves, so that it lists what was linked
//
// An image is one layer with one file, the static binary, and nothing besides.
// The same source, Go toolchain and flags give the same bytes, on any machine
// and at any time: no clock, host name, user or directory finds its way in.
//
// The files in the order in which a build meets them:
//
//	options.go   arguments → options
//	products.go  what is said about each image; the Dockerfile says the same
//	compile.go   source → one binary a platform
//	oci.go       binaries → layers → images → index
//	archive.go   index → tar
//	sbom.go      binaries → SPDX document; its form is in spdx.go
//
// The exit code is 0 if everything was written, 1 if not, 2 for a wrong use.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"text/tabwriter"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := execute(ctx, os.Args[1:], os.Stdout)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case errors.As(err, new(usageError)):
		fmt.Fprintf(os.Stderr, "image: %v\nRun it with -h to see how it is used.\n", err)
		os.Exit(2)
	case err != nil:
		fmt.Fprintf(os.Stderr, "image: %v\n", err)
		os.Exit(1)
	}
}

// execute builds what args ask for and tells on stdout what came of it.
func execute(ctx context.Context, args []string, stdout io.Writer) error {
	opts, err := parse(args, os.Getenv("SOURCE_DATE_EPOCH"), stdout)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(opts.out, 0o755); err != nil {
		return fmt.Errorf("make the directory for the images: %w", err)
	}
	table := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	defer table.Flush() // also if one fails: those before it are there
	fmt.Fprintln(table, "IMAGE\tPLATFORM\tCOMPRESSED\tDIGEST")
	for _, p := range opts.products {
		built, err := build(ctx, opts, p)
		if err != nil {
			return fmt.Errorf("image %s: %w", p.command, err)
		}
		if err := built.describe(table); err != nil {
			return fmt.Errorf("image %s: %w", p.command, err)
		}
	}
	return table.Flush()
}

// An image is everything there is to say about one product after the build.
type image struct {
	product
	opts     options
	binaries []binary // one for each platform, in the order that was asked for
	variants []v1.Image
	index    v1.ImageIndex
}

// build makes the image of p and writes both of its files.
func build(ctx context.Context, opts options, p product) (image, error) {
	built := image{product: p, opts: opts}
	var err error
	if built.binaries, err = compile(ctx, opts, p); err != nil {
		return built, err
	}
	if err := built.assemble(); err != nil {
		return built, err
	}
	if err := built.writeArchive(built.path(".tar")); err != nil {
		return built, err
	}
	return built, built.writeSBOM(built.path(".spdx.json"))
}

// path is where the file of this image with that ending goes.
func (i image) path(ending string) string {
	return filepath.Join(i.opts.out, i.command+ending)
}

// reference is the name under which a container runtime knows the image.
func (i image) reference() string { return i.opts.prefix + "/" + i.command + ":" + i.opts.tag }

// describe adds the lines of this image to the table.
func (i image) describe(table io.Writer) error {
	for n, variant := range i.variants {
		digest, err := variant.Digest()
		if err != nil {
			return err
		}
		layers, err := variant.Layers()
		if err != nil {
			return err
		}
		size, err := layers[0].Size()
		if err != nil {
			return err
		}
		fmt.Fprintf(table, "%s\t%s\t%.1f MB\t%s\n", i.reference(), i.binaries[n].platform, float64(size)/1e6, digest)
	}
	digest, err := i.index.Digest()
	if err != nil {
		return err
	}
	fmt.Fprintf(table, "%s\t%s\t\t%s\n", i.reference(), "all of them", digest)
	return nil
}
