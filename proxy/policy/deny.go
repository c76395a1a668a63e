package policy

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/sidegate/sidegate/proxy/subject"
)

// A Denial refuses the clients that it names, whatever the rules say. It names
// them in one way: by Subject, by Issuer and Serial, by certificate or by key.
// [Policy.Check] holds it to that. Any of the listed values will do; one that says
// nothing (the zero Name, an empty text, an all-zero hash) names nobody.
type Denial struct {
	Name string // for the log

	Subjects   []subject.Name // the client's full Subject is one of these
	Issuer     subject.Name   // with Serials: the client's Issuer
	Serials    []string       // as [Client.Serial]
	CertSHA256 [][32]byte     // the client's certificate is one of these
	SPKISHA256 [][32]byte     // the client's public key is one of these
}

// naming says in which way d names c. It is empty if d does not.
func (d *Denial) naming(c *Client) string {
	switch {
	case !c.Subject.IsZero() && slices.Contains(d.Subjects, c.Subject):
		return "its Subject " + quote(c.Subject.String())
	case !d.Issuer.IsZero() && d.Issuer == c.Issuer && c.Serial != "" && slices.Contains(d.Serials, c.Serial):
		return fmt.Sprintf("its issuer %s and serial number %s", quote(c.Issuer.String()), quote(c.Serial))
	case listed(d.CertSHA256, c.Fingerprint), slices.ContainsFunc(c.Twins, func(twin [32]byte) bool { return listed(d.CertSHA256, twin) }):
		return fmt.Sprintf("its certificate, SHA-256 %x", c.Fingerprint)
	case listed(d.SPKISHA256, c.SPKI):
		return fmt.Sprintf("its public key, SHA-256 %x", c.SPKI)
	}
	return ""
}

// denial returns the first Denial of p that names c, and a sentence of it for the log.
func (p *Policy) denial(c *Client) (*Denial, string) {
	for i := range p.Deny {
		d := &p.Deny[i]
		if how := d.naming(c); how != "" {
			return d, fmt.Sprintf("deny entry %s names this client by %s", quote(d.Name), how)
		}
	}
	return nil, ""
}

// Check reports the Denials of p that would not do what they are there for: that
// name nobody, or in more than one way, or hold a value that no client has. Whoever
// takes a Policy from outside has to call it, because a Denial that is passed over
// lets somebody in. A nil Policy is in order.
func (p *Policy) Check() error {
	if p == nil {
		return nil
	}
	var errs []error
	for i := range p.Deny {
		if err := p.Deny[i].check(); err != nil {
			errs = append(errs, fmt.Errorf("deny entry %s %w", quote(p.Deny[i].Name), err))
		}
	}
	return errors.Join(errs...)
}

func (d *Denial) check() error {
	ways := 0
	for _, n := range []int{len(d.Subjects), len(d.Serials), len(d.CertSHA256), len(d.SPKISHA256)} {
		ways += min(n, 1)
	}
	var none [32]byte
	switch {
	case ways == 0:
		return errors.New("names nobody")
	case ways > 1:
		return errors.New("names its clients in more than one way")
	case d.Issuer.IsZero() != (len(d.Serials) == 0):
		return errors.New("has an issuer without a serial number, or a serial number without its issuer")
	case slices.ContainsFunc(d.Subjects, subject.Name.IsZero), slices.Contains(d.CertSHA256, none), slices.Contains(d.SPKISHA256, none):
		return errors.New("has an empty value")
	}
	for _, s := range d.Serials {
		if !isSerial(s) {
			return fmt.Errorf("has the serial number %s, which is not in the form of a Client's", quote(s))
		}
	}
	return nil
}

// isSerial reports whether s is in the form of [Client.Serial].
func isSerial(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && hex.EncodeToString(b) == s && len(b) > 0 && (len(b) == 1 || b[0] != 0)
}
