//go:build unix && !linux

package http1

// peerClosed: without a word for it, there remain POLLHUP and POLLERR.
const peerClosed = 0
