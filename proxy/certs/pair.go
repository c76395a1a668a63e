package certs

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"strings"
)

// pair understands our own certificate: one key, and a chain of which the
// first certificate has its public key.
func (p *parser) pair() {
	if p.certificate == nil { // none is configured, or the reading has said why it is not there
		p.lone()
		return
	}
	held, fault := p.certificate.content()
	if fault != nil {
		p.fault(fault)
		p.lone()
		return
	}
	chain := p.chain(held)
	key := p.keyOf(held)
	if chain == nil || key == nil {
		return
	}
	if p.match(chain, key) {
		p.date(chain[0])
		p.strength(chain[0])
		p.serve(chain, key)
	}
}

// lone reads the key though the certificate is of no use, to tell of both.
func (p *parser) lone() {
	if p.key != nil {
		p.keyOf(content{})
	}
}

// chain returns the certificates of the certificate file, or nil.
func (p *parser) chain(held content) []*x509.Certificate {
	file := p.certificate.file
	if len(held.certs) > 0 {
		if p.key != nil && len(held.keys) > 0 {
			p.warn(CodeStrayKey, file, "also holds a private key, which is not used: %s is", p.key.file)
		}
		return held.certs
	}
	if kind, found := held.unexpected(); found {
		p.fault(p.certificate.wrongBlock(kind))
		return nil
	}
	f := &Fault{Code: CodeNoCertificate, File: file, Problem: "holds only a private key, no certificate",
		Fix: "put the certificate and its chain here, the key's own certificate first"}
	if p.key != nil {
		f.Fix += fmt.Sprintf("; have %s and this file changed places?", p.key.file)
	}
	p.fault(f)
	return nil
}

// keyOf returns the private key: of its own file, or of the certificate's, of
// which held is the content.
func (p *parser) keyOf(held content) crypto.Signer {
	s := p.certificate
	switch {
	case p.key != nil:
		s = p.key
		var fault *Fault
		if held, fault = s.content(); fault != nil {
			p.fault(fault)
			return nil
		}
	case p.keyApart, len(held.certs) == 0:
		return nil // the reading, or chain, has said why
	}
	switch len(held.keys) {
	case 0:
		p.fault(p.noKey(s, held))
		return nil
	case 1:
		key, fault := s.signer(held.keys[0])
		if fault != nil {
			p.fault(fault)
			return nil
		}
		return key
	}
	p.fault(&Fault{Code: CodeSeveralKeys, File: s.file,
		Problem: fmt.Sprintf("holds %d private keys", len(held.keys)),
		Fix:     "leave only the key of the certificate that is to be " + p.usage.words().shown})
	return nil
}

func (p *parser) noKey(s *source, held content) *Fault {
	if kind, found := held.unexpected(); found && len(held.certs) == 0 {
		f := s.wrongBlock(kind)
		f.Fix = "put the private key here that was made together with it"
		return f
	}
	f := &Fault{Code: CodeNoKey, File: s.file, Problem: "holds only a certificate, no private key"}
	if p.key != nil {
		f.Fix = "put the private key of the certificate here"
		return f
	}
	f.Fix = "append the private key to it, or name a directory with tls.crt and tls.key"
	return f
}

// match reports whether the first certificate is that of the key.
func (p *parser) match(chain []*x509.Certificate, key crypto.Signer) bool {
	if samePublicKey(key.Public(), chain[0].PublicKey) {
		return true
	}
	for i, c := range chain[1:] {
		if samePublicKey(key.Public(), c.PublicKey) {
			p.fault(&Fault{Code: CodeChainOrder, File: p.certificate.file,
				Problem: fmt.Sprintf("starts with %s, but the key is that of certificate %d, %s", shownSubject(chain[0]), i+2, shownSubject(c)),
				Fix:     "write the certificates in this order: " + rightOrder(c, chain)})
			return false
		}
	}
	file := p.certificate.file
	if p.key != nil {
		file = p.key.file
	}
	p.fault(&Fault{Code: CodeKeyMismatch, File: file,
		Problem: fmt.Sprintf("the private key is not that of %s, serial %s, in %s: it is the key of %s",
			shownSubject(chain[0]), shownSerial(chain[0]), p.certificate.file, p.owner(key.Public())),
		Fix: "replace certificate and key together, both from the same request"})
	return false
}

// owner says whose key it is that does not fit.
func (p *parser) owner(public crypto.PublicKey) string {
	if b := p.before; b != nil && b.Certificate != nil && samePublicKey(public, b.Certificate.Leaf.PublicKey) {
		return fmt.Sprintf("%s, serial %s, which is in use at present", shownSubject(b.Certificate.Leaf), shownSerial(b.Certificate.Leaf))
	}
	for _, item := range p.out.Items {
		if samePublicKey(public, item.Cert.PublicKey) {
			return fmt.Sprintf("%s, serial %s, in %s", shownSubject(item.Cert), shownSerial(item.Cert), item.File)
		}
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return "another certificate"
	}
	return fmt.Sprintf("another certificate (SHA-256 of its public key %x)", sha256.Sum256(der))
}

// rightOrder names the Subjects of chain from leaf upwards, as far as they hang
// together.
func rightOrder(leaf *x509.Certificate, chain []*x509.Certificate) string {
	names := []string{shownSubject(leaf)}
	for at := leaf; len(names) < len(chain); {
		next := issuerIn(at, chain)
		if next == nil || next == at {
			break
		}
		names, at = append(names, shownSubject(next)), next
	}
	return shorten(strings.Join(names, ", "))
}

// issuerIn returns the certificate of chain that has the name of c's issuer.
func issuerIn(c *x509.Certificate, chain []*x509.Certificate) *x509.Certificate {
	for _, candidate := range chain {
		if bytes.Equal(c.RawIssuer, candidate.RawSubject) {
			return candidate
		}
	}
	return nil
}

func (p *parser) date(leaf *x509.Certificate) {
	code, when := outOfDate(leaf, p.now)
	if code == "" {
		return
	}
	f := &Fault{Code: code, File: p.certificate.file, Problem: shownSubject(leaf) + " " + when,
		Fix: "renew the certificate"}
	if code == CodeNotYetValid {
		f.Fix = "wait: it is looked at again by itself; if that date is past, look at the clock of the node"
	}
	p.fault(f)
}

func (p *parser) strength(leaf *x509.Certificate) {
	if what := weak(leaf.PublicKey); what != "" {
		p.fault(&Fault{Code: CodeWeakKey, File: p.certificate.file,
			Problem: shownSubject(leaf) + " has " + what,
			Fix:     "request a certificate for a new key: ECDSA P-256, or RSA of 2048 bits or more"})
	}
}

// serve puts the pair into the Bundle, with a word on what peers may dislike.
func (p *parser) serve(chain []*x509.Certificate, key crypto.Signer) {
	file := p.certificate.file
	pair := &tls.Certificate{PrivateKey: key, Leaf: chain[0]}
	for i, c := range chain {
		pair.Certificate = append(pair.Certificate, c.Raw)
		role := roleCertificate
		if i > 0 {
			role = roleChain
			p.link(chain[i-1], c)
		}
		p.item(file, role, c)
	}
	wanted := x509.ExtKeyUsageServerAuth
	if p.usage == ServerAuth {
		wanted = x509.ExtKeyUsageClientAuth
	}
	if !allows(chain[0], wanted) {
		p.warn(ReasonWrongUsage, file, "%s is for %s, not for %s: strict peers will refuse it", shownSubject(chain[0]), usagesOf(chain[0]), usageName(wanted))
	}
	p.out.Certificate = pair
}

// link warns if upper is of no use to a peer that verifies lower.
func (p *parser) link(lower, upper *x509.Certificate) {
	file := p.certificate.file
	if !bytes.Equal(lower.RawIssuer, upper.RawSubject) {
		p.warn(CodeChainOrder, file, "%s is followed by %s, which did not issue it: some peers will refuse the chain", shownSubject(lower), shownSubject(upper))
	}
	if code, when := outOfDate(upper, p.now); code != "" {
		p.warn(code, file, "%s of the chain %s: get the present one from its issuer", shownSubject(upper), when)
	}
}
