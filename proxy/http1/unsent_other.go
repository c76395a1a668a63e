//go:build !linux

package http1

import "net"

// Unsent returns -1: how many bytes written to c the peer has not acknowledged is
// not known here.
func Unsent(net.Conn) int { return -1 }
