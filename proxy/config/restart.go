package config

import (
	"fmt"
	"slices"
	"strconv"
)

// NeedsRestart says, a sentence each, what a process that runs with old cannot
// take over from next: addresses that are listened on in one of the two and not
// in the other, and the names of listeners. Both must have been validated.
func NeedsRestart(old, next *Config) []string {
	ins, outs := Successors(old, next)
	changes := replaced("ingress", old.Ingress, ins)
	changes = append(changes, replaced("egress", old.Egress, outs)...)
	changes = append(changes, moved("health", old.Health.Listen, next.Health.Listen)...)
	changes = append(changes, moved("admin", old.Admin.Listen, next.Admin.Listen)...)
	changes = append(changes, added("ingress", next.Ingress, ins)...)
	return append(changes, added("egress", next.Egress, outs)...)
}

// NeedsRestart says, a sentence each, what a process that runs with in cannot
// take over from its successor, which may be nil.
func (in *Ingress) NeedsRestart(successor *Ingress) []string {
	return changed("ingress", in, successor)
}

// NeedsRestart says, a sentence each, what a process that runs with out cannot
// take over from its successor, which may be nil.
func (out *Egress) NeedsRestart(successor *Egress) []string {
	return changed("egress", out, successor)
}

func replaced[T any, P kind[T]](key string, old []T, successors []*T) (changes []string) {
	for i := range old {
		changes = append(changes, changed(key, P(&old[i]), P(successors[i]))...)
	}
	return changes
}

// added tells of those in next that take nobody's place.
func added[T any, P kind[T]](key string, next []T, successors []*T) (changes []string) {
	for i := range next {
		if !slices.Contains(successors, &next[i]) {
			name, listen := P(&next[i]).place()
			changes = append(changes, moved(key+" "+strconv.Quote(name), "", listen)...)
		}
	}
	return changes
}

// changed tells of one listener and its successor.
func changed[T any, P kind[T]](key string, was, is P) []string {
	name, listen := was.place()
	what := key + " " + strconv.Quote(name)
	if is == nil {
		return moved(what, listen, "")
	}
	newName, newListen := is.place()
	changes := moved(what, listen, newListen)
	if name != newName {
		changes = append(changes, fmt.Sprintf("%s on %s is called %q", what, listen, newName))
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
