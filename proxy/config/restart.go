package config

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Successors returns for each Ingress of old the one of next that takes its
// place in a process that goes on listening as old says, or nil if there is
// none; the process must then let nobody in there. Both must have been
// validated.
//
// An address is what clients reach, so it is looked at first: the successor is
// the Ingress at the same address. What is left goes by its name, if that is
// not a guess: a name such as "ingress-2" says only where in the list an Ingress
// without a name stands, which is enough if each list has but one.
func Successors(old, next *Config) []*Ingress {
	m := matching{old.Ingress, next.Ingress, make([]*Ingress, len(old.Ingress))}
	before, after := sockets(old.Ingress), sockets(next.Ingress)
	m.pair(func(was, is *Ingress) bool {
		at := socketOf(was.Listen)
		return at == socketOf(is.Listen) && before[at] == 1 && after[at] == 1 // port 0 may occur more than once
	})
	alone := len(old.Ingress) == 1 && len(next.Ingress) == 1
	m.pair(func(was, is *Ingress) bool {
		return was.Name == is.Name && (alone || !isDefaultName(is.Name))
	})
	return m.successors
}

// A matching grows by pairs of an old Ingress and a new one, each in one pair
// at most.
type matching struct {
	old, next  []Ingress
	successors []*Ingress
}

// pair adds those that fit and are in no pair yet.
func (m *matching) pair(fit func(was, is *Ingress) bool) {
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

func sockets(ins []Ingress) map[netip.AddrPort]int {
	times := map[netip.AddrPort]int{}
	for i := range ins {
		times[socketOf(ins[i].Listen)]++
	}
	return times
}

// NeedsRestart says, a sentence each, what a process that runs with old cannot
// take over from next: addresses that are listened on in one of the two and not
// in the other, and the names of listeners. Both must have been validated.
func NeedsRestart(old, next *Config) []string {
	var changes []string
	successors := Successors(old, next)
	for i := range old.Ingress {
		changes = append(changes, old.Ingress[i].NeedsRestart(successors[i])...)
	}
	changes = append(changes, moved("health", old.Health.Listen, next.Health.Listen)...)
	changes = append(changes, moved("admin", old.Admin.Listen, next.Admin.Listen)...)
	for i := range next.Ingress {
		if in := &next.Ingress[i]; !slices.Contains(successors, in) {
			changes = append(changes, moved("ingress "+strconv.Quote(in.Name), "", in.Listen)...)
		}
	}
	return changes
}

// NeedsRestart says, a sentence each, what a process that runs with in cannot
// take over from its successor, which may be nil.
func (in *Ingress) NeedsRestart(successor *Ingress) []string {
	what := "ingress " + strconv.Quote(in.Name)
	if successor == nil {
		return moved(what, in.Listen, "")
	}
	changes := moved(what, in.Listen, successor.Listen)
	if in.Name != successor.Name {
		changes = append(changes, fmt.Sprintf("%s on %s is called %q", what, in.Listen, successor.Name))
	}
	return changes
}

// moved tells of a listener that goes from one address to another; "" is none.
func moved(what, from, to string) []string {
	switch {
	case from == "" && to == "", from != "" && to != "" && socketOf(from) == socketOf(to):
		return nil
	case to == "":
		return []string{fmt.Sprintf("%s no longer listens on %s", what, from)}
	case from == "":
		return []string{fmt.Sprintf("%s listens on %s, where nothing did", what, to)}
	}
	return []string{fmt.Sprintf("%s listens on %s instead of %s", what, to, from)}
}

// defaultName is the name of an Ingress without one at index i of the list.
func defaultName(i int) string {
	if i == 0 {
		return "ingress"
	}
	return fmt.Sprintf("ingress-%d", i+1)
}

// isDefaultName reports whether name may come from defaultName. Somebody may
// have written it; then it is as good as none.
func isDefaultName(name string) bool {
	rest, ok := strings.CutPrefix(name, "ingress")
	place, numbered := strings.CutPrefix(rest, "-")
	_, err := strconv.ParseUint(place, 10, 64)
	return ok && (rest == "" || numbered && err == nil)
}
