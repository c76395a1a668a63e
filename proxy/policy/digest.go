package policy

import (
	"crypto/sha256"
	"encoding/binary"
	"net/netip"

	"github.com/sidegate/sidegate/proxy/subject"
)

// Digest returns a hash of everything that Decide depends on, the order of the
// rules included: equal policies have equal digests, and policies that differ in
// any field have different ones. It stands for the policy where a verdict is
// remembered, such as in the keys of TLS session tickets.
func (p *Policy) Digest() [32]byte {
	if p == nil {
		p = &Policy{}
	}
	var e encoding
	list(&e, p.Deny, (*encoding).denial)
	list(&e, p.Rules, (*encoding).rule)
	e.flag(p.Report)
	return sha256.Sum256(e)
}

// An encoding is a byte string that can be read in one way only: every text and
// every list begins with its length.
type encoding []byte

func (e *encoding) denial(d Denial) {
	e.text(d.Name)
	list(e, d.Subjects, (*encoding).name)
	e.name(d.Issuer)
	list(e, d.Serials, (*encoding).text)
	list(e, d.CertSHA256, (*encoding).hash)
	list(e, d.SPKISHA256, (*encoding).hash)
}

func (e *encoding) rule(r Rule) {
	e.text(r.Name)
	e.flag(r.Report)
	list(e, r.Subjects, (*encoding).name)
	list(e, r.SubjectHas, (*encoding).attribute)
	e.name(r.Issuer)
	list(e, r.SAN.DNS, (*encoding).text)
	list(e, r.SAN.URI, (*encoding).text)
	list(e, r.SAN.Email, (*encoding).text)
	list(e, r.SAN.IP, (*encoding).ip)
	list(e, r.SPKISHA256, (*encoding).hash)
	list(e, r.CertSHA256, (*encoding).hash)
	list(e, r.Methods, (*encoding).text)
	list(e, r.Paths, (*encoding).text)
}

func list[V any](e *encoding, values []V, add func(*encoding, V)) {
	e.length(len(values))
	for _, v := range values {
		add(e, v)
	}
}

func (e *encoding) length(n int) { *e = binary.BigEndian.AppendUint64(*e, uint64(n)) }

func (e *encoding) text(s string) {
	e.length(len(s))
	*e = append(*e, s...)
}

// name relies on the canonical form: names are equal exactly when it is.
func (e *encoding) name(n subject.Name) { e.text(n.String()) }

func (e *encoding) attribute(a subject.Attribute) {
	e.text(a.Type)
	e.text(a.Value)
	e.flag(a.Binary)
}

func (e *encoding) flag(set bool) {
	if set {
		*e = append(*e, 1)
	} else {
		*e = append(*e, 0)
	}
}

func (e *encoding) hash(h [32]byte) { *e = append(*e, h[:]...) }

// ip tells an IPv4-mapped address from the IPv4 address, and the invalid one,
// which is empty, from both.
func (e *encoding) ip(a netip.Addr) {
	e.text(string(a.AsSlice()))
	e.text(a.Zone())
}
