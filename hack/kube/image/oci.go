package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"strconv"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// assemble makes an image of each binary, and the index of them.
func (i *image) assemble() error {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, b := range i.binaries {
		variant, err := i.variant(b)
		if err != nil {
			return fmt.Errorf("assemble the image for %s: %w", b.platform, err)
		}
		i.variants = append(i.variants, variant)
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add:        variant,
			Descriptor: v1.Descriptor{Platform: &b.platform},
		})
	}
	i.index = mutate.Annotations(index, i.labels()).(v1.ImageIndex)
	return nil
}

// variant is the image of one platform.
func (i image) variant(b binary) (v1.Image, error) {
	layer, err := layerOf(i.command, b.content)
	if err != nil {
		return nil, err
	}
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	base, err = mutate.ConfigFile(base, &v1.ConfigFile{
		OS:           b.platform.OS,
		Architecture: b.platform.Architecture,
		Created:      v1.Time{Time: i.opts.created},
		Config:       i.config(),
		RootFS:       v1.RootFS{Type: "layers"},
	})
	if err != nil {
		return nil, err
	}
	variant, err := mutate.Append(base, mutate.Addendum{
		Layer:   layer,
		History: v1.History{Created: v1.Time{Time: i.opts.created}, CreatedBy: "COPY /" + i.command},
	})
	if err != nil {
		return nil, err
	}
	return mutate.Annotations(variant, i.labels()).(v1.Image), nil
}

func (i image) exposed() map[string]struct{} {
	ports := map[string]struct{}{}
	for _, p := range i.ports {
		ports[strconv.Itoa(p)+"/tcp"] = struct{}{}
	}
	return ports
}

// layerOf is a layer with one executable file in its root. The file is root's
// and as old as Unix time, whoever builds it and whenever: the same binary is
// the same layer in every release, and nodes fetch it once.
func layerOf(file string, content []byte) (v1.Layer, error) {
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	header := &tar.Header{
		Typeflag: tar.TypeReg,
		Name:     file,
		Size:     int64(len(content)),
		Mode:     0o755,
		ModTime:  time.Unix(0, 0),
		Format:   tar.FormatUSTAR,
	}
	if err := w.WriteHeader(header); err != nil {
		return nil, fmt.Errorf("write the header of %q into the layer: %w", file, err)
	}
	if _, err := w.Write(content); err != nil {
		return nil, fmt.Errorf("write %q into the layer: %w", file, err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("end the layer: %w", err)
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(archive.Bytes())), nil }
	return tarball.LayerFromOpener(open, tarball.WithMediaType(types.OCILayer),
		tarball.WithCompressionLevel(gzip.BestCompression), tarball.WithCompressedCaching)
}
