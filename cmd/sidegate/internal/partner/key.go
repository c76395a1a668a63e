package partner

import (
	"crypto"
	"errors"
	"io"
)

// publicOnly is a key of which the authority knows the public half: enough to
// issue a certificate for it.
type publicOnly struct{ key crypto.PublicKey }

// Public implements crypto.Signer.
func (p publicOnly) Public() crypto.PublicKey { return p.key }

// Sign implements crypto.Signer; nothing is ever signed with the key of another.
func (publicOnly) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("the private key is not here")
}
