package check

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
)

// Bundle returns the PEM of what the one certificate that was looked at should
// be presented with: the leaf, then its intermediates in order, without its
// root, duplicates and strangers. No key is ever in it. The findings that it
// mends become notes. The error says why there is no such bundle.
func (r *Report) Bundle() ([]byte, error) {
	switch len(r.units) {
	case 0:
		return nil, errors.New("make a bundle: no certificate of a server or client was found; name its file")
	case 1:
	default:
		return nil, fmt.Errorf("make a bundle: %d certificates were found that are no CA's; name one, with --certificate FILE", len(r.units))
	}
	u := r.units[0]
	if top := u.path[len(u.path)-1].cert; len(u.path) == 1 && !selfIssued(top) && r.absentIsWrong(u) {
		return nil, fmt.Errorf("make a bundle of %q: the intermediate %s is not among the files; name its file as well", u.leaf.file.name, issuerNamed(top))
	}
	if r.unlike(u) {
		return nil, fmt.Errorf("make a bundle of %q: the private key is that of another certificate, and no bundle mends that", u.leaf.file.name)
	}
	bundle := u.bundle(r.Now)
	if u.barred {
		return nil, fmt.Errorf("make a bundle of %q: an issuer in the chain may not issue certificates, and no bundle mends that", u.leaf.file.name)
	}
	if u.passes(u.leaf.file.placed(), r.Now) == nil && u.passes(bundle, r.Now) != nil {
		return nil, fmt.Errorf("make a bundle of %q: peers accept it as it is, and would not accept another order", u.leaf.file.name)
	}
	var out bytes.Buffer
	for _, p := range bundle {
		if err := pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: p.cert.Raw}); err != nil {
			return nil, fmt.Errorf("make a bundle of %q: %w", u.leaf.file.name, err)
		}
	}
	for i := range r.Findings {
		if f := &r.Findings[i]; f.bundled {
			f.Severity, f.Fix = Note, "nothing: the new bundle has it right"
		}
	}
	r.count()
	return out.Bytes(), nil
}

// absentIsWrong reports whether it was found that the issuer has to be there.
func (r *Report) absentIsWrong(u *unit) bool {
	for _, f := range r.Findings {
		if f.Word == wordMissingIntermediate && f.Severity != Note && f.File == plain(u.leaf.file.name) {
			return true
		}
	}
	return false
}

// unlike reports whether a key is at hand that is not u's.
func (r *Report) unlike(u *unit) bool { return u.key == nil && len(r.Keys) > 0 }
