package policy

import (
	"slices"

	"github.com/sidegate/sidegate/proxy/subject"
)

// A Dead rule is one that never says anything, whoever comes. Either Denials or
// Rule is set.
type Dead struct {
	Name    string   // of the rule
	Denials []string // the deny entries that name all the clients it could admit
	Rule    string   // the rule before it that fits each of its clients, with every request
}

// deadRules bounds the rules that are compared with each other.
const deadRules = 1000

// Dead returns the rules of p that are certain to be dead, of the first thousand. It
// compares what is written: that two conditions can never be met by one
// certificate is not seen.
func (p *Policy) Dead() []Dead {
	if p == nil {
		return nil
	}
	denies := newDenies(p.Deny)
	var dead []Dead
	for i := range p.Rules[:min(len(p.Rules), deadRules)] {
		r := &p.Rules[i]
		if by := denies.all(r); len(by) > 0 {
			dead = append(dead, Dead{Name: r.Name, Denials: by})
		} else if first := p.before(i); first != nil {
			dead = append(dead, Dead{Name: r.Name, Rule: first.Name})
		}
	}
	return dead
}

// before returns the first rule before the i-th that leaves nothing for it, or nil.
func (p *Policy) before(i int) *Rule {
	r := &p.Rules[i]
	for j := range i {
		if first := &p.Rules[j]; first.Report == r.Report && !first.bindsRequest() && first.covers(r) {
			return first
		}
	}
	return nil
}

// denies tell which Denial names a value, by the way in which it does.
type denies struct {
	subjects    map[subject.Name]string
	certs, keys map[[32]byte]string
}

func newDenies(all []Denial) denies {
	d := denies{map[subject.Name]string{}, map[[32]byte]string{}, map[[32]byte]string{}}
	for i := range all {
		note(d.subjects, all[i].Subjects, all[i].Name)
		note(d.certs, all[i].CertSHA256, all[i].Name)
		note(d.keys, all[i].SPKISHA256, all[i].Name)
	}
	return d
}

func note[V comparable](names map[V]string, values []V, name string) {
	for _, v := range values {
		if _, ok := names[v]; !ok {
			names[v] = name
		}
	}
}

// all returns the Denials that together name every client that r could admit,
// because they have all that it lists in one of its conditions. Each is there once.
func (d denies) all(r *Rule) []string {
	for _, by := range [][]string{naming(d.subjects, r.Subjects), naming(d.certs, r.CertSHA256), naming(d.keys, r.SPKISHA256)} {
		if len(by) > 0 {
			return by
		}
	}
	return nil
}

// naming returns the names for all of values; nothing if one has none.
func naming[V comparable](names map[V]string, values []V) (by []string) {
	for _, v := range values {
		name, ok := names[v]
		if !ok {
			return nil
		}
		if !slices.Contains(by, name) {
			by = append(by, name)
		}
	}
	return by
}

// covers reports whether every client that o admits is one that r admits, as far as
// that can be seen from the values.
func (r *Rule) covers(o *Rule) bool {
	return wider(r.Subjects, o.Subjects) && wider(r.SPKISHA256, o.SPKISHA256) && wider(r.CertSHA256, o.CertSHA256) &&
		wider(r.SAN.DNS, o.SAN.DNS) && wider(r.SAN.URI, o.SAN.URI) && wider(r.SAN.Email, o.SAN.Email) && wider(r.SAN.IP, o.SAN.IP) &&
		(r.Issuer.IsZero() || r.Issuer == o.Issuer) &&
		within(r.SubjectHas, o.SubjectHas) // of which all must be met: fewer ask for less
}

// wider reports whether a condition of which any value will do is met whenever
// the other is.
func wider[V comparable](a, b []V) bool { return len(a) == 0 || len(b) > 0 && within(b, a) }

// within reports whether all of part are in whole.
func within[V comparable](part, whole []V) bool {
	return !slices.ContainsFunc(part, func(v V) bool { return !slices.Contains(whole, v) })
}
