package certs_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/minica"
)

// A revoking world has a root, an intermediate CA and a client, and lists.
type revoking struct {
	t              *testing.T
	root, stranger *minica.CA
	issuing        *minica.CA
	client         *minica.Cert
	shown          []*x509.Certificate // by the client
	trusted        []*minica.CA
	files          [][]byte // in crl
	earlier        [][]byte // in crl before
	listless       bool     // there is no crl
	grace          time.Duration
}

func newRevoking(t *testing.T) *revoking {
	w := &revoking{t: t, root: root(t, "Root"), stranger: root(t, "Stranger")}
	w.issuing = subCA(t, w.root, minica.Options{Subject: "CN=Issuing"})
	w.client = issue(t, w.issuing, "client")
	w.shown, w.trusted = presented(w.client), cas(w.root)
	return w
}

// list adds one that revokes these certificates.
func (w *revoking) list(ca *minica.CA, all ...*x509.Certificate) {
	w.listWith(ca, minica.CRLOptions{Revoked: revoked(all...)})
}

func (w *revoking) listWith(ca *minica.CA, o minica.CRLOptions) {
	w.t.Helper()
	w.files = append(w.files, must[[]byte](w.t)(ca.CRL(o)))
}

func (w *revoking) good() { w.list(w.root); w.list(w.issuing) }

// expired adds a list that ended an hour ago.
func (w *revoking) expired(ca *minica.CA, all ...*x509.Certificate) {
	w.listWith(ca, minica.CRLOptions{NextUpdate: time.Now().Add(-time.Hour), Revoked: revoked(all...)})
}

// odd adds a list of the root with an extension.
func (w *revoking) odd(x pkix.Extension) {
	w.listWith(w.root, minica.CRLOptions{Change: func(l *x509.RevocationList) { l.ExtraExtensions = append(l.ExtraExtensions, x) }})
}

// renamed is another CA of the same name, with this key identifier or one of its own.
func (w *revoking) renamed(ca *minica.CA, id []byte) *minica.CA {
	return must[*minica.CA](w.t)(minica.New(minica.Options{RawSubject: ca.Leaf.RawSubject, Change: func(c *x509.Certificate) {
		if id != nil {
			c.SubjectKeyId = id
		}
	}}))
}

// crossSign has the intermediate CA certified by the stranger too, who is trusted.
func (w *revoking) crossSign() *minica.CA {
	cross := subCA(w.t, w.stranger, minica.Options{RawSubject: w.issuing.Leaf.RawSubject, Key: w.issuing.Key})
	w.shown, w.trusted = append(w.shown, cross.Leaf), cas(w.root, w.stranger)
	return cross
}

// bring has the client come with another certificate of its CA: the same name and key.
func (w *revoking) bring(change func(*x509.Certificate)) {
	twin := subCA(w.t, w.root, minica.Options{RawSubject: w.issuing.Leaf.RawSubject, Key: w.issuing.Key, Change: change})
	w.shown = []*x509.Certificate{w.client.Leaf, twin.Leaf}
}

func otherKeyID(c *x509.Certificate) { c.SubjectKeyId = []byte{1, 2, 3, 4} }
func noCRLSign(c *x509.Certificate)  { c.KeyUsage = x509.KeyUsageCertSign }

// folder is the directory crl.
func lying(files [][]byte) folder {
	f := folder{}
	for i, der := range files {
		f[fmt.Sprintf("%d.crl", i)] = der
	}
	return f
}

// open opens a Store with the world as it is.
func (w *revoking) open(o certs.Options) (*certs.Store, error) {
	w.t.Helper()
	var anchors []byte
	for _, ca := range w.trusted {
		anchors = append(anchors, ca.PEM()...)
	}
	files := certs.Files{CA: []string{filepath.Join(plain(w.t, folder{"ca.pem": anchors}), "ca.pem")}}
	if w.earlier != nil {
		files.CRL = []string{plain(w.t, lying(w.earlier))}
		store, err := certs.Open(files, o)
		if err != nil {
			w.t.Fatal(texts(err))
		}
		o.Before = store.Current()
	}
	if files.CRL = nil; !w.listless {
		files.CRL = []string{plain(w.t, lying(w.files))}
	}
	return certs.Open(files, o)
}

// bundle is the Bundle of open, where nothing is at fault.
func (w *revoking) bundle(o certs.Options) *certs.Bundle {
	w.t.Helper()
	store, err := w.open(o)
	if err != nil {
		w.t.Fatal(texts(err))
	}
	return store.Current()
}

func TestRevocationVerdicts(t *testing.T) {
	for _, test := range revocationCases {
		for policy, want := range map[certs.CRLPolicy]string{certs.CRLWhenAvailable: test.whenAvailable, certs.CRLStrict: test.strict} {
			t.Run(test.name+", "+policy.String(), func(t *testing.T) {
				w := newRevoking(t)
				test.lies(w)
				store, err := w.open(certs.Options{CRLPolicy: policy, CRLGrace: w.grace})
				if err != nil {
					faults := certs.Faults(err)
					if len(faults) != 1 || faults[0].Code != want || faults[0].Field != certs.FieldCRL || faults[0].Fix == "" {
						t.Errorf("faults\n%s\nwant one, of code %s", texts(err), want)
					}
					return
				}
				v, err := store.Current().Verify(w.shown, time.Now())
				if got := reason(t, err); got != want {
					t.Errorf("%s, want %s: %v", got, want, err)
				}
				if (err == nil) != (len(v.Chains) == 1) {
					t.Errorf("%d chains, %v", len(v.Chains), err)
				}
			})
		}
	}
}

// What was refused must say by which list, since when, why, and what to set.
func TestRevocationsAreToldWithAllThatIsKnown(t *testing.T) {
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	for _, test := range []struct {
		name   string
		lies   func(w *revoking)
		policy certs.CRLPolicy
		want   []string
	}{
		{"revoked", func(w *revoking) {
			w.listWith(w.issuing, minica.CRLOptions{Number: 77, Revoked: []minica.Revoked{{Serial: w.client.Leaf.SerialNumber, At: at, Reason: 1}}})
		}, 0, []string{`the certificate "CN=client", serial `, `was revoked on 2026-03-04T05:06:07Z (keyCompromise) by the revocation list number 77 of the CA "CN=Issuing"`}},
		{"the CA revoked", func(w *revoking) { w.list(w.root, w.issuing.Leaf) }, 0,
			[]string{`the CA above it, "CN=Issuing", serial `, `by the revocation list number 1 of the CA "CN=Root"`}},
		{"no list", func(w *revoking) { w.list(w.root) }, certs.CRLStrict, []string{`its issuer, "CN=Issuing"`, "crlPolicy is strict", "crlPolicy: whenAvailable"}},
		{"expired", func(w *revoking) { w.expired(w.issuing) }, 0, []string{`number 1 of the CA "CN=Issuing"`, "0.crl", "expired on ", "set crlGrace"}},
		{"expired, strict", func(w *revoking) { w.list(w.root); w.expired(w.issuing) }, certs.CRLStrict, []string{"crlPolicy: strict knows no grace"}},
	} {
		w := newRevoking(t)
		test.lies(w)
		_, err := w.bundle(certs.Options{CRLPolicy: test.policy}).Verify(w.shown, time.Now())
		for _, want := range test.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v\nlacks %q", test.name, err, want)
			}
		}
	}
}

// A verdict holds no longer than the lists that it stands on.
func TestVerdictEndsWithItsLists(t *testing.T) {
	now := time.Now()
	for _, test := range []struct {
		name   string
		policy certs.CRLPolicy
		grace  time.Duration
		want   time.Duration
	}{
		{"when available", certs.CRLWhenAvailable, 0, time.Hour},
		{"with a grace", certs.CRLWhenAvailable, 30 * time.Minute, 90 * time.Minute},
		{"strict, which knows no grace", certs.CRLStrict, 30 * time.Minute, time.Hour},
	} {
		w := newRevoking(t)
		w.listWith(w.root, minica.CRLOptions{NextUpdate: now.Add(2 * time.Hour)})
		w.listWith(w.issuing, minica.CRLOptions{NextUpdate: now.Add(time.Hour)})
		b := w.bundle(certs.Options{CRLPolicy: test.policy, CRLGrace: test.grace})
		for range 2 { // the second time it is remembered
			v, err := b.Verify(w.shown, now)
			if left := v.Until.Sub(now).Round(time.Minute); err != nil || left != test.want {
				t.Errorf("%s: good for %s, want %s; %v", test.name, left, test.want, err)
			}
		}
		if _, err := b.Verify(w.shown, now.Add(test.want+time.Second)); reason(t, err) != certs.ReasonCRLExpired {
			t.Errorf("%s: a second later: %v", test.name, err)
		}
	}
}

// Of two ways the better one counts, and the other is asked for again once the first
// has ended.
func TestVerdictEndsWithTheListsOfItsBestChain(t *testing.T) {
	now := time.Now()
	w := newRevoking(t)
	w.crossSign()
	w.listWith(w.root, minica.CRLOptions{NextUpdate: now.Add(time.Hour)})
	w.listWith(w.stranger, minica.CRLOptions{NextUpdate: now.Add(2 * time.Hour)})
	b := w.bundle(certs.Options{})
	for _, step := range []struct {
		after  time.Duration
		chains int
	}{{0, 2}, {90 * time.Minute, 1}, {150 * time.Minute, 0}} {
		v, err := b.Verify(w.shown, now.Add(step.after))
		if len(v.Chains) != step.chains || (err == nil) != (step.chains > 0) || err == nil && v.Until.Sub(now).Round(time.Minute) != 2*time.Hour {
			t.Errorf("after %s: %d chains until %s, want %d; %v", step.after, len(v.Chains), v.Until, step.chains, err)
		}
	}
}

// Sessions are resumed under one trust only, and lists are part of it.
func TestTrustDependsOnTheLists(t *testing.T) {
	w := newRevoking(t)
	w.good()
	with := func(o certs.Options, lies func()) [32]byte {
		if lies != nil {
			defer func(before [][]byte) { w.files = before }(w.files)
			lies()
		}
		return w.bundle(o).Trust
	}
	base := with(certs.Options{}, nil)
	for _, test := range []struct {
		name string
		o    certs.Options
		lies func()
		same bool
	}{
		{"nothing changed", certs.Options{}, nil, true},
		{"files in another order", certs.Options{}, func() { w.files = [][]byte{w.files[1], w.files[0]} }, true},
		{"a list twice", certs.Options{}, func() { w.files = [][]byte{w.files[0], w.files[1], w.files[0]} }, true},
		{"a list less", certs.Options{}, func() { w.files = w.files[:1] }, false},
		{"another list", certs.Options{}, func() { w.files = nil; w.list(w.root, w.issuing.Leaf); w.list(w.issuing) }, false},
		{"another policy", certs.Options{CRLPolicy: certs.CRLStrict}, nil, false},
		{"another grace", certs.Options{CRLGrace: time.Hour}, nil, false},
	} {
		if got := with(test.o, test.lies) == base; got != test.same {
			t.Errorf("%s: the same trust %t, want %t", test.name, got, test.same)
		}
	}
}

// Who has no lists pays nothing for them.
func TestVerifyWithoutListsCostsNothingMore(t *testing.T) {
	w := newRevoking(t)
	b := trusting(t, certs.ClientAuth, w.root)
	now := time.Now()
	verify := func() {
		if _, err := b.Verify(w.shown, now); err != nil {
			t.Fatal(err)
		}
	}
	verify()
	if n := testing.AllocsPerRun(100, verify); n > 1 { // the digest
		t.Errorf("%v allocations for a client that is known", n)
	}
}

// TestRevocationCasesAreDocumented holds the table of docs/revocation.md to the
// cases, in their order.
func TestRevocationCasesAreDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../docs/revocation.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := func(verdict string) string {
		if verdict == "ok" {
			return "let in"
		}
		return "`" + verdict + "`"
	}
	want := "| what lies in `crl` | `whenAvailable` | `strict` |\n|---|---|---|\n"
	for _, c := range revocationCases {
		want += fmt.Sprintf("| %s | %s | %s |\n", c.name, shown(c.whenAvailable), shown(c.strict))
	}
	if !strings.Contains(string(doc), want+"\n") {
		t.Errorf("docs/revocation.md is to have this table:\n%s", want)
	}
}
