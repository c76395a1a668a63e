package certs

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// The kinds of PEM block (RFC 7468), as far as they matter here.
const (
	blockCertificate = "CERTIFICATE"
	blockCRL         = "X509 CRL"
)

var (
	beginLine = []byte("-----BEGIN")
	endLine   = []byte("-----END")
	utf8Mark  = []byte("\xef\xbb\xbf") // some editors put it before the first line
)

// A content is what the PEM blocks of one file hold, by kind.
type content struct {
	certs []*x509.Certificate
	keys  []*pem.Block
	other []string // labels of blocks of any other kind; anotherKind where it is not known
}

// blocks returns every PEM block of s. [pem.Decode] steps over whatever it
// cannot read, so that a file cut short would lose its last certificate without
// a word; here each BEGIN and each END must belong to a block that was decoded.
// Text between blocks is fine: many tools print names there.
func (s *source) blocks() ([]*pem.Block, *Fault) {
	rest := bytes.TrimPrefix(s.data, utf8Mark)
	if len(bytes.TrimSpace(rest)) == 0 {
		return nil, &Fault{Code: CodeEmpty, File: s.file, Problem: "is empty",
			Fix: "look at how it is written: the Secret has the key but no value"}
	}
	var found []*pem.Block
	for {
		block, after := pem.Decode(rest)
		if block == nil {
			break
		}
		read := rest[:len(rest)-len(after)]
		if bytes.Count(read, beginLine) != 1 || bytes.Count(read, endLine) != 1 {
			return nil, s.broken(read, len(s.data)-len(rest))
		}
		found, rest = append(found, block), after
	}
	if bytes.Contains(rest, beginLine) || bytes.Contains(rest, endLine) {
		return nil, s.broken(rest, len(s.data)-len(rest))
	}
	if len(found) == 0 {
		return nil, s.noPEM()
	}
	return found, nil
}

// broken explains the first block of part, which could not be decoded and
// begins at offset.
func (s *source) broken(part []byte, offset int) *Fault {
	offset += max(0, bytes.Index(part, beginLine))
	line := 1 + bytes.Count(s.data[:offset], []byte("\n"))
	f := &Fault{Code: CodeBrokenPEM, File: s.file,
		Problem: fmt.Sprintf("the PEM block at line %d is cut short or damaged", line),
		Fix:     "write the file again, whole: each block from its BEGIN line to its END line, both at the start of a line"}
	if bytes.Contains(part, []byte("----------BEGIN")) {
		f.Problem = fmt.Sprintf("an END and a BEGIN share one line, near line %d", line)
		f.Fix = "put a line break between the two blocks: files were joined of which one does not end in a line break"
	}
	return f
}

func (s *source) noPEM() *Fault {
	kind, convert := blockCertificate, "openssl x509 -inform DER -in FILE for a certificate"
	if s.field == FieldKey || strings.HasSuffix(s.file, ".key") {
		kind, convert = "PRIVATE KEY", "openssl pkey -inform DER -in FILE for a key"
	}
	if s.field == FieldCRL {
		return &Fault{Code: CodeNoPEM, File: s.file, Field: FieldCRL, Problem: "is neither PEM nor a revocation list in DER",
			Fix: "get the list again from its CA: what was saved may be a web page instead"}
	}
	f := &Fault{Code: CodeNoPEM, File: s.file, Problem: "is not PEM",
		Fix: fmt.Sprintf("write it as PEM: lines from -----BEGIN %s----- to -----END %[1]s-----", kind)}
	if s.data[0] == 0x30 { // an ASN.1 SEQUENCE
		f.Problem = "is binary (DER or PKCS #12), not PEM"
		f.Fix = "convert it, with: " + convert + ", openssl pkcs12 -nodes -in FILE for a .p12 or .pfx"
	}
	return f
}

// content decodes s as far as certificates go. The Fault is the first one.
func (s *source) content() (content, *Fault) {
	blocks, fault := s.blocks()
	if fault != nil {
		return content{}, fault
	}
	var c content
	for _, b := range blocks {
		switch {
		case b.Type == blockCertificate:
			cert, err := x509.ParseCertificate(b.Bytes)
			if err != nil {
				return content{}, s.badCertificate(len(c.certs)+1, err)
			}
			c.certs = append(c.certs, cert)
		case strings.HasSuffix(b.Type, "PRIVATE KEY"):
			c.keys = append(c.keys, b)
		case strings.HasSuffix(b.Type, "PARAMETERS"):
			// openssl ecparam -genkey writes the curve before the key.
		default:
			c.other = append(c.other, knownLabel(b.Type))
		}
	}
	return c, nil
}

// anotherKind stands for the label of a block that is not quoted.
const anotherKind = "another kind"

// knownLabel returns label if it may be quoted. A damaged file can have anything
// between BEGIN and the dashes, even a line of the key.
func knownLabel(label string) string {
	known := []string{blockCRL, "CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST", "TRUSTED CERTIFICATE", "X509 CERTIFICATE",
		"ATTRIBUTE CERTIFICATE", "PKCS7", "PKCS #7 SIGNED DATA", "CMS", "PUBLIC KEY", "RSA PUBLIC KEY"}
	if slices.Contains(known, label) {
		return label
	}
	return anotherKind
}

func (s *source) badCertificate(n int, err error) *Fault {
	return &Fault{Code: CodeBadCertificate, File: s.file, Err: err,
		Problem: fmt.Sprintf("certificate %d of the file cannot be decoded: %s", n, shorten(err.Error())),
		Fix:     "get the certificate again from its issuer; openssl x509 -text shows what it holds"}
}

// wrongBlock explains a block that has no business in s.
func (s *source) wrongBlock(kind string) *Fault {
	f := &Fault{Code: CodeWrongPEM, File: s.file, Problem: fmt.Sprintf("holds a PEM block of type %q", kind),
		Fix: "replace it by the certificate: a block of type CERTIFICATE"}
	switch {
	case kind == anotherKind:
		f.Problem = "holds a PEM block of another kind"
	case strings.HasSuffix(kind, "CERTIFICATE REQUEST"):
		f.Problem = "holds a certificate signing request, not a certificate"
		f.Fix = "send the request to the CA and put here what comes back"
	case kind == "PUBLIC KEY" || kind == "RSA PUBLIC KEY":
		f.Problem = "holds a public key alone"
	case kind == "TRUSTED CERTIFICATE":
		f.Fix = "convert it, with: openssl x509 -in FILE -out FILE.new"
	case kind == "PKCS7" || kind == "PKCS #7 SIGNED DATA" || kind == "CMS":
		f.Fix = "convert it, with: openssl pkcs7 -print_certs -in FILE -out FILE.new"
	}
	return f
}

// signer decodes a private key. What it says never holds a byte of it.
func (s *source) signer(block *pem.Block) (crypto.Signer, *Fault) {
	switch {
	case block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED"):
		return nil, &Fault{Code: CodeEncryptedKey, File: s.file, Problem: "the private key is protected by a passphrase",
			Fix: "store it without one, with: openssl pkey -in FILE -out FILE.new; a Secret is what protects it here"}
	case block.Type == "OPENSSH PRIVATE KEY":
		return nil, s.wrongKey(CodeWrongPEM, "holds a key in the format of OpenSSH", nil)
	}
	key, err := parseKey(block.Bytes)
	if err != nil {
		return nil, s.wrongKey(CodeBadKey, "the private key cannot be decoded", err)
	}
	switch k := key.(type) {
	case *rsa.PrivateKey:
		return k, nil
	case crypto.Signer: // ecdsa, ed25519
		return k, nil
	}
	return nil, s.wrongKey(CodeBadKey, fmt.Sprintf("a key of type %T cannot sign, so TLS cannot use it", key), nil)
}

func (s *source) wrongKey(code, problem string, err error) *Fault {
	return &Fault{Code: code, File: s.file, Problem: problem, Err: err,
		Fix: "use an unencrypted RSA, ECDSA or Ed25519 key as PKCS #8, PKCS #1 or SEC 1 PEM"}
}

// parseKey tries the three encodings that are in use; the type of the block is
// often wrong, so it does not count.
func parseKey(der []byte) (any, error) {
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err == nil {
		return key, nil
	}
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key, nil
	}
	if key, err := x509.ParseECPrivateKey(der); err == nil {
		return key, nil
	}
	return nil, errors.New("neither PKCS #8 nor PKCS #1 nor SEC 1")
}

// weak says what is too weak about a public key, or nothing. RSA under 2048
// bits is refused by most peers (CA/Browser Forum BR 6.1.5), P-224 by all.
func weak(key any) string {
	switch k := key.(type) {
	case *rsa.PublicKey:
		if bits := k.N.BitLen(); bits < 2048 {
			return fmt.Sprintf("an RSA key of %d bits", bits)
		}
	case *ecdsa.PublicKey:
		if k.Curve == elliptic.P224() {
			return "an ECDSA key on P-224"
		}
	}
	return ""
}

// samePublicKey reports whether two public keys are equal.
func samePublicKey(a, b any) bool {
	k, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.Equal(b)
}

// unexpected returns the first type of block in c that is none of allowed.
func (c *content) unexpected(allowed ...string) (kind string, found bool) {
	for _, kind := range c.other {
		if !slices.Contains(allowed, kind) {
			return kind, true
		}
	}
	return "", false
}
