package certs

import (
	"crypto/sha256"
	"crypto/x509"
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
	now    time.Time
	before *Bundle // the one in use, to tell whose key a stray key is; may be nil
	out    *Bundle
}

// parse returns the Bundle of m, or the join of every [*Fault].
func parse(m material, usage Usage, now time.Time, before *Bundle) (*Bundle, error) {
	p := &parser{material: m, usage: usage, now: now, before: before}
	// The faults of the reading are shared with m, which may be parsed again.
	p.faults = slices.Clone(m.faults)
	p.out = &Bundle{Generation: 1, Loaded: now, usage: usage}
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
	if len(p.faults) > 0 {
		return nil, join(p.faults)
	}
	p.out.roots, p.out.remembered, p.out.proven = poolOf(p.out.Anchors), &memory{}, &proven{}
	p.out.checks = checksFor(p.out.Anchors)
	p.out.Trust = trust(p.out.Anchors, usage)
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
func trust(anchors []*x509.Certificate, usage Usage) [sha256.Size]byte {
	sums := make([][sha256.Size]byte, len(anchors))
	for i, c := range anchors {
		sums[i] = sha256.Sum256(c.Raw)
	}
	slices.SortFunc(sums, func(a, b [sha256.Size]byte) int { return slices.Compare(a[:], b[:]) })
	all := []byte{byte(usage)}
	for _, sum := range sums {
		all = append(all, sum[:]...)
	}
	return sha256.Sum256(all)
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
