package check

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/policy"
)

// listFixes are what to do about lists that cannot be used, or are odd.
var listFixes = map[string]string{
	certs.CodeCRLMalformed:         "get the list again from its CA, whole; openssl crl -text shows what it holds",
	certs.CodeCRLDelta:             "use the complete list of the CA; its certificates say in cRLDistributionPoints where that is",
	certs.CodeCRLIndirect:          "use a list that the CA issues itself, of its own certificates alone",
	certs.CodeCRLScoped:            "ask the CA for one list of all its certificates, without issuingDistributionPoint",
	certs.CodeCRLCriticalExtension: "ask the CA for a list without it",
	certs.CodeCRLWeakSignature:     "ask the CA for a list that is signed with SHA-256",
	certs.CodeCRLNoNextUpdate:      "ask the CA for a list with nextUpdate, as RFC 5280 §5.1.2.5 wants it",
	certs.CodeCRLIssuer:            fixSigner,
	certs.CodeCRLSignature:         fixSigner,
	certs.CodeCRLUnknownIssuer:     "if that CA is an intermediate that clients bring along, name its certificate as well, so that the list can be checked; else take the list of a CA in clientCA",
	certs.CodeCRLNotYetValid:       "wait; if that time is past, look at the clock of this machine",
	certs.CodeCRLStale:             "get the present list from its CA, and see that it is fetched well before each nextUpdate",
	certs.CodeCRLSuperseded:        "take the older list away",
	certs.CodeAnchorRevoked:        "take that CA out of clientCA",
}

const fixSigner = "get the list again, from the CA that is trusted here; if the CA has a new key, put its new certificate beside the old one"

// signer returns the certificate of pool whose key signed c. The error says why
// none did, though some have the name of the list's issuer; without such a one
// there is neither.
func signer(c *certs.CRL, pool []placed) (by placed, err error) {
	for _, p := range pool {
		if !bytes.Equal(p.cert.RawSubject, c.RawIssuer) || oversized(p.cert) {
			continue
		}
		wrong := c.CheckSignatureFrom(p.cert)
		if wrong == nil {
			return p, nil
		}
		if err == nil {
			err = wrong
		}
	}
	return placed{}, err
}

// listFiles returns the files with revocation lists among those that were named.
func (r *Report) listFiles() (names []string) {
	for _, f := range r.withLists {
		if !f.manifest {
			names = append(names, f.name)
		}
	}
	return names
}

// loose judges the lists among the files that were named. Whoever is trusted has
// been asked about those that he reads: asked.
func (r *Report) loose(asked bool) {
	for _, f := range r.withLists {
		for _, c := range f.lists {
			by, err := signer(c, r.known)
			r.show(c, by)
			if asked && !f.manifest {
				continue
			}
			r.listDates(c)
			switch {
			case err != nil:
				r.add(unfit(c.File, err))
			case by.cert == nil:
				r.add(Finding{Word: certs.CodeCRLUnknownIssuer, Severity: Note, File: c.File, Subject: c.Issuer,
					Problem: "no certificate of its issuer is at hand, so nobody looked whose signature it has", Fix: "name the certificate of the CA as well, or --client-ca with what is trusted"})
			}
		}
	}
}

// listDates says what the dates of a list mean for whoever has it in crl.
func (r *Report) listDates(c *certs.CRL) {
	f := Finding{Severity: Error, File: c.File, Subject: c.Issuer}
	switch {
	case r.Now.Before(c.ThisUpdate):
		f.Word, f.Problem = certs.CodeCRLNotYetValid, "the revocation list is not valid before "+c.ThisUpdate.Format(time.RFC3339)
	case r.Now.After(c.NextUpdate):
		f.Word = certs.CodeCRLStale
		f.Problem = fmt.Sprintf("the revocation list was good until %s, %s ago: a sidecar refuses the clients of its CA, unless crlGrace lets them in for a while", c.NextUpdate.Format(time.RFC3339), span(r.Now.Sub(c.NextUpdate)))
	default:
		r.listEnds("", c)
		return
	}
	f.Fix = listFixes[f.Word]
	r.add(f)
}

// listEnds warns of a list that is good now and will not be for long: for a tenth
// of its life, or the time that was asked for if that is less. There are lists for
// an hour and lists for a year, and a good one is always about to be replaced.
func (r *Report) listEnds(listener string, c *certs.CRL) {
	ahead := c.NextUpdate.Sub(c.ThisUpdate) / 10
	if r.within > 0 {
		ahead = min(ahead, r.within)
	}
	if left := c.NextUpdate.Sub(r.Now); left > 0 && left < ahead {
		r.add(Finding{Word: wordExpiresSoon, Severity: Warning, Listener: listener, File: c.File, Subject: c.Issuer,
			Problem: fmt.Sprintf("the revocation list ends on %s, in %s, and the next one is not there yet", c.NextUpdate.Format(time.RFC3339), span(left)),
			Fix:     "fetch the next one; see that whatever does so runs well before each nextUpdate"})
	}
}

// heard is what one listener makes of its lists.
type heard struct {
	listener string
	bundle   *certs.Bundle
	options  certs.Options
}

// lists judges the lists of a listener for as far as [certs.Open] did not: what it
// takes can still be of no use.
func (r *Report) lists(h heard) {
	anchors := r.placedIn(h.bundle.Anchors)
	for _, c := range h.bundle.CRLs {
		by, _ := signer(c, anchors)
		r.show(c, by)
		r.listEnds(h.listener, c)
		if by.cert == nil {
			r.later = append(r.later, func() { r.foreign(h, c) })
		}
	}
	r.uncovered(h)
}

// foreign judges a list that is of no anchor. It may be of an intermediate that
// clients bring along, if one such is at hand.
func (r *Report) foreign(h heard, c *certs.CRL) {
	below := slices.DeleteFunc(slices.Clone(r.known), func(p placed) bool {
		return !bytes.Equal(p.cert.RawSubject, c.RawIssuer) || !r.leads(p.cert, h.bundle.Anchors)
	})
	by, err := signer(c, below)
	r.show(c, by)
	switch {
	case by.cert != nil:
	case err != nil:
		f := unfit(c.File, err)
		f.Listener = h.listener
		r.add(f)
	default:
		r.add(Finding{Word: certs.CodeCRLUnknownIssuer, Severity: Warning, Listener: h.listener, File: c.File, Subject: c.Issuer,
			Problem: fmt.Sprintf("the revocation list is of \"%s\", which is none of the CAs in clientCA: it counts for nobody but the clients that bring an intermediate of that name along", c.Issuer),
			Fix:     listFixes[certs.CodeCRLUnknownIssuer]})
	}
}

// leads reports whether a way leads from c to the anchors, for any usage.
func (r *Report) leads(c *x509.Certificate, anchors []*x509.Certificate) bool {
	if !c.IsCA || oversized(c) {
		return false
	}
	_, err := verify(c, anchors, certificatesOf(r.known), x509.ExtKeyUsageAny, r.Now)
	return err == nil
}

// uncovered says which CAs have no list. One whose list has expired has one.
func (r *Report) uncovered(h heard) {
	var without []placed
	for _, p := range r.placedIn(h.bundle.Anchors) {
		signed := func(c *certs.CRL) bool { return c.CheckSignatureFrom(p.cert) == nil }
		if !r.Now.After(p.cert.NotAfter) && !slices.ContainsFunc(h.bundle.CRLs, signed) {
			without = append(without, p)
		}
	}
	u := &unit{listener: h.listener}
	for _, p := range without {
		severity, problem := Note, "no revocation list is of this CA: its clients pass unchecked (crlPolicy: whenAvailable)"
		fix := "put the list of the CA into crl"
		if h.options.CRLPolicy == certs.CRLStrict {
			severity, problem = Warning, "no revocation list is of this CA, so nobody below it is let in (crlPolicy: strict)"
			fix += ", or set crlPolicy: whenAvailable"
			if len(without) == len(h.bundle.Anchors) {
				severity = Error
			}
		}
		r.add(u.finding(certs.ReasonCRLMissing, severity, p, problem, fix))
	}
}

// placedIn finds the places of certificates, among all that was read.
func (r *Report) placedIn(list []*x509.Certificate) (all []placed) {
	elsewhere := &file{name: "clientCA"}
	for _, c := range list {
		i := slices.IndexFunc(r.known, func(p placed) bool { return p.cert.Equal(c) })
		if i >= 0 {
			all = append(all, r.known[i])
			continue
		}
		all = append(all, placed{c, elsewhere, 0})
	}
	return all
}

// listSeverity says how much an oddity about lists matters, and reports false if
// there are findings of this package's own about it.
func (r *Report) listSeverity(o certs.Oddity, h heard) (s Severity, ok bool) {
	switch o.Code {
	case certs.CodeCRLUnknownIssuer:
		return "", false
	case certs.CodeCRLSuperseded:
		return Note, true
	case certs.CodeAnchorRevoked:
		return Error, true
	case certs.CodeCRLStale:
		over := func(c *certs.CRL) bool { return c.File == o.File && r.Now.After(h.ends(c)) }
		if slices.ContainsFunc(h.bundle.CRLs, over) {
			return Error, true
		}
	}
	return Warning, true
}

// ends returns when a list ceases to count.
func (h *heard) ends(c *certs.CRL) time.Time {
	if h.options.CRLPolicy == certs.CRLStrict {
		return c.NextUpdate
	}
	return c.NextUpdate.Add(h.options.CRLGrace)
}

// A Revoked is the entry of a list that keeps a client out.
type Revoked struct {
	Subject string    `json:"subject"` // of the certificate that is revoked: the client's, or of a CA above it
	Serial  string    `json:"serial"`  // its, in hex
	Date    time.Time `json:"date"`
	Reason  string    `json:"reason,omitempty"` // of RFC 5280 §5.3.1
	File    string    `json:"file"`             // of the list
	Issuer  string    `json:"issuer"`           // of the list
	Number  string    `json:"number,omitempty"` // of the list, decimal
}

// revoked finds the entry because of which the bundle refuses the client: its own,
// or that of a CA.
func revoked(b *certs.Bundle, presented []*x509.Certificate, own bool) *Revoked {
	cas := slices.Concat(presented[1:], b.Anchors)
	wanted := presented[:1]
	if !own {
		wanted = cas
	}
	for _, cert := range wanted {
		for _, c := range b.CRLs {
			entry, found := c.Find(cert.SerialNumber)
			signed := func(ca *x509.Certificate) bool { return !oversized(ca) && c.CheckSignatureFrom(ca) == nil }
			if !found || !bytes.Equal(c.RawIssuer, cert.RawIssuer) || !slices.ContainsFunc(cas, signed) {
				continue
			}
			v := &Revoked{Subject: nameOf(cert), Serial: policy.SerialOf(cert), Date: entry.Date, Reason: entry.Reason, File: plain(c.File), Issuer: plain(c.Issuer)}
			if c.Number != nil {
				v.Number = c.Number.String()
			}
			return v
		}
	}
	return nil
}

// refusal returns the reason in an error of [certs.Bundle.Verify].
func refusal(err error) string {
	if of, ok := errors.AsType[*certs.Refusal](err); ok {
		return of.Reason
	}
	return ""
}

// String names the entry.
func (v *Revoked) String() string {
	text := v.Date.Format(time.RFC3339)
	if v.Reason != "" {
		text += " (" + v.Reason + ")"
	}
	list := "list"
	if v.Number != "" {
		list += " number " + v.Number
	}
	return fmt.Sprintf("%s in %s of %s, %s", text, list, v.Issuer, v.File)
}
