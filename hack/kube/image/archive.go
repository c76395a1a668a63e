package main

import (
	"archive/tar"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
)

// writeArchive writes the image to file as an OCI image layout in a tar. A
// file that was there stays as it was until the new one is complete.
func (i image) writeArchive(file string) error {
	dir, err := os.MkdirTemp("", "sidegate-image-")
	if err != nil {
		return fmt.Errorf("make a directory for the layout: %w", err)
	}
	defer os.RemoveAll(dir)
	if err := i.writeLayout(dir); err != nil {
		return fmt.Errorf("write the OCI layout: %w", err)
	}
	return replaceFile(file, func(w io.Writer) error { return tarOf(w, os.DirFS(dir)) })
}

// writeLayout writes the OCI image layout into dir.
func (i image) writeLayout(dir string) error {
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		return err
	}
	err = path.AppendIndex(i.index, layout.WithAnnotations(map[string]string{
		"io.containerd.image.name":          i.reference(), // containerd and ctr
		"org.opencontainers.image.ref.name": i.opts.tag,    // all who follow the specification
	}))
	if err != nil {
		return err
	}
	manifest, err := i.dockerManifest()
	if err != nil {
		return err
	}
	return path.WriteFile("manifest.json", manifest, 0o644)
}

// dockerManifest is the table of contents that a Docker engine reads if its
// image store is older than OCI indexes. It knows no platforms, so it names the
// first one; those who know the layout do not look at it.
func (i image) dockerManifest() ([]byte, error) {
	manifest, err := i.variants[0].Manifest()
	if err != nil {
		return nil, err
	}
	type entry struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	blob := func(hex string) string { return "blobs/sha256/" + hex }
	e := entry{Config: blob(manifest.Config.Digest.Hex), RepoTags: []string{i.reference()}}
	for _, layer := range manifest.Layers {
		e.Layers = append(e.Layers, blob(layer.Digest.Hex))
	}
	return json.Marshal([]entry{e})
}

// tarOf writes every file of tree, in the order of their names, as if all had
// been made by nobody at the beginning of Unix time.
func tarOf(w io.Writer, tree fs.FS) error {
	archive := tar.NewWriter(w)
	err := fs.WalkDir(tree, ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		content, err := fs.ReadFile(tree, path)
		if err != nil {
			return err
		}
		header := &tar.Header{
			Typeflag: tar.TypeReg,
			Name:     path,
			Size:     int64(len(content)),
			Mode:     0o644,
			ModTime:  time.Unix(0, 0),
			Format:   tar.FormatUSTAR,
		}
		if err := archive.WriteHeader(header); err != nil {
			return err
		}
		_, err = archive.Write(content)
		return err
	})
	if err != nil {
		return err
	}
	return archive.Close()
}

// replaceFile has write fill a new file and then puts it in place of file, so
// that nobody ever reads half of it.
func replaceFile(file string, write func(io.Writer) error) error {
	next, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".")
	if err != nil {
		return fmt.Errorf("write %q: %w", file, err)
	}
	defer os.Remove(next.Name()) // finds nothing once it has been renamed
	if err := write(next); err != nil {
		next.Close()
		return fmt.Errorf("write %q: %w", file, err)
	}
	if err := next.Chmod(0o644); err != nil {
		next.Close()
		return fmt.Errorf("write %q: %w", file, err)
	}
	if err := next.Close(); err != nil {
		return fmt.Errorf("write %q: %w", file, err)
	}
	return os.Rename(next.Name(), file)
}
