package certs_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"time"

	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/minica"
)

// A revocationCase is what lies in crl, and what becomes of a client under each
// crlPolicy: "ok", the reason of the refusal, or the code of the fault.
type revocationCase struct {
	name                  string
	lies                  func(w *revoking)
	whenAvailable, strict string
}

// revocationCases are the table of docs/revocation.md. Unless a case says otherwise,
// the client is of an intermediate CA that it brings along, and the root is trusted.
var revocationCases = []revocationCase{
	{"good lists of every CA on the way", func(w *revoking) { w.good() }, "ok", "ok"},
	{"the client is revoked", func(w *revoking) { w.list(w.root); w.list(w.issuing, w.client.Leaf) },
		certs.ReasonRevoked, certs.ReasonRevoked},
	{"the client is on hold", func(w *revoking) {
		w.list(w.root)
		w.listWith(w.issuing, minica.CRLOptions{Revoked: []minica.Revoked{{Serial: w.client.Leaf.SerialNumber, Reason: 6}}})
	}, certs.ReasonRevoked, certs.ReasonRevoked},
	{"the intermediate CA is revoked", func(w *revoking) { w.list(w.root, w.issuing.Leaf); w.list(w.issuing) },
		certs.ReasonIssuerRevoked, certs.ReasonIssuerRevoked},

	{"a list has expired", func(w *revoking) { w.list(w.root); w.expired(w.issuing) },
		certs.ReasonCRLExpired, certs.ReasonCRLExpired},
	{"a list has expired, within crlGrace", func(w *revoking) { w.list(w.root); w.expired(w.issuing); w.grace = 2 * time.Hour },
		"ok", certs.ReasonCRLExpired},
	{"a list has expired, and crlGrace has passed", func(w *revoking) { w.list(w.root); w.expired(w.issuing); w.grace = 30 * time.Minute },
		certs.ReasonCRLExpired, certs.ReasonCRLExpired},
	{"a list has expired and names the client", func(w *revoking) { w.list(w.root); w.expired(w.issuing, w.client.Leaf) },
		certs.ReasonRevoked, certs.ReasonRevoked},

	{"no list of the client's CA", func(w *revoking) { w.list(w.root) }, "ok", certs.ReasonCRLMissing},
	{"no list of the CA above", func(w *revoking) { w.list(w.issuing) }, "ok", certs.ReasonCRLMissing},
	{"only a list of another CA", func(w *revoking) { w.list(w.stranger, w.client.Leaf) }, "ok", certs.ReasonCRLMissing},
	{"no list at all in the directory", func(*revoking) {}, certs.CodeCRLEmpty, certs.CodeCRLEmpty},

	{"a list in the name of the trusted CA, by another key", func(w *revoking) { w.list(w.renamed(w.root, nil)) },
		certs.CodeCRLIssuer, certs.CodeCRLIssuer},
	{"a list in the name and key identifier of the trusted CA, by another key", func(w *revoking) { w.list(w.renamed(w.root, w.root.Leaf.SubjectKeyId)) },
		certs.CodeCRLSignature, certs.CodeCRLSignature},
	{"a list in the name of the intermediate CA, by another key", func(w *revoking) { w.list(w.root); w.list(w.renamed(w.issuing, w.issuing.Leaf.SubjectKeyId)) },
		"ok", certs.ReasonCRLMissing},
	{"a list in the name of the intermediate CA by another key, beside its own", func(w *revoking) {
		w.list(w.root)
		w.listWith(w.renamed(w.issuing, w.issuing.Leaf.SubjectKeyId), minica.CRLOptions{Number: 99})
		w.list(w.issuing, w.client.Leaf)
	}, certs.ReasonRevoked, certs.ReasonRevoked},

	{"a delta list", func(w *revoking) { w.odd(extensionOf(deltaIndicator, critical, 1)) }, certs.CodeCRLDelta, certs.CodeCRLDelta},
	{"an indirect list", func(w *revoking) { w.odd(distributionPoint(4)) }, certs.CodeCRLIndirect, certs.CodeCRLIndirect},
	{"a list of user certificates only", func(w *revoking) { w.odd(distributionPoint(1)) }, certs.CodeCRLScoped, certs.CodeCRLScoped},
	{"a list with a critical extension that is not known", func(w *revoking) { w.odd(extensionOf([]int{1, 2, 3, 4}, critical, 1)) },
		certs.CodeCRLCriticalExtension, certs.CodeCRLCriticalExtension},
	{"a list signed over SHA-1", func(w *revoking) {
		w.listWith(w.root, minica.CRLOptions{Change: func(l *x509.RevocationList) { l.SignatureAlgorithm = x509.ECDSAWithSHA1 }})
	}, certs.CodeCRLWeakSignature, certs.CodeCRLWeakSignature},
	{"bytes after a list", func(w *revoking) { w.list(w.root); w.files[0] = append(w.files[0], 0) }, certs.CodeCRLMalformed, certs.CodeCRLMalformed},
	{"a list that is not valid yet", func(w *revoking) {
		w.listWith(w.root, minica.CRLOptions{ThisUpdate: time.Now().Add(time.Hour)})
	}, certs.CodeCRLNotYetValid, certs.CodeCRLNotYetValid},
	{"a list older than the one in use", func(w *revoking) {
		w.listWith(w.root, minica.CRLOptions{Number: 8})
		w.earlier, w.files = w.files, nil
		w.listWith(w.root, minica.CRLOptions{Number: 7})
	}, certs.CodeCRLRollback, certs.CodeCRLRollback},

	{"two lists of one CA, the newer names the client", func(w *revoking) {
		w.list(w.root)
		w.listWith(w.issuing, minica.CRLOptions{Number: 1})
		w.listWith(w.issuing, minica.CRLOptions{Number: 2, Revoked: revoked(w.client.Leaf)})
	}, certs.ReasonRevoked, certs.ReasonRevoked},
	{"two lists of one CA, only the older names the client", func(w *revoking) {
		w.list(w.root)
		w.listWith(w.issuing, minica.CRLOptions{Number: 1, Revoked: revoked(w.client.Leaf)})
		w.listWith(w.issuing, minica.CRLOptions{Number: 2})
	}, "ok", "ok"},

	{"two lists of one CA of the same number and date, one names the client", func(w *revoking) {
		w.list(w.root)
		at := time.Now().Add(-time.Hour)
		w.listWith(w.issuing, minica.CRLOptions{Number: 1, ThisUpdate: at})
		w.listWith(w.issuing, minica.CRLOptions{Number: 1, ThisUpdate: at, Revoked: revoked(w.client.Leaf)})
	}, certs.ReasonRevoked, certs.ReasonRevoked},

	{"the client is revoked and brings a certificate of its CA with another key identifier", func(w *revoking) {
		w.list(w.root)
		w.list(w.issuing, w.client.Leaf)
		w.bring(otherKeyID)
	}, certs.ReasonRevoked, certs.ReasonRevoked},
	{"the client is revoked and brings a certificate of its CA that may not sign lists", func(w *revoking) {
		w.list(w.root)
		w.list(w.issuing, w.client.Leaf)
		w.bring(noCRLSign)
	}, certs.ReasonRevoked, certs.ReasonRevoked},
	{"the client is good and brings a certificate of its CA that may not sign lists", func(w *revoking) { w.good(); w.bring(noCRLSign) },
		"ok", certs.ReasonCRLMissing},
	{"a list has expired, and the client brings a certificate of its CA that may not sign lists", func(w *revoking) {
		w.list(w.root)
		w.expired(w.issuing)
		w.bring(noCRLSign)
	}, certs.ReasonCRLExpired, certs.ReasonCRLMissing},
	{"a trusted CA was renewed with another key identifier, and its list names the client", func(w *revoking) {
		renewed := must[*minica.CA](w.t)(minica.New(minica.Options{RawSubject: w.issuing.Leaf.RawSubject, Key: w.issuing.Key, Change: otherKeyID}))
		w.trusted, w.shown = cas(w.issuing, renewed), w.shown[:1]
		w.list(w.issuing, w.client.Leaf)
	}, certs.ReasonRevoked, certs.ReasonRevoked},

	{"the intermediate CA is trusted, the root is not", func(w *revoking) { w.trusted = cas(w.issuing); w.list(w.issuing) }, "ok", "ok"},
	{"the intermediate CA is trusted and revokes the client", func(w *revoking) { w.trusted = cas(w.issuing); w.list(w.issuing, w.client.Leaf) },
		certs.ReasonRevoked, certs.ReasonRevoked},
	{"a trusted intermediate CA is revoked by a trusted root", func(w *revoking) {
		w.trusted = cas(w.issuing, w.root)
		w.list(w.issuing)
		w.list(w.root, w.issuing.Leaf)
	}, certs.ReasonIssuerRevoked, certs.ReasonIssuerRevoked},
	{"the trusted root revokes itself", func(w *revoking) { w.list(w.root, w.root.Leaf); w.list(w.issuing) },
		certs.ReasonIssuerRevoked, certs.ReasonIssuerRevoked},

	{"a cross-signed intermediate CA, revoked by one of two trusted roots", func(w *revoking) {
		w.crossSign()
		w.list(w.root, w.issuing.Leaf)
		w.list(w.stranger)
		w.list(w.issuing)
	}, "ok", "ok"},
	{"a cross-signed intermediate CA, revoked by both", func(w *revoking) {
		cross := w.crossSign()
		w.list(w.root, w.issuing.Leaf)
		w.list(w.stranger, cross.Leaf)
		w.list(w.issuing)
	}, certs.ReasonIssuerRevoked, certs.ReasonIssuerRevoked},
}

// The extensions of RFC 5280 §5.2.4 and §5.2.5.
var (
	deltaIndicator           = asn1.ObjectIdentifier{2, 5, 29, 27}
	issuingDistributionPoint = asn1.ObjectIdentifier{2, 5, 29, 28}
)

// extensionOf is an extension whose value is a small number.
func extensionOf(id asn1.ObjectIdentifier, flag []byte, value byte) pkix.Extension {
	return pkix.Extension{Id: id, Critical: flag != nil, Value: []byte{2, 1, value}}
}

// distributionPoint is one in which the field of this number is true.
func distributionPoint(field byte) pkix.Extension {
	return pkix.Extension{Id: issuingDistributionPoint, Critical: true, Value: element(0x30, element(0x80|field, yes))}
}

func cas(all ...*minica.CA) []*minica.CA { return all }

func revoked(all ...*x509.Certificate) (list []minica.Revoked) {
	for _, c := range all {
		list = append(list, minica.Revoked{Serial: new(big.Int).Set(c.SerialNumber), Reason: 1})
	}
	return list
}
