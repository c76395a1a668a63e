//go:build !linux

package certs

import "io/fs"

// identify returns no identity: here, a file is read to see whether it has changed.
func identify(fs.FileInfo) identity { return identity{} }
