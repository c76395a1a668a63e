package minica

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// The links of a mounted volume.
const (
	dataLink    = "..data"     // → the directory in use
	newDataLink = "..data_tmp" // → the directory about to be in use
)

// A Mount is a directory that changes as a mounted Secret does: kubelet writes
// a new directory beside the old one and swaps the ..data link (atomic).
//
//	tls.crt → ..data/tls.crt
//	tls.key → ..data/tls.key
//	..data  → ..2026_11_23_12_00_00.1234567
type Mount struct{ Dir string }

// Write replaces the whole content, as kubelet's AtomicWriter does: names are
// slash-separated paths below Dir, and files are 0644, keys too, which is the
// default mode of a Secret volume. Dir is created if it is missing. Content
// that is there already is left alone, without a swap. Only one Write may run
// at a time; readers may come and go as they like.
func (m Mount) Write(files map[string][]byte) error {
	for name := range files {
		if !filepath.IsLocal(name) || strings.HasPrefix(name, "..") {
			return fmt.Errorf("write mount %q: %q is no name for a file in a volume", m.Dir, name)
		}
	}
	if err := os.MkdirAll(m.Dir, 0o755); err != nil {
		return fmt.Errorf("create mount: %w", err)
	}
	if m.holds(files) {
		return nil
	}
	old, err := os.Readlink(m.path(dataLink))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read what is mounted: %w", err)
	}
	if err := m.swap(files); err != nil {
		return fmt.Errorf("write mount %q: %w", m.Dir, err)
	}
	if err := m.linkNames(files); err != nil {
		return fmt.Errorf("write mount %q: %w", m.Dir, err)
	}
	if old == "" {
		return nil
	}
	return os.RemoveAll(m.path(old))
}

// swap writes a new directory and makes it the one in use. The rename is the
// only step that a reader of ..data can see.
func (m Mount) swap(files map[string][]byte) error {
	dir, err := os.MkdirTemp(m.Dir, time.Now().UTC().Format("..2006_01_02_15_04_05."))
	if err != nil {
		return err
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	for name, content := range files {
		if err := writeFile(filepath.Join(dir, name), content); err != nil {
			return err
		}
	}
	if err := os.Symlink(filepath.Base(dir), m.path(newDataLink)); err != nil {
		return err
	}
	return os.Rename(m.path(newDataLink), m.path(dataLink))
}

// linkNames makes the names that a reader sees: links through ..data for new
// ones, and nothing for those that have gone.
func (m Mount) linkNames(files map[string][]byte) error {
	wanted := visible(files)
	for name := range wanted {
		err := os.Symlink(filepath.Join(dataLink, name), m.path(name))
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	entries, err := os.ReadDir(m.Dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "..") || wanted[e.Name()] {
			continue
		}
		if err := os.Remove(m.path(e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// holds reports whether files are what is mounted now.
func (m Mount) holds(files map[string][]byte) bool {
	have := map[string][]byte{}
	root := os.DirFS(m.path(dataLink))
	err := fs.WalkDir(root, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		content, err := fs.ReadFile(root, name)
		have[filepath.FromSlash(name)] = content
		return err
	})
	return err == nil && maps.EqualFunc(have, files, bytes.Equal)
}

func (m Mount) path(name string) string { return filepath.Join(m.Dir, name) }

// visible returns the first element of every name: a file or directory that a
// reader sees directly below the mount.
func visible(files map[string][]byte) map[string]bool {
	names := map[string]bool{}
	for name := range files {
		first, _, _ := strings.Cut(name, "/")
		names[first] = true
	}
	return names
}

// writeFile sets the mode after writing, because the umask must not matter.
func writeFile(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		return err
	}
	return os.Chmod(path, 0o644)
}
