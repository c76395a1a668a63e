package certs

import (
	"crypto"
	"crypto/x509"
)

// An Inspection is what one file holds, whatever it is meant for. It has no
// private key in it.
type Inspection struct {
	Certificates []*x509.Certificate // in their order
	Keys         []crypto.PublicKey  // the public half of each private key that can be read
	Others       []string            // labels of further PEM blocks; "another kind" where it is not a known one
	DER          bool                // certificates in DER, which is read from CA files alone
	Faults       []*Fault            // what cannot be read, in the words of [Open]
}

// Inspect looks into the content of a file, which it calls name. It takes PEM of
// every kind, and certificates in DER.
func Inspect(name string, data []byte) Inspection {
	if len(data) > maxFile {
		return Inspection{Faults: []*Fault{(&reading{}).explain("", name, errTooLarge)}}
	}
	if list, err := x509.ParseCertificates(data); err == nil && len(list) > 0 {
		return Inspection{Certificates: list, DER: true}
	}
	s := &source{file: name, data: data}
	held, fault := s.content()
	if fault != nil {
		return Inspection{Faults: []*Fault{fault}}
	}
	found := Inspection{Certificates: held.certs, Others: held.other}
	for _, block := range held.keys {
		key, fault := s.signer(block)
		if fault != nil {
			found.Faults = append(found.Faults, fault)
			continue
		}
		found.Keys = append(found.Keys, key.Public())
	}
	return found
}

// ReadFile returns the content of one file as [Open] reads it: regular files
// alone, of bounded size, without waiting. The error is a [*Fault].
func ReadFile(path string) ([]byte, error) {
	r := reading{volumes: map[string]*volume{}, left: maxTotal}
	defer r.close()
	s := r.file("", path)
	if s == nil {
		return nil, r.faults[0]
	}
	return s.data, nil
}
