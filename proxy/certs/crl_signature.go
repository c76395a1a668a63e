package certs

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
)

const (
	// maxEd25519CRL bounds a list signed with Ed25519, of which all has to be kept:
	// the signature is not over a digest that could be taken in advance.
	maxEd25519CRL = 1 << 20
	// minRSABits is where crypto/x509 draws the line for certificates.
	minRSABits = 1024
	// maxOutcomes is for how many keys a list remembers whether it is theirs.
	maxOutcomes = 64
)

// A crlSignature is what is kept to check a list's signature with any key.
type crlSignature struct {
	algorithm x509.SignatureAlgorithm
	hash      crypto.Hash // 0 for Ed25519
	signed    []byte      // the digest of what was signed; what was signed for Ed25519
	value     []byte

	mu       sync.Mutex
	outcomes map[[sha256.Size]byte]*CRLError // by the digest of the public key
	prover   *x509.Certificate               // a CA whose key the signature is of; nil: none was seen yet
}

// newSignature keeps what is needed of a list whose tbsCertList is tbs.
func newSignature(list *x509.RevocationList, tbs []byte) (*crlSignature, *CRLError) {
	s := &crlSignature{algorithm: list.SignatureAlgorithm, value: bytes.Clone(list.Signature)}
	switch s.algorithm {
	case x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1:
		return nil, crlError(CodeCRLWeakSignature, "is signed with %v, which can be forged", s.algorithm)
	case x509.SHA256WithRSA, x509.SHA256WithRSAPSS, x509.ECDSAWithSHA256:
		s.hash = crypto.SHA256
	case x509.SHA384WithRSA, x509.SHA384WithRSAPSS, x509.ECDSAWithSHA384:
		s.hash = crypto.SHA384
	case x509.SHA512WithRSA, x509.SHA512WithRSAPSS, x509.ECDSAWithSHA512:
		s.hash = crypto.SHA512
	case x509.PureEd25519:
		if len(tbs) > maxEd25519CRL {
			return nil, crlError(CodeCRLSignature, "is signed with Ed25519 and has %d octets; up to %d can be checked", len(tbs), maxEd25519CRL)
		}
		s.signed = bytes.Clone(tbs)
		return s, nil
	default:
		return nil, crlError(CodeCRLSignature, "is signed with an algorithm that is not supported: it must be RSA, RSA-PSS "+
			"(one hash throughout, and as much salt) or ECDSA with SHA-256, SHA-384 or SHA-512, or Ed25519")
	}
	digest := s.hash.New()
	digest.Write(tbs)
	s.signed = digest.Sum(nil)
	return s, nil
}

// CheckSignatureFrom reports why c is not a list of the CA; the error is a [*CRLError].
// The name must be the CA's, octet for octet, the CA must be allowed to sign lists
// (RFC 5280 §4.2.1.3), and the signature must be of its key. The last is worked out
// once for each key. The key identifiers only say why it is not of it: a CA whose
// certificate was renewed with another one has the same key, and the same lists.
func (c *CRL) CheckSignatureFrom(ca *x509.Certificate) error {
	if problem := c.checkIssuer(ca); problem != nil {
		return problem
	}
	problem := c.signature.check(ca)
	switch {
	case problem == nil:
		return nil
	case len(c.KeyID) > 0 && len(ca.SubjectKeyId) > 0 && !bytes.Equal(c.KeyID, ca.SubjectKeyId):
		return crlError(CodeCRLIssuer, `is of another key of "%s": it names the key identifier %s, and the CA's is %s`,
			c.Issuer, shownKeyID(c.KeyID), shownKeyID(ca.SubjectKeyId))
	}
	return problem
}

// signedBy reports whether c has the name of the CA and the signature of its key,
// whether or not this certificate of the CA allows that: it may have another that does.
func (c *CRL) signedBy(ca *x509.Certificate) bool {
	return bytes.Equal(c.RawIssuer, ca.RawSubject) && c.signature.check(ca) == nil
}

// checkIssuer compares names, and what the CA may do.
func (c *CRL) checkIssuer(ca *x509.Certificate) *CRLError {
	switch {
	case !bytes.Equal(c.RawIssuer, ca.RawSubject):
		return crlError(CodeCRLIssuer, `is of "%s", not of %s`, c.Issuer, shownSubject(ca))
	case ca.Version == 3 && !ca.BasicConstraintsValid, ca.BasicConstraintsValid && !ca.IsCA:
		return crlError(CodeCRLSignature, "cannot be of %s, which is no CA", shownSubject(ca))
	case ca.KeyUsage != 0 && ca.KeyUsage&x509.KeyUsageCRLSign == 0:
		return crlError(CodeCRLSignature, "cannot be of %s, which may not sign lists (its keyUsage lacks cRLSign)", shownSubject(ca))
	}
	return nil
}

func shownKeyID(id []byte) string { return shorten(hex.EncodeToString(id)) }

// check verifies the signature with the CA's key, or remembers what came of it.
func (s *crlSignature) check(ca *x509.Certificate) *CRLError {
	sum := sha256.Sum256(ca.RawSubjectPublicKeyInfo)
	s.mu.Lock()
	problem, known := s.outcomes[sum]
	s.mu.Unlock()
	if known {
		return problem
	}
	if err := s.verify(ca.PublicKey); err != nil {
		problem = crlError(CodeCRLSignature, "is not signed by the key of %s: %v", shownSubject(ca), err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.outcomes == nil || len(s.outcomes) >= maxOutcomes {
		s.outcomes = make(map[[sha256.Size]byte]*CRLError)
	}
	s.outcomes[sum] = problem
	if problem == nil {
		s.prover = ca
	}
	return problem
}

// errWrongSignature is all that can be said about a signature that is wrong.
var errWrongSignature = errors.New("the signature is wrong")

// verify checks the signature with a key.
func (s *crlSignature) verify(key any) error {
	good := false
	switch k := key.(type) {
	case *rsa.PublicKey:
		if bits := k.N.BitLen(); bits < minRSABits {
			return fmt.Errorf("an RSA key of %d bits is too short", bits)
		}
		good = s.verifyRSA(k) == nil
	case *ecdsa.PublicKey:
		good = s.isECDSA() && ecdsa.VerifyASN1(k, s.signed, s.value)
	case ed25519.PublicKey:
		good = s.algorithm == x509.PureEd25519 && ed25519.Verify(k, s.signed, s.value)
	default:
		return fmt.Errorf("a key of type %T signs no list", key)
	}
	if !good {
		return errWrongSignature
	}
	return nil
}

func (s *crlSignature) verifyRSA(key *rsa.PublicKey) error {
	switch s.algorithm {
	case x509.SHA256WithRSA, x509.SHA384WithRSA, x509.SHA512WithRSA:
		return rsa.VerifyPKCS1v15(key, s.hash, s.signed, s.value)
	case x509.SHA256WithRSAPSS, x509.SHA384WithRSAPSS, x509.SHA512WithRSAPSS:
		return rsa.VerifyPSS(key, s.hash, s.signed, s.value, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	}
	return errWrongSignature
}

func (s *crlSignature) isECDSA() bool {
	return s.algorithm == x509.ECDSAWithSHA256 || s.algorithm == x509.ECDSAWithSHA384 || s.algorithm == x509.ECDSAWithSHA512
}
