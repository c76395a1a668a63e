package http1

import "golang.org/x/sys/unix"

// peerClosed is the end of what the peer sends. Only Linux tells it apart from
// bytes that come before it.
const peerClosed = unix.POLLRDHUP
