package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// maxSize bounds a document. It is what a Kubernetes ConfigMap can hold.
const maxSize = 1 << 20

// Read returns what is in the file path, for [Parse]. It accepts regular files
// alone and never waits, as one would for the other end of a pipe. Of a file that
// is too large it returns just enough for Parse to refuse it.
func Read(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, unreadable(path, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, unreadable(path, err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("read configuration: %q is %s, not a regular file; write the document into a file and name that", path, fileKind(info.Mode()))
	}
	data, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return nil, unreadable(path, err)
	}
	return data, nil
}

// unreadable says why path cannot be read, and how to mend that.
func unreadable(path string, err error) error {
	cause := err
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		cause = p.Err // without the path, which is quoted here
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("read configuration %q: %w; check the name, and that the volume is mounted", path, cause)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("read configuration %q: %w for user %d%s; give the volume defaultMode: 0444, as it holds no secret", path, cause, os.Geteuid(), owned(path))
	}
	return fmt.Errorf("read configuration %q: %w; look at the volume and the node it is on", path, cause)
}

// owned tells whose file it is, as far as we may look.
func owned(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	text := fmt.Sprintf(", its mode is %04o", info.Mode().Perm())
	if owner, ok := info.Sys().(*syscall.Stat_t); ok {
		text += fmt.Sprintf(", its owner %d, its group %d", owner.Uid, owner.Gid)
	}
	return text
}

// fileKind says what is not a regular file, for a sentence.
func fileKind(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "a directory"
	case m&fs.ModeNamedPipe != 0:
		return "a pipe"
	case m&fs.ModeDevice != 0:
		return "a device"
	}
	return "something else"
}
