package certs_test

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"testing"
	"time"

	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/minica"
)

// By dates alone the first would be older than the second, that than the third, and
// the third, by its number, than the first.
func TestOfListsOfWhichOneHasNoNumberTheHighestNumberCounts(t *testing.T) {
	w := newRevoking(t)
	w.trusted = cas(w.issuing)
	now := time.Now()
	w.listWith(w.issuing, minica.CRLOptions{Number: 10, ThisUpdate: now.Add(-3 * time.Hour), Revoked: revoked(w.client.Leaf)})
	w.files = append(w.files, numberless(t, w.issuing, now.Add(-2*time.Hour)))
	w.listWith(w.issuing, minica.CRLOptions{Number: 5, ThisUpdate: now.Add(-time.Hour)})
	if _, err := w.bundle(certs.Options{}).Verify(w.shown, time.Now()); reason(t, err) != certs.ReasonRevoked {
		t.Errorf("%v, want %s", err, certs.ReasonRevoked)
	}
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
		"another CA's list": func(w *revoking) { w.list(w.stranger) },
		"no list is wanted": func(w *revoking) { w.listless = true },
	} {
		w := newRevoking(t)
		w.trusted = cas(w.issuing, w.stranger)
		w.listWith(w.issuing, minica.CRLOptions{Number: 8})
		last := w.bundle(certs.Options{})
		w.files = nil
		between(w)
		for range 2 { // it is remembered beyond the next change
			last = w.bundle(certs.Options{Before: last})
		}
		w.files, w.listless = nil, false
		w.listWith(w.issuing, minica.CRLOptions{Number: 7})
		if _, err := w.open(certs.Options{Before: last}); !isRollback(err) {
			t.Errorf("%s: %v, want %s", name, err, certs.CodeCRLRollback)
		}
		w.files = nil
		w.listWith(w.issuing, minica.CRLOptions{Number: 9})
		w.bundle(certs.Options{Before: last})
	}
}

func TestAListWithoutANumberIsOlderThanOneThatHasOne(t *testing.T) {
	w := newRevoking(t)
	w.trusted = cas(w.issuing)
	w.listWith(w.issuing, minica.CRLOptions{Number: 8})
	numbered := w.bundle(certs.Options{})
	w.files = [][]byte{numberless(t, w.issuing, time.Now())}
	if _, err := w.open(certs.Options{Before: numbered}); !isRollback(err) {
		t.Errorf("%v, want %s", err, certs.CodeCRLRollback)
	}
}

// A CA below another anchor may take the name and key identifier of ours.
func TestAForgedListNeitherHidesARollbackNorMakesOne(t *testing.T) {
	w := newRevoking(t)
	w.trusted = cas(w.root, w.stranger)
	rogue := subCA(t, w.stranger, minica.Options{RawSubject: w.issuing.Leaf.RawSubject, Change: func(c *x509.Certificate) { c.SubjectKeyId = w.issuing.Leaf.SubjectKeyId }})
	real := func(number int64) { w.listWith(w.issuing, minica.CRLOptions{Number: number}) }
	forged := func() { w.listWith(rogue, minica.CRLOptions{Number: 99}) }

	real(8)
	honest := w.bundle(certs.Options{})
	w.verified(honest, w.shown)
	w.files = nil
	real(7)
	forged()
	if _, err := w.open(certs.Options{Before: honest}); !isRollback(err) {
		t.Errorf("beside a forged list: %v, want %s", err, certs.CodeCRLRollback)
	}

	w.files = nil
	real(8)
	forged()
	both := w.bundle(certs.Options{})
	w.verified(both, w.shown)
	w.verified(both, presented(issue(t, rogue, "rogue")))
	w.files = nil
	real(8)
	w.bundle(certs.Options{Before: both}) // the forged one is taken away
}

func isRollback(err error) bool {
	faults := certs.Faults(err)
	return len(faults) == 1 && faults[0].Code == certs.CodeCRLRollback
}

// verified fails the test unless b lets the peer in, which proves the lists of its CAs.
func (w *revoking) verified(b *certs.Bundle, shown []*x509.Certificate) {
	w.t.Helper()
	if _, err := b.Verify(shown, time.Now()); err != nil {
		w.t.Fatal(err)
	}
}
