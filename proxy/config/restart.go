package config

import "fmt"

// NeedsRestart names each address that is listened on in one of the two Configs
// and not in the other, as a sentence. A process that runs with old takes over
// everything else of new at once. Both must have been validated.
func NeedsRestart(old, new *Config) []string {
	var changes []string
	before, after := old.addresses(), new.addresses()
	for _, l := range old.listeners() {
		switch addr, ok := after[l.what]; {
		case !ok:
			changes = append(changes, fmt.Sprintf("%s no longer listens on %s", l.what, l.addr))
		case addr != l.addr:
			changes = append(changes, fmt.Sprintf("%s listens on %s instead of %s", l.what, addr, l.addr))
		}
	}
	for _, l := range new.listeners() {
		if _, ok := before[l.what]; !ok {
			changes = append(changes, fmt.Sprintf("%s listens on %s, where nothing did", l.what, l.addr))
		}
	}
	return changes
}

// addresses returns the addresses in use by the name of the listener.
func (c *Config) addresses() map[string]string {
	m := map[string]string{}
	for _, l := range c.listeners() {
		m[l.what] = l.addr
	}
	return m
}
