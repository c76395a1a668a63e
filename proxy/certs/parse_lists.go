package certs

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"slices"
)

// A checkedList is a list of which it is known whether an anchor signed it.
type checkedList struct {
	*CRL
	signer *x509.Certificate // nil: no anchor has its name
}

// revocations understands the revocation lists, after the anchors. What cannot be used
// is a Fault: to go on without a list would let in whom it revokes. That a list has
// expired is none, so that a renewed certificate need not wait for it.
func (p *parser) revocations() {
	before := len(p.faults)
	var all []checkedList
	for _, l := range p.crls {
		if l.odd != "" {
			p.warn(l.code, l.file, "%s", l.odd)
		}
		if l.fault != nil {
			p.fault(l.fault)
		}
		for _, c := range l.lists {
			if !slices.ContainsFunc(all, func(other checkedList) bool { return other.Sum == c.Sum }) && p.usable(c) {
				by, err := c.signer(p.out.Anchors)
				if err != nil {
					p.fault(listFault(c.File, err))
				}
				all = append(all, checkedList{c, by})
			}
		}
	}
	if len(p.faults) > before {
		return
	}
	if len(p.crls) == 0 {
		p.forget(p.replaced())
		return
	}
	all = p.newest(all)
	for _, c := range all {
		p.out.CRLs = append(p.out.CRLs, c.CRL)
		p.listWarnings(c)
	}
	p.compare(all)
	p.out.revocation = revocationOf(p.out.CRLs, p.terms)
	p.anchorsRevoked(all)
}

// usable reports whether the time of c has come.
func (p *parser) usable(c *CRL) bool {
	if !p.now.Before(c.ThisUpdate) {
		return true
	}
	p.fault(&Fault{Code: CodeCRLNotYetValid, File: c.File, Field: FieldCRL,
		Problem: c.named() + " is not valid before " + shownTime(c.ThisUpdate),
		Fix:     "nothing if that is soon: it is taken into use then; else look at the clock of the node"})
	return false
}

// newest leaves out the lists of which there is a newer one by the same key. Whether
// two lists that no anchor signed are by one key shows only when a peer brings the CA.
func (p *parser) newest(all []checkedList) []checkedList {
	return slices.DeleteFunc(slices.Clone(all), func(c checkedList) bool {
		at := slices.IndexFunc(all, func(other checkedList) bool {
			return c.signer != nil && c.sameCA(other) && older(c.CRL, other.CRL)
		})
		if at < 0 {
			return false
		}
		p.warn(CodeCRLSuperseded, c.File, "%s of %s is not used: there is a newer one of %s in %s",
			c.named(), shownTime(c.ThisUpdate), shownTime(all[at].ThisUpdate), all[at].File)
		return true
	})
}

// sameCA reports whether c and other are lists of one CA and key.
func (c checkedList) sameCA(other checkedList) bool {
	if c.signer == nil {
		return other.signer == nil && bytes.Equal(c.RawIssuer, other.RawIssuer) && bytes.Equal(c.KeyID, other.KeyID)
	}
	return other.signer != nil && bytes.Equal(c.RawIssuer, other.RawIssuer) && samePublicKey(c.signer.PublicKey, other.signer.PublicKey)
}

// succeeds reports whether c is of the same CA and key as a list of before. Names and
// key identifiers decide only where no key is known: anybody can write them into a list.
func (c checkedList) succeeds(old *CRL) bool {
	if by := cmp.Or(c.signer, old.prover()); by != nil {
		return old.signedBy(by) && c.signedBy(by)
	}
	return bytes.Equal(c.RawIssuer, old.RawIssuer) && bytes.Equal(c.KeyID, old.KeyID)
}

// listWarnings warns of a list that says less than one might think.
func (p *parser) listWarnings(c checkedList) {
	peer := p.usage.words().peer
	if c.signer == nil {
		p.warn(CodeCRLUnknownIssuer, c.File, "%s is of no CA that is trusted here: it counts, once its signature is checked, for a %s that sends the certificate of this CA along", c.named(), peer)
	}
	if !p.now.After(c.NextUpdate) {
		return
	}
	end := p.terms.end(c.CRL)
	if p.now.After(end) {
		p.warn(CodeCRLStale, c.File, "%s expired on %s: every %s of that CA is refused until there is a newer one (crlPolicy: %s, crlGrace: %s)",
			c.named(), shownTime(c.NextUpdate), peer, p.terms.policy, p.terms.grace)
		return
	}
	p.warn(CodeCRLStale, c.File, "%s expired on %s and counts until %s (crlGrace: %s): whom the CA has revoked since is let in",
		c.named(), shownTime(c.NextUpdate), shownTime(end), p.terms.grace)
}

// compare holds the lists against those that they replace: of no CA may they go back,
// as an old list admits whom a newer one revokes. What nobody has proved to be a list
// of its CA holds up none: else a forged one with a high number would, for good.
func (p *parser) compare(all []checkedList) {
	for _, old := range p.replaced() {
		var heir *CRL
		for _, c := range all {
			if c.succeeds(old) && (heir == nil || older(heir, c.CRL)) {
				heir = c.CRL
			}
		}
		switch {
		case heir == nil:
			p.gone(old)
			p.forget([]*CRL{old})
		case older(heir, old) && old.prover() != nil:
			p.fault(&Fault{Code: CodeCRLRollback, File: heir.File, Field: FieldCRL,
				Problem: heir.named() + " of " + shownTime(heir.ThisUpdate) + " is older than the one in use before it, which is " + old.named() + " of " + shownTime(old.ThisUpdate),
				Fix:     "get the CA's present list; if the CA has begun to count anew, restart this process, which forgets the number"})
		}
	}
}

// maxPast bounds how many lists that were taken away are remembered.
const maxPast = 64

// replaced returns the lists that were in use, and those that were before them and
// have no successor yet: an old one does not come in by way of none.
func (p *parser) replaced() []*CRL {
	if p.lists == nil {
		return nil
	}
	return slices.Concat(p.lists.CRLs, p.lists.past)
}

// forget keeps of lists that are not in use any more what it takes to know an older
// one, and not whom they revoke.
func (p *parser) forget(lists []*CRL) {
	for _, c := range lists {
		if c.prover() != nil && len(p.out.past) < maxPast {
			mark := *c
			mark.revoked = nil
			p.out.past = append(p.out.past, &mark)
		}
	}
}

// gone warns that a CA whose list was in use has none any more, unless it is not
// trusted any more either.
func (p *parser) gone(old *CRL) {
	if old.revoked == nil {
		return // told when it went
	}
	named := func(a *x509.Certificate) bool { return bytes.Equal(a.RawSubject, old.RawIssuer) }
	trusted := slices.ContainsFunc(p.out.Anchors, named)
	if p.terms.policy == CRLStrict || !trusted && slices.ContainsFunc(p.lists.Anchors, named) {
		return
	}
	p.warn(CodeCRLGone, old.File, "%s was in use, and now there is none: every %s of that CA passes unchecked (crlPolicy: %s)",
		old.named(), p.usage.words().peer, p.terms.policy)
}

// anchorsRevoked finds the anchors that the list of an anchor names, be it their own.
func (p *parser) anchorsRevoked(all []checkedList) {
	for _, item := range p.out.Items {
		for _, c := range all {
			if item.Role != roleCA || c.signer == nil || !bytes.Equal(c.RawIssuer, item.Cert.RawIssuer) {
				continue
			}
			entry, found := c.Find(item.Cert.SerialNumber)
			if !found {
				continue
			}
			f := &finding{reason: ReasonIssuerRevoked, cert: item.Cert, list: c.CRL, entry: entry}
			p.out.revocation.anchors = append(p.out.revocation.anchors, f)
			p.warn(CodeAnchorRevoked, item.File, "the CA %s, serial %s, %s: no %s below it passes",
				shownSubject(item.Cert), shownSerial(item.Cert), f.withdrawn(), p.usage.words().peer)
		}
	}
}
