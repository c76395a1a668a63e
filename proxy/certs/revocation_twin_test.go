package certs_test

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"testing"
	"time"

	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/minica"
)

// A CA has one key and may have many certificates. Whoever is revoked comes with the
// one that suits him.
func TestARevokedClientIsRefusedWhicheverCertificateOfItsCAItBrings(t *testing.T) {
	otherKeyID := func(c *x509.Certificate) { c.SubjectKeyId = []byte{1, 2, 3, 4} }
	noCRLSign := func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCertSign }
	for name, change := range map[string]func(*x509.Certificate){
		"with another key identifier":     otherKeyID,
		"that does not allow to sign one": noCRLSign,
	} {
		t.Run(name, func(t *testing.T) {
			w := newRevoking(t)
			w.list(w.root)
			w.list(w.issuing, w.client.Leaf)
			twin := subCA(t, w.root, minica.Options{RawSubject: w.issuing.Leaf.RawSubject, Key: w.issuing.Key, Change: change})
			w.shown = []*x509.Certificate{w.client.Leaf, twin.Leaf}
			w.isRefused(t, certs.ReasonRevoked)
		})
	}
	t.Run("as an anchor beside the older one", func(t *testing.T) {
		w := newRevoking(t)
		renewed := must[*minica.CA](t)(minica.New(minica.Options{RawSubject: w.issuing.Leaf.RawSubject, Key: w.issuing.Key, Change: otherKeyID}))
		w.trusted = cas(w.issuing, renewed)
		w.shown = []*x509.Certificate{w.client.Leaf}
		w.list(w.issuing, w.client.Leaf)
		w.isRefused(t, certs.ReasonRevoked)
	})
}

func TestOfTwoListsOfOneNumberAndDateBothCount(t *testing.T) {
	w := newRevoking(t)
	w.trusted = cas(w.issuing)
	at := time.Now().Add(-time.Hour)
	w.listWith(w.issuing, minica.CRLOptions{Number: 10, ThisUpdate: at})
	w.listWith(w.issuing, minica.CRLOptions{Number: 10, ThisUpdate: at, Revoked: revoked(w.client.Leaf)})
	w.isRefused(t, certs.ReasonRevoked)
}

// By dates alone the first would be older than the second, that than the third, and
// the third, by its number, than the first.
func TestOfListsOfWhichOneHasNoNumberTheHighestNumberCounts(t *testing.T) {
	w := newRevoking(t)
	w.trusted = cas(w.issuing)
	now := time.Now()
	w.listWith(w.issuing, minica.CRLOptions{Number: 10, ThisUpdate: now.Add(-3 * time.Hour), Revoked: revoked(w.client.Leaf)})
	w.files = append(w.files, numberless(t, w.issuing, now.Add(-2*time.Hour)))
	w.listWith(w.issuing, minica.CRLOptions{Number: 5, ThisUpdate: now.Add(-time.Hour)})
	w.isRefused(t, certs.ReasonRevoked)
}

// numberless makes an empty list without a number, which RFC 5280 does not allow and
// crypto/x509 does not make.
func numberless(t *testing.T, ca *minica.CA, at time.Time) []byte {
	t.Helper()
	algorithm := pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}} // ecdsa-with-SHA256
	tbs := must[[]byte](t)(asn1.Marshal(struct {
		Version    int
		Algorithm  pkix.AlgorithmIdentifier
		Issuer     asn1.RawValue
		ThisUpdate time.Time `asn1:"utc"`
		NextUpdate time.Time `asn1:"utc"`
	}{1, algorithm, asn1.RawValue{FullBytes: ca.Leaf.RawSubject}, at.UTC(), at.Add(24 * time.Hour).UTC()}))
	digest := sha256.Sum256(tbs)
	signature := must[[]byte](t)(ca.Key.Sign(rand.Reader, digest[:], crypto.SHA256))
	return must[[]byte](t)(asn1.Marshal(struct {
		TBS       asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}{asn1.RawValue{FullBytes: tbs}, algorithm, asn1.BitString{Bytes: signature, BitLength: len(signature) * 8}}))
}

func TestAnOldListDoesNotComeInByWayOfNone(t *testing.T) {
	for name, between := range map[string]func(w *revoking){
		"another CA's list":  func(w *revoking) { w.list(w.stranger) },
		"no list is wanted":  func(w *revoking) { w.listless = true },
		"one without number": func(w *revoking) { w.files = append(w.files, numberless(w.t, w.issuing, time.Now())) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newRevoking(t)
			w.trusted = cas(w.issuing, w.stranger)
			w.listWith(w.issuing, minica.CRLOptions{Number: 8, Revoked: revoked(w.client.Leaf)})
			last := w.bundle(certs.Options{})
			for _, step := range []func(w *revoking){between, func(w *revoking) { w.listWith(w.issuing, minica.CRLOptions{Number: 7}) }} {
				w.files, w.listless = nil, false
				step(w)
				store, err := w.open(certs.Options{Before: last})
				if err != nil {
					if f := certs.Faults(err)[0]; f.Code != certs.CodeCRLRollback {
						t.Errorf("the fault is %s, want %s", texts(err), certs.CodeCRLRollback)
					}
					return
				}
				last = store.Current()
			}
			t.Error("a list that is older than the first was taken")
		})
	}
}

// isRefused fails the test unless the client is refused for the reason under either policy.
func (w *revoking) isRefused(t *testing.T, reason string) {
	t.Helper()
	for _, policy := range []certs.CRLPolicy{certs.CRLWhenAvailable, certs.CRLStrict} {
		_, err := w.bundle(certs.Options{CRLPolicy: policy}).Verify(w.shown, time.Now())
		refusal, _ := errors.AsType[*certs.Refusal](err)
		if refusal == nil || refusal.Reason != reason {
			t.Errorf("%v: %v, want %s", policy, err, reason)
		}
	}
}
