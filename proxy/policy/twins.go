package policy

import (
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"math/big"
)

// twins returns the fingerprints of the certificate with its signature in the other
// form that an ECDSA signature has: where (r, s) is good so is (r, n-s), n being the
// order of the curve. Whoever holds the certificate can write it so without the CA or
// a key, and a Denial of one has to hold for both. Which curve it is the CA's key says,
// and that is not at hand: each is tried, and for the others comes what fits nobody.
func twins(cert *x509.Certificate) (all [][32]byte) {
	var whole struct {
		TBS, Algorithm asn1.RawValue
		Signature      asn1.BitString
	}
	if _, err := asn1.Unmarshal(cert.Raw, &whole); err != nil {
		return nil // it was parsed before
	}
	var sig struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(cert.Signature, &sig); err != nil || len(rest) > 0 {
		return nil // of another kind
	}
	for _, curve := range []elliptic.Curve{elliptic.P224(), elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		other := sig
		if other.S = new(big.Int).Sub(curve.Params().N, sig.S); other.S.Sign() <= 0 {
			continue
		}
		// Of these types Marshal takes every value.
		der, _ := asn1.Marshal(other)
		whole.Signature = asn1.BitString{Bytes: der, BitLength: 8 * len(der)}
		der, _ = asn1.Marshal(whole)
		all = append(all, sha256.Sum256(der))
	}
	return all
}
