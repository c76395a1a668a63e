package csr

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"strings"
)

// A keyType is a kind of key that can be asked for.
type keyType struct {
	name  string // of the flag --key-type
	label string // for people; see label
	make  func() (crypto.Signer, error)
}

// defaultKeyType is what servers and clients of today all know, and what costs
// the least: each TLS handshake is one signature.
const defaultKeyType = "ecdsa-p256"

var keyTypes = []keyType{
	{defaultKeyType, "ECDSA P-256", ecdsaKey(elliptic.P256())},
	{"ecdsa-p384", "ECDSA P-384", ecdsaKey(elliptic.P384())},
	{"rsa-2048", "RSA-2048", rsaKey(2048)},
	{"rsa-3072", "RSA-3072", rsaKey(3072)},
	{"rsa-4096", "RSA-4096", rsaKey(4096)},
	{"ed25519", "Ed25519", func() (crypto.Signer, error) {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	}},
}

func ecdsaKey(curve elliptic.Curve) func() (crypto.Signer, error) {
	return func() (crypto.Signer, error) { return ecdsa.GenerateKey(curve, rand.Reader) }
}

func rsaKey(bits int) func() (crypto.Signer, error) {
	return func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, bits) }
}

// KeyTypes returns the words that [Options.KeyType] may be, the default first.
func KeyTypes() []string {
	var names []string
	for _, t := range keyTypes {
		names = append(names, t.name)
	}
	return names
}

// keyTypeNamed returns the type that the flag names.
func keyTypeNamed(name string) (keyType, error) {
	for _, t := range keyTypes {
		if t.name == name {
			return t, nil
		}
	}
	return keyType{}, fmt.Errorf("--key-type %s is none of %s", quote(name), strings.Join(KeyTypes(), ", "))
}

// keyTypeOf returns the type of a public key that is in use.
func keyTypeOf(public crypto.PublicKey) (keyType, error) {
	for _, t := range keyTypes {
		if t.label == label(public) {
			return t, nil
		}
	}
	return keyType{}, fmt.Errorf("the key of the current certificate is %s, of which no new one is made here; choose with --key-type", label(public))
}

// label names a public key by algorithm and size.
func label(public crypto.PublicKey) string {
	switch k := public.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA-%d", k.N.BitLen())
	case *ecdsa.PublicKey:
		return "ECDSA " + k.Curve.Params().Name
	case ed25519.PublicKey:
		return "Ed25519"
	}
	return "of an unknown kind"
}

// The bounds of an RSA modulus: what the Baseline Requirements (6.1.5) ask for,
// and what crypto/tls takes from a peer.
const (
	minRSABits = 2048
	maxRSABits = 8192
)

// unfit says why no CA takes the key, or no peer.
func unfit(public crypto.PublicKey) error {
	switch k := public.(type) {
	case *rsa.PublicKey:
		if bits := k.N.BitLen(); bits < minRSABits || bits > maxRSABits {
			return fmt.Errorf("it is RSA of %d bits, and CAs and peers take %d to %d; name another file, and a new key is made there", bits, minRSABits, maxRSABits)
		}
		return nil
	case *ecdsa.PublicKey:
		switch k.Curve {
		case elliptic.P256(), elliptic.P384(), elliptic.P521():
			return nil
		}
		return fmt.Errorf("it is ECDSA on the curve %s, which CAs and peers refuse; name another file, and a new key is made there", k.Curve.Params().Name)
	case ed25519.PublicKey:
		return nil
	}
	return errors.New("it is neither RSA nor ECDSA nor Ed25519, so that TLS cannot use it; name another file, and a new key is made there")
}

// A key is the private key of a request.
type key struct {
	signer crypto.Signer
	made   bool   // and not yet written
	loose  string // what its mode lets others do, if it exists; empty is as it should be
}

// keyFor returns the key of file if that exists, and else the type of the one
// to make. The type that is wanted, by name, must be that of the key; empty
// leaves it to the current certificate's, and then to the default.
func keyFor(file, wanted string, current crypto.PublicKey) (key, keyType, error) {
	var t keyType
	var errs []error
	if wanted != "" {
		var err error
		t, err = keyTypeNamed(wanted)
		errs = append(errs, err)
	}
	k, exists, err := readKey(file)
	errs = append(errs, err)
	if err := errors.Join(errs...); err != nil {
		return key{}, keyType{}, err
	}
	switch {
	case exists && wanted != "" && t.label != label(k.signer.Public()):
		err = fmt.Errorf("--key-type %s contradicts --key %q, which exists and is %s; leave --key-type out to use it, or name a file that does not exist",
			t.name, file, label(k.signer.Public()))
	case exists || wanted != "":
	case current != nil:
		t, err = keyTypeOf(current)
	default:
		t, err = keyTypeNamed(defaultKeyType)
	}
	return k, t, err
}

// newKey makes a key in memory.
func newKey(t keyType) (key, error) {
	signer, err := t.make()
	if err != nil {
		return key{}, fmt.Errorf("make a private key of type %s: %w", t.name, err)
	}
	return key{signer: signer, made: true}, nil
}
