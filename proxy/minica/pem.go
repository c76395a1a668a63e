package minica

import (
	"crypto/x509"
	"encoding/pem"
)

// PEM returns the certificate alone, as a trust anchor is written.
func (c *Cert) PEM() []byte {
	return certificatePEM(c.Leaf)
}

// ChainPEM returns the certificate and its chain, as tls.crt is written.
func (c *Cert) ChainPEM() []byte {
	text := c.PEM()
	for _, issuer := range c.Chain {
		text = append(text, certificatePEM(issuer)...)
	}
	return text
}

// KeyPEM returns the key as PKCS #8 PEM, as tls.key is written. It is nil if
// the key cannot be taken out of [Options.Key], such as one held by hardware.
func (c *Cert) KeyPEM() []byte {
	der, err := x509.MarshalPKCS8PrivateKey(c.Key)
	if err != nil {
		return nil
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func certificatePEM(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}
