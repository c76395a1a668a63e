package check

import (
	"crypto"
	"crypto/x509"
	"fmt"
	"slices"

	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/policy"
)

// The roles that a certificate can have in a Report.
const (
	roleServer       = "server"
	roleClient       = "client"
	roleIntermediate = "intermediate"
	roleRoot         = "root"
	roleCA           = "ca"
	roleOther        = "other"
)

// A unit is a certificate as it is presented to somebody: the leaf, its key, and
// what can be its chain.
type unit struct {
	listener string // of the configuration; may be empty
	role     string // roleServer or roleClient
	leaf     placed
	key      *file    // nil: none is at hand, or it does not fit
	path     []placed // from the leaf upwards, among all that is at hand
	spare    []placed // every certificate at hand
	peers    *trust   // whom it is presented to; nil: nobody said
	barred   bool     // an issuer is at hand that may not be one
	tried    bool     // a client that is put to a listener, which decides what usage it wants
}

func (u *unit) usage() x509.ExtKeyUsage {
	if u.role == roleClient {
		return x509.ExtKeyUsageClientAuth
	}
	return x509.ExtKeyUsageServerAuth
}

// finding starts a Finding about the certificate p.
func (u *unit) finding(word string, s Severity, p placed, problem, fix string) Finding {
	return Finding{Word: word, Severity: s, Listener: u.listener, File: p.file.name, Certificate: p.at + 1, Subject: nameOf(p.cert),
		Problem: problem, Fix: fix, PeersSay: sayings[word]}
}

// unitsOf finds the leaves of a group and the keys that belong to them.
func (r *Report) unitsOf(g *group, listener string) (units []*unit) {
	var all []placed
	var keyed []*file
	for _, f := range g.files {
		all = append(all, f.placed()...)
		if len(f.Keys) > 0 {
			keyed = append(keyed, f)
		}
		if len(f.Keys) > 1 {
			r.add(Finding{Word: certs.CodeSeveralKeys, Severity: Error, Listener: listener, File: f.name, Problem: fmt.Sprintf("holds %d private keys", len(f.Keys)),
				Fix: "leave only the key of the certificate that is to be served"})
		}
	}
	for _, f := range g.files {
		if g.served != nil && f != g.served {
			continue
		}
		if leaf, ok := leafOf(f, keyed, f == g.served); ok {
			units = append(units, &unit{listener: listener, role: roleOf(leaf.cert), leaf: leaf, spare: all})
		}
	}
	for _, f := range keyed {
		r.assign(f, units, all)
	}
	return units
}

// leafOf returns the certificate of f that is its holder's: the first that is no
// CA's, and of several the one whose key is at hand. A CA's can be meant too, if
// there is no other and its key is at hand, or the file is served.
func leafOf(f *file, keyed []*file, served bool) (placed, bool) {
	list := f.placed()
	onlyCAs := !slices.ContainsFunc(f.Certificates, func(c *x509.Certificate) bool { return !c.IsCA })
	for _, p := range list {
		if p.cert.IsCA != onlyCAs {
			continue
		}
		if slices.ContainsFunc(keyed, func(k *file) bool { return ownKey(k, p.cert.PublicKey) }) {
			return p, true
		}
	}
	for _, p := range list {
		root := p.cert.Version < 3 && selfIssued(p.cert) // of before there were basic constraints
		if !p.cert.IsCA && !root {
			return p, true
		}
	}
	if served && len(list) > 0 {
		return list[0], true
	}
	return placed{}, false
}

func ownKey(f *file, public crypto.PublicKey) bool {
	return slices.ContainsFunc(f.Keys, func(k crypto.PublicKey) bool { return samePublicKey(k, public) })
}

// roleOf guesses what a leaf is for: a server, unless it says that it is not.
func roleOf(c *x509.Certificate) string {
	if !allows(c, x509.ExtKeyUsageServerAuth) && allows(c, x509.ExtKeyUsageClientAuth) {
		return roleClient
	}
	return roleServer
}

// lone finds the certificate that is meant where no group has one that looks like
// a server's or a client's: one that signed itself, as openssl req -x509 makes
// them. A question about a host or a CA must not pass because nobody was asked.
func (r *Report) lone(groups []*group, units [][]*unit) {
	for i, g := range groups {
		for _, f := range g.files {
			for _, p := range f.placed() {
				if selfIssued(p.cert) {
					units[i] = append(units[i], &unit{role: roleServer, leaf: p, spare: f.placed()})
					return
				}
			}
		}
	}
	if !slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Severity == Error }) {
		r.add(Finding{Word: certs.CodeNoCertificate, Severity: Error, Problem: "there is no certificate of a server or client among the files, so that --host and --ca could not be asked about",
			Fix: "name the file with the certificate that is served"})
	}
}

// assign gives the key in f to the unit whose it is, or says that it is nobody's.
func (r *Report) assign(f *file, units []*unit, all []placed) {
	for _, k := range f.Keys {
		shown := Key{File: plain(f.name), Kind: keyKind(k), SPKISHA256: spkiOf(k)}
		for _, p := range all {
			if samePublicKey(k, p.cert.PublicKey) {
				shown.Certificate = nameOf(p.cert)
				break
			}
		}
		r.Keys = append(r.Keys, shown)
	}
	mine := func(u *unit) bool { return ownKey(f, u.leaf.cert.PublicKey) }
	if i := slices.IndexFunc(units, mine); i >= 0 {
		units[i].key = f
		return
	}
	for _, u := range units {
		if u.key == nil && len(f.Keys) == 1 && !slices.ContainsFunc(units, mine) {
			r.mismatch(u, f, all)
			return
		}
	}
}

// mismatch says that the key in f is not that of the unit, and whose it is.
func (r *Report) mismatch(u *unit, f *file, all []placed) {
	key := f.Keys[0]
	owner := fmt.Sprintf("no certificate at hand has it (SHA-256 of its public key %s)", spkiOf(key))
	for _, p := range all {
		if samePublicKey(key, p.cert.PublicKey) {
			owner = fmt.Sprintf("it is the key of %s, serial %s, in %q", named(p.cert), policy.SerialOf(p.cert), p.file.name)
		}
	}
	r.add(Finding{Word: certs.CodeKeyMismatch, Severity: Error, Listener: u.listener, File: f.name,
		Problem: fmt.Sprintf("the private key is not that of %s, serial %s, in %q: %s", named(u.leaf.cert), policy.SerialOf(u.leaf.cert), u.leaf.file.name, owner),
		Fix: fmt.Sprintf("put the key here that the certificate was requested with; if it is lost, request a new certificate with this one: sidegate csr --renew %s --key %s",
			u.leaf.file.operand("CERT"), f.operand("KEY")),
		PeersSay: sayings[certs.CodeKeyMismatch]})
}
