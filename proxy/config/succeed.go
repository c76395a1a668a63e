package config

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Successors returns for each Ingress and each Egress of old the one of next that
// takes its place in a process that goes on listening as old says, or nil if there
// is none; the process must then let nobody through there. Both must have been
// validated.
//
// An address is what clients reach, so it is looked at first: the successor is
// the one at the same address. What is left goes by its name, if that is not a
// guess: a name such as "ingress-2" says only where in the list an entry without
// a name stands, which is enough if each list has but one. An Ingress never takes
// the place of an Egress, nor the other way round.
func Successors(old, next *Config) ([]*Ingress, []*Egress) {
	return successors("ingress", old.Ingress, next.Ingress), successors("egress", old.Egress, next.Egress)
}

// A kind is a list of listeners in the document.
type kind[T any] interface {
	*T
	place() (name, listen string)
}

func (in *Ingress) place() (name, listen string) { return in.Name, in.Listen }

func (out *Egress) place() (name, listen string) { return out.Name, out.Listen }

// successors does what [Successors] says for the lists under one key.
func successors[T any, P kind[T]](key string, old, next []T) []*T {
	m := matching[T, P]{old, next, make([]*T, len(old))}
	before, after := socketsOf[T, P](old), socketsOf[T, P](next)
	m.pair(func(was, is P) bool {
		_, from := was.place()
		_, to := is.place()
		at := socketOf(from)
		return at == socketOf(to) && before[at] == 1 && after[at] == 1 // port 0 may occur more than once
	})
	alone := len(old) == 1 && len(next) == 1
	m.pair(func(was, is P) bool {
		from, _ := was.place()
		to, _ := is.place()
		return from == to && (alone || !isDefaultName(key, to))
	})
	return m.successors
}

// A matching grows by pairs of an old listener and a new one, each in one pair
// at most.
type matching[T any, P kind[T]] struct {
	old, next  []T
	successors []*T
}

// pair adds those that fit and are in no pair yet.
func (m *matching[T, P]) pair(fit func(was, is P) bool) {
	for i := range m.old {
		for j := range m.next {
			is := &m.next[j]
			if m.successors[i] == nil && !slices.Contains(m.successors, is) && fit(&m.old[i], is) {
				m.successors[i] = is
			}
		}
	}
}

// socketOf returns the socket that an address means to a listener, so that :8443
// and 0.0.0.0:8443 are the same. It wants a valid address.
func socketOf(listen string) netip.AddrPort {
	host, port, _ := net.SplitHostPort(listen)
	n, _ := strconv.ParseUint(port, 10, 16)
	ip := listenIP(host)
	if ip.IsUnspecified() {
		ip = netip.IPv6Unspecified()
	}
	return netip.AddrPortFrom(ip, uint16(n))
}

func socketsOf[T any, P kind[T]](ls []T) map[netip.AddrPort]int {
	times := map[netip.AddrPort]int{}
	for i := range ls {
		_, listen := P(&ls[i]).place()
		times[socketOf(listen)]++
	}
	return times
}

// defaultName is the name of a listener without one at index i of the list
// under key.
func defaultName(key string, i int) string {
	if i == 0 {
		return key
	}
	return fmt.Sprintf("%s-%d", key, i+1)
}

// isDefaultName reports whether name may come from defaultName. Somebody may
// have written it; then it is as good as none.
func isDefaultName(key, name string) bool {
	rest, ok := strings.CutPrefix(name, key)
	place, numbered := strings.CutPrefix(rest, "-")
	_, err := strconv.ParseUint(place, 10, 64)
	return ok && (rest == "" || numbered && err == nil)
}
