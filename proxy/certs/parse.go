package certs

import (
	"cmp"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"
)

// A parser makes a Bundle of a material and collects every Fault on the way,
// so that an operator mends all of them in one go.
type parser struct {
	material
	usage  Usage
	terms  crlTerms
	now    time.Time
	before *Bundle // the one in use, to tell whose key a stray key is; may be nil
	lists  *Bundle // the one whose revocation lists are replaced; may be nil
	out    *Bundle
}

// parse returns the Bundle of m, or the join of every [*Fault].
func parse(m material, o Options, now time.Time, before *Bundle) (*Bundle, error) {
	p := &parser{material: m, usage: o.Usage, terms: termsOf(o), now: now, before: before, lists: cmp.Or(before, o.Before)}
	// The faults of the reading are shared with m, which may be parsed again.
	p.faults = slices.Clone(m.faults)
	p.out = &Bundle{Generation: 1, Loaded: now, usage: o.Usage}
	if before != nil {
		p.out.Generation = before.Generation + 1
	}
	for _, o := range m.oddities {
		p.warn(CodeLeftOut, o.file, "%s", o.text)
	}
	p.anchors()
	read, anchored := len(m.faults), len(p.faults)
	p.pair()
	p.blame(p.faults[read:anchored], FieldCA)
	p.blame(p.faults[anchored:], FieldCertificate)
	p.revocations()
	if len(p.faults) > 0 {
		return nil, join(p.faults)
	}
	p.out.roots, p.out.remembered, p.out.proven = poolOf(p.out.Anchors), &memory{}, &proven{}
	p.out.checks = checksFor(p.out.Anchors)
	p.out.Trust = p.trust()
	return p.out, nil
}

// blame notes which field of Files the faults come from.
func (p *parser) blame(faults []*Fault, field string) {
	for _, f := range faults {
		f.Field = field
		if field == FieldCertificate && p.key != nil && f.File == p.key.file {
			f.Field = p.key.field
		}
	}
}

func join(faults []*Fault) error {
	all := make([]error, len(faults))
	for i, f := range faults {
		all[i] = f
	}
	return errors.Join(all...)
}

// trust hashes what a verdict depends on. The order of the files does not
// matter to it.
func (p *parser) trust() [sha256.Size]byte {
	sums := make([][sha256.Size]byte, len(p.out.Anchors))
	for i, c := range p.out.Anchors {
		sums[i] = sha256.Sum256(c.Raw)
	}
	all := appendSorted([]byte{byte(p.usage)}, sums)
	if p.out.revocation == nil {
		return sha256.Sum256(all)
	}
	sums = sums[:0]
	for _, c := range p.out.CRLs {
		sums = append(sums, c.Sum)
	}
	all = append(all, byte(p.terms.policy))
	all = binary.BigEndian.AppendUint64(all, uint64(p.terms.grace))
	return sha256.Sum256(appendSorted(all, sums))
}

// appendSorted appends the number of sums and the sums in their order.
func appendSorted(to []byte, sums [][sha256.Size]byte) []byte {
	slices.SortFunc(sums, func(a, b [sha256.Size]byte) int { return slices.Compare(a[:], b[:]) })
	to = binary.BigEndian.AppendUint32(to, uint32(len(sums)))
	for _, sum := range sums {
		to = append(to, sum[:]...)
	}
	return to
}

func (p *parser) fault(f *Fault) { p.faults = append(p.faults, f) }

// maxWarnings bounds what is logged of one Bundle.
const maxWarnings = 50

func (p *parser) warn(code, file, format string, a ...any) {
	switch n := len(p.out.Warnings); {
	case n < maxWarnings:
		o := Oddity{Code: code, File: file, Problem: fmt.Sprintf(format, a...)}
		p.out.Oddities = append(p.out.Oddities, o)
		p.out.Warnings = append(p.out.Warnings, o.File+": "+o.Problem)
	case n == maxWarnings:
		p.out.Warnings = append(p.out.Warnings, "there is more that is odd than these lines tell")
	}
}

func (p *parser) item(file, role string, c *x509.Certificate) {
	p.out.Items = append(p.out.Items, Item{File: file, Role: role, Cert: c})
}

// outOfDate says when c ended, or when it begins, if it is not valid at now;
// code is empty if it is.
func outOfDate(c *x509.Certificate, now time.Time) (code, when string) {
	switch {
	case now.After(c.NotAfter):
		return CodeExpired, "expired on " + shownTime(c.NotAfter)
	case now.Before(c.NotBefore):
		return CodeNotYetValid, "is not valid before " + shownTime(c.NotBefore)
	}
	return "", ""
}
