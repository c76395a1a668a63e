package check

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"fmt"

	"github.com/sidegate/sidegate/proxy/certs"
)

// Bounds of an RSA key, in bits, that crypto/tls takes from a peer.
const (
	minGoRSA = 1024
	maxGoRSA = 8192
)

// unusable returns the word for a key with which a peer built on Go ends the
// handshake, whoever vouches for the certificate; it is empty for the others.
func unusable(k crypto.PublicKey) string {
	switch k := k.(type) {
	case *rsa.PublicKey:
		if k.N.BitLen() > maxGoRSA {
			return wordOversizedKey
		}
		if k.N.BitLen() < minGoRSA {
			return certs.CodeWeakKey
		}
	case *ecdsa.PublicKey:
		if k.Curve == elliptic.P224() { // TLS has no signature scheme for it (RFC 8446 §4.2.3)
			return certs.CodeWeakKey
		}
	case ed25519.PublicKey:
	default:
		return wordUnsupportedKey
	}
	return ""
}

// strength says what is too small, too large or of a wrong kind about the key of
// p.
func (r *Report) strength(u *unit, p placed) {
	const fix = "request a certificate for a new key: ECDSA P-256, or RSA of 2048 to 4096 bits"
	weak := ""
	switch k := p.cert.PublicKey.(type) {
	case *rsa.PublicKey:
		if bits := k.N.BitLen(); bits < 2048 {
			weak = fmt.Sprintf("an RSA key of %d bits", bits)
		}
	case *ecdsa.PublicKey:
		if k.Curve == elliptic.P224() {
			weak = "an ECDSA key on P-224"
		}
	}
	if weak != "" {
		r.add(u.finding(certs.CodeWeakKey, Error, p, "has "+weak+", which peers refuse: BR 6.1.5 of the CA/Browser Forum wants 2048 bits at least, or P-256", fix))
	}
	word, problem, says := unusable(p.cert.PublicKey), "", ""
	switch word {
	case wordOversizedKey:
		bits := p.cert.PublicKey.(*rsa.PublicKey).N.BitLen()
		problem = fmt.Sprintf("has an RSA key of %d bits: Go takes none above %d from a peer, OpenSSL does", bits, maxGoRSA)
		says = fmt.Sprintf("tls: server sent certificate containing RSA key larger than %d bits", maxGoRSA)
		if u.role == roleClient {
			says = fmt.Sprintf("tls: client sent certificate containing RSA key larger than %d bits", maxGoRSA)
		}
	case wordUnsupportedKey:
		problem = fmt.Sprintf("has a key of the kind %s: Go ends the handshake with it, OpenSSL knows some such kinds; TLS everywhere has RSA (rsaEncryption), ECDSA on P-256, P-384 or P-521, and mostly Ed25519", keyAlgorithm(p.cert))
		says = fmt.Sprintf("tls: server's certificate contains an unsupported type of public key: %T", p.cert.PublicKey)
		if u.role == roleClient {
			says = fmt.Sprintf("tls: client certificate contains an unsupported public key of type %T", p.cert.PublicKey)
		}
	default:
		return
	}
	f := u.finding(word, Error, p, problem, fix)
	f.PeersSay = []Saying{{"Go", says}}
	r.add(f)
}

// keyAlgorithm names the algorithm of a key that package x509 does not know.
func keyAlgorithm(c *x509.Certificate) string {
	var spki struct {
		Algorithm struct {
			OID        asn1.ObjectIdentifier
			Parameters asn1.RawValue `asn1:"optional"`
		}
		Key asn1.BitString
	}
	if _, err := asn1.Unmarshal(c.RawSubjectPublicKeyInfo, &spki); err != nil {
		return "unknown"
	}
	oid := spki.Algorithm.OID.String()
	name := map[string]string{
		"1.2.840.113549.1.1.10": "RSA-PSS (id-RSASSA-PSS)", // RFC 4055 §3.1
		"1.3.101.110":           "X25519",                  // RFC 8410 §3
		"1.3.101.111":           "X448",
		"1.3.101.113":           "Ed448",
		"1.2.840.10040.4.1":     "DSA", // RFC 3279 §2.3.2
	}[oid]
	if name == "" {
		return oid
	}
	return name
}
