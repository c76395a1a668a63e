package certs

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// A volume is a directory whose files a kubelet replaces all at once: each is
// a link through ..data, which points to the directory of one generation.
// Opening that directory once and reading every file below it gives files that
// belong together, even when the link is swapped meanwhile.
type volume struct {
	dir  string
	link string   // where ..data pointed at first
	root *os.Root // the generation
	err  error    // why root is nil
}

// close ends the reading and reports whether no volume changed during it. The
// old generation is deleted after a swap, so files may have been missing then.
func (r *reading) close() (steady bool) {
	steady = true
	for _, v := range r.volumes {
		if v.root != nil {
			v.root.Close()
		}
		link, err := os.Readlink(filepath.Join(v.dir, dataLink))
		steady = steady && err == nil && link == v.link
	}
	return steady
}

// A place is a path, seen through its volume if it lies in one.
type place struct {
	path string  // within vol, or as configured
	vol  *volume // nil for plain files
}

// place finds the volume of path. That is not always the parent directory: a
// projected volume may hold its files in directories below the ..data link.
func (r *reading) place(path string) place {
	dir, link := volumeOf(path)
	if link == "" {
		return place{path: path}
	}
	v := r.volumes[dir]
	if v == nil {
		v = &volume{dir: dir, link: link}
		v.root, v.err = os.OpenRoot(filepath.Join(dir, dataLink))
		r.volumes[dir] = v
	}
	inside, err := filepath.Rel(dir, filepath.Clean(path))
	if err != nil {
		return place{path: path}
	}
	// Someone may have configured the path with the link in it.
	inside = strings.TrimPrefix(strings.TrimPrefix(inside, dataLink), "/")
	if inside == "" {
		inside = "."
	}
	return place{path: inside, vol: v}
}

// volumeOf returns the nearest directory at or above path of whose volume path
// is a part, and where its ..data link points; link is empty if there is none.
func volumeOf(path string) (dir, link string) {
	dir = filepath.Clean(path)
	for below := ""; ; {
		if link, err := os.Readlink(filepath.Join(dir, dataLink)); err == nil && through(dir, below) {
			return dir, link
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", ""
		}
		dir, below = parent, filepath.Base(dir)
	}
}

// through reports whether name in dir, which has a ..data link, is of that
// volume: a link through ..data, or ..data itself. Another volume may well be
// mounted on a directory below a ConfigMap, and is none of its files. A name
// that is not there yet would become one of them.
func through(dir, name string) bool {
	if name == "" || name == dataLink {
		return true
	}
	to, err := os.Readlink(filepath.Join(dir, name))
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	return strings.HasPrefix(filepath.Clean(to), dataLink+string(filepath.Separator))
}

func (p place) stat() (fs.FileInfo, error) {
	if p.vol == nil {
		return os.Stat(p.path)
	}
	if p.vol.err != nil {
		return nil, p.vol.err
	}
	return p.vol.root.Stat(p.path)
}

// list returns the names in a directory, sorted.
func (p place) list() ([]string, error) {
	var entries []fs.DirEntry
	var err error
	switch {
	case p.vol == nil:
		entries, err = os.ReadDir(p.path)
	case p.vol.err != nil:
		return nil, p.vol.err
	default:
		entries, err = fs.ReadDir(p.vol.root.FS(), p.path)
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, err
}

// read returns the content of a regular file of at most limit bytes.
func (p place) read(limit int64) ([]byte, error) {
	f, _, err := p.regular()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		return nil, errTooLarge
	}
	return data, err
}

// regular opens a regular file.
func (p place) regular() (*os.File, fs.FileInfo, error) {
	f, err := p.open()
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errNotAFile
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

// open does not wait for the other end of a pipe: O_NONBLOCK.
func (p place) open() (*os.File, error) {
	const flags = os.O_RDONLY | syscall.O_NONBLOCK
	if p.vol == nil {
		return os.OpenFile(p.path, flags, 0)
	}
	if p.vol.err != nil {
		return nil, p.vol.err
	}
	return p.vol.root.OpenFile(p.path, flags, 0)
}
