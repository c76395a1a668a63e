package minica

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"

	"github.com/sidegate/sidegate/proxy/subject"
)

// rawSubject is the DER of the subject that o asks for.
func rawSubject(o Options) ([]byte, error) {
	if o.RawSubject != nil {
		return o.RawSubject, nil
	}
	if o.Subject == "" {
		return asn1.Marshal(pkix.RDNSequence{})
	}
	name, err := subject.Parse(o.Subject)
	if err != nil {
		return nil, fmt.Errorf("subject of a certificate: %w", err)
	}
	return name.DER(), nil
}
