package certs

import "time"

// An identity tells one state of a file from another without reading it. The zero
// identity is that of a file whose states cannot be told apart.
type identity struct {
	device, inode     uint64
	size              int64
	modified, changed int64 // Unix time in nanoseconds
}

// racy is how long before a reading the last change of a file must lie. A later
// change could bear the same time: file systems count in steps, of up to 2 s.
const racy = 2 * time.Second

// settled reports whether a file read at this time has been as it was for long
// enough that any change since shows in its identity.
func (id identity) settled(read time.Time) bool {
	return id != identity{} && max(id.modified, id.changed) < read.Add(-racy).UnixNano()
}
