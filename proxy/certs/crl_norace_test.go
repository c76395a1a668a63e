//go:build !race

package certs_test

// underRace reports whether the race detector watches, under which all is slower.
const underRace = false
