package certs

import (
	"io/fs"
	"syscall"
)

// identify returns the identity of a file. Its time of modification can be set to
// anything, that of its last change cannot.
func identify(info fs.FileInfo) identity {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return identity{}
	}
	return identity{
		device: uint64(stat.Dev), inode: stat.Ino, size: stat.Size,
		modified: stat.Mtim.Nano(), changed: stat.Ctim.Nano(),
	}
}
