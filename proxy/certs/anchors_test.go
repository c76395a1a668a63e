package certs_test

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/minica"
)

// anchorsOf opens CA paths alone and returns the common names of the anchors.
func anchorsOf(t *testing.T, usage certs.Usage, paths ...string) (names []string, b *certs.Bundle, err error) {
	t.Helper()
	store, err := certs.Open(certs.Files{CA: paths}, certs.Options{Usage: usage})
	if err != nil {
		return nil, nil, err
	}
	for _, c := range store.Current().Anchors {
		names = append(names, c.Subject.CommonName)
	}
	return names, store.Current(), nil
}

func TestCADirectoryTakesCAsOnly(t *testing.T) {
	one, two := root(t, "One"), root(t, "Two")
	below := must[*minica.CA](t)(two.NewCA(minica.Options{Subject: "CN=Below"}))
	leaf := issue(t, below, "leaf")
	for _, test := range []struct {
		name  string
		files folder
		want  []string
		warns string
	}{
		{"ca.crt", folder{"ca.crt": one.PEM()}, []string{"One"}, ""},
		{"a list with text in it", folder{"ca.pem": join([]byte("# One\n"), one.PEM(), []byte("# Two\n"), two.PEM())}, []string{"One", "Two"}, ""},
		{"the same CA twice", folder{"a.crt": one.PEM(), "b.crt": join(one.PEM(), two.PEM())}, []string{"One", "Two"}, ""},
		{"a name without ending", folder{"ca-bundle": one.PEM()}, []string{"One"}, ""},
		{"DER", folder{"one.cer": one.Leaf.Raw}, []string{"One"}, ""},
		{"other files", folder{"ca.crt": one.PEM(), "README": []byte("hi"), ".hidden.pem": []byte("x")}, []string{"One"}, ""},
		{"the Secret of cert-manager", pair(leaf).with("ca.crt", one.PEM()), []string{"One"}, ""},
		{"a pair of another name", folder{"gate.crt": below.PEM(), "gate.key": below.KeyPEM(), "ca.crt": one.PEM()}, []string{"One"}, "gate.crt: is left out: gate.key lies beside it"},
		{"tls.crt without its key", folder{"tls.crt": leaf.ChainPEM(), "ca.crt": one.PEM()}, []string{"One"}, "tls.crt: is left out"},
		{"a served chain", folder{"fullchain.pem": leaf.ChainPEM(), "ca.crt": one.PEM()}, []string{"One"}, "fullchain.pem: is left out"},
		{"key and chain in one", folder{"both.pem": join(leaf.KeyPEM(), two.PEM()), "ca.crt": one.PEM()}, []string{"One"}, "both.pem: is left out"},
		{"a key alone", folder{"privkey.pem": leaf.KeyPEM(), "ca.crt": one.PEM()}, []string{"One"}, "privkey.pem: is left out"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for how, dir := range map[string]string{"plain": plain(t, test.files), "mounted": mount(t, test.files).Dir} {
				got, b, err := anchorsOf(t, certs.ClientAuth, dir)
				if err != nil {
					t.Fatalf("%s: %s", how, texts(err))
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("%s: anchors (-want +got):\n%s", how, diff)
				}
				if warnings := strings.Join(b.Warnings, "\n"); !strings.Contains(warnings, test.warns) || (test.warns == "") != (warnings == "") {
					t.Errorf("%s: warnings %q, want %q", how, warnings, test.warns)
				}
			}
		})
	}
}

func TestWrongCANamesWhatIsWrong(t *testing.T) {
	ca := root(t, "Root")
	leaf := issue(t, ca, "leaf")
	old := must[*minica.CA](t)(minica.New(minica.Options{Subject: "CN=Old", NotAfter: time.Now().Add(-time.Hour)}))
	crl := pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: []byte("x")})
	for _, test := range []struct {
		name  string
		files folder
		path  string
		want  string
		says  string
	}{
		{"missing", folder{"other.crt": ca.PEM()}, "ca.crt", "missing ca.crt", "holds other.crt"},
		{"empty file", folder{"ca.crt": nil}, "ca.crt", "empty ca.crt", ""},
		{"empty file in a directory", folder{"ca.crt": nil, "b.crt": ca.PEM()}, ".", "empty ca.crt", ""},
		{"empty directory", nil, ".", "ca-empty .", "the directory is empty"},
		{"a directory with a pair only", pair(leaf), ".", "ca-empty .", "tls.crt because of tls.key beside it"},
		{"a CA beside its key", folder{"own.crt": ca.PEM(), "own.key": ca.KeyPEM()}, ".", "ca-empty .", "own.crt because of own.key beside it, own.key by its name"},
		{"tls.crt alone", folder{"tls.crt": ca.PEM()}, ".", "ca-empty .", "tls.crt as that is the name of a served certificate"},
		{"other names", folder{"a.txt": nil, "b": nil, "c": nil, "d": nil, "e": nil, "f": nil, "g": nil}, ".", "ca-empty .", "a.txt by its name, b by its name, c by its name, d by its name, e by its name and 2 more"},
		{"a directory with a chain only", folder{"x.pem": leaf.ChainPEM()}, ".", "ca-not-ca x.pem", "x.pem: is left out"},
		{"a key", folder{"ca.crt": leaf.KeyPEM()}, "ca.crt", "ca-empty ca.crt", "only a private key"},
		{"a revocation list", folder{"ca.crt": crl}, "ca.crt", "ca-empty ca.crt", "only a revocation list"},
		{"garbage", folder{"ca.crt": []byte("<html>")}, "ca.crt", "no-pem ca.crt", ""},
		{"TRUSTED CERTIFICATE", folder{"ca.crt": block("TRUSTED CERTIFICATE", []byte("x"))}, "ca.crt", "wrong-pem ca.crt", "openssl x509"},
		{"PKCS #7", folder{"ca.crt": block("PKCS7", []byte("x"))}, "ca.crt", "wrong-pem ca.crt", "openssl pkcs7"},
		{"a leaf", folder{"ca.crt": leaf.PEM()}, "ca.crt", "ca-not-ca ca.crt", "ca.crt: holds no CA certificate: " + shownCN("leaf") + " is not a CA (basicConstraints CA:FALSE), so it is no trust anchor → put the certificate of the issuer here; a single client is pinned by certSHA256"},
		{"only expired", folder{"ca.crt": old.PEM()}, "ca.crt", "ca-expired ca.crt", shownCN("Old") + " expired on"},
		{"the last one cut short", folder{"ca.crt": join(ca.PEM(), old.PEM()[:300])}, "ca.crt", "broken-pem ca.crt", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := plain(t, test.files)
			_, _, err := anchorsOf(t, certs.ClientAuth, filepath.Join(dir, test.path))
			got := codes(t, err, dir)
			if len(got) != 1 || strings.ReplaceAll(got[0], dir, ".") != test.want {
				t.Errorf("faults %q, want %q", got, test.want)
			}
			if text := texts(err); !strings.Contains(text, test.says) {
				t.Errorf("faults do not say %q:\n%s", test.says, text)
			}
		})
	}
}

func TestLeafInACAFileIsNoAnchor(t *testing.T) {
	ca := root(t, "Root")
	leaf := issue(t, root(t, "Other"), "leaf")
	names, b, err := anchorsOf(t, certs.ClientAuth, filepath.Join(plain(t, folder{"ca.crt": join(leaf.PEM(), ca.PEM())}), "ca.crt"))
	if err != nil {
		t.Fatal(texts(err))
	}
	if diff := cmp.Diff([]string{"Root"}, names); diff != "" {
		t.Errorf("anchors (-want +got):\n%s", diff)
	}
	if len(b.Warnings) != 1 || !strings.Contains(b.Warnings[0], "is not a CA") {
		t.Errorf("warnings %q", b.Warnings)
	}
	_, err = b.Verify(presented(leaf), time.Now())
	if got := reason(t, err); got != certs.ReasonUnknownCA {
		t.Errorf("the leaf that is listed: %s", got)
	}
}

// Somebody may take a list of clients for a list of CAs.
func TestListOfClientsIsToldOfInOneLine(t *testing.T) {
	ca := root(t, "Root")
	var clients []byte
	for i := range 200 {
		clients = append(clients, issue(t, ca, fmt.Sprintf("client-%d", i)).PEM()...)
	}
	file := filepath.Join(plain(t, folder{"clients.pem": clients}), "clients.pem")
	_, _, err := anchorsOf(t, certs.ClientAuth, file)
	if text := texts(err); len(text) > 1000 || !strings.Contains(text, "holds no CA certificate: ") {
		t.Errorf("a fault of %d bytes: %.1000s", len(text), text)
	}
	_, b, err := anchorsOf(t, certs.ClientAuth, file, filepath.Join(plain(t, folder{"ca.crt": ca.PEM()}), "ca.crt"))
	if err != nil {
		t.Fatal(texts(err))
	}
	if len(b.Warnings) != 1 || !strings.Contains(b.Warnings[0], "200 certificates are not CAs") || !strings.HasSuffix(b.Warnings[0], shownCN("client-2")+" and 197 more") {
		t.Errorf("warnings %q", b.Warnings)
	}
	if len(b.Items) != 1 {
		t.Errorf("%d items, want that of the anchor", len(b.Items))
	}
}

func TestWarningsAreBounded(t *testing.T) {
	files := folder{"ca.crt": root(t, "Root").PEM()}
	for i := range 200 {
		files[fmt.Sprintf("%d.crt", i)], files[fmt.Sprintf("%d.key", i)] = nil, nil
	}
	_, b, err := anchorsOf(t, certs.ClientAuth, plain(t, files))
	if err != nil {
		t.Fatal(texts(err))
	}
	if n := len(b.Warnings); n != 51 || !strings.Contains(b.Warnings[n-1], "more that is odd") {
		t.Errorf("%d warnings: %q", n, b.Warnings)
	}
}

// An operator may think that the fence around a partner's CA keeps it from
// issuing somebody else's Subject.
func TestNameConstraintsOfAnAnchorAreAWarning(t *testing.T) {
	top := root(t, "Root")
	fenced := newWorld(t).fenced(t)
	for usage, want := range map[certs.Usage]int{certs.ClientAuth: 1, certs.ClientOrServer: 1, certs.ServerAuth: 0} {
		b := trusting(t, usage, top, fenced)
		if len(b.Warnings) != want {
			t.Errorf("for %s: warnings %q", usage, b.Warnings)
		}
		if want > 0 && !strings.Contains(b.Warnings[0], "the name constraints of the CA "+shownCN("Fenced")+" fence the SANs") {
			t.Errorf("for %s: %s", usage, b.Warnings[0])
		}
		// That is how it is.
		client := issueWith(t, fenced, minica.Options{Subject: "CN=another partner"})
		if _, err := b.Verify(presented(client), time.Now()); err != nil {
			t.Errorf("for %s: %v", usage, err)
		}
	}
}

func TestExpiredCABesideAGoodOneIsAWarning(t *testing.T) {
	old := must[*minica.CA](t)(minica.New(minica.Options{Subject: "CN=Old", NotAfter: time.Now().Add(-time.Hour)}))
	_, b, err := anchorsOf(t, certs.ClientAuth, plain(t, folder{"a.crt": old.PEM(), "b.crt": root(t, "Good").PEM()}))
	if err != nil {
		t.Fatal(texts(err))
	}
	if len(b.Warnings) != 1 || !strings.Contains(b.Warnings[0], "the CA "+shownCN("Old")+" expired on") {
		t.Errorf("warnings %q", b.Warnings)
	}
}

// The two files are issuing CAs of GlobalSign: one without extended key usage,
// and its successor of 2025, which is for serverAuth only.
const (
	unlimitedCA = "testdata/globalsign/rsa-ov-ssl-ca-2018.pem"
	limitedCA   = "testdata/globalsign/gcc-r46-ov-tls-ca-2025.pem"
)

func TestPublicCAsThatCannotVouchForClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// They end in 2028 and 2029; this test does not.
		time.Sleep(time.Until(time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)))

		_, b, err := anchorsOf(t, certs.ClientAuth, unlimitedCA, limitedCA)
		if err != nil {
			t.Fatal(texts(err))
		}
		if len(b.Warnings) != 1 || !strings.Contains(b.Warnings[0], "GCC R46") || !strings.Contains(b.Warnings[0], "limited to serverAuth") {
			t.Errorf("both: warnings %q", b.Warnings)
		}

		_, _, err = anchorsOf(t, certs.ClientAuth, limitedCA)
		if got := codes(t, err, "testdata/globalsign"); !cmp.Equal(got, []string{"ca-usage gcc-r46-ov-tls-ca-2025.pem"}) {
			t.Errorf("the limited one alone: %q", got)
		}
		if !strings.Contains(texts(err), "clientCertificateUsage: clientOrServer") {
			t.Errorf("the fault does not name the setting: %s", texts(err))
		}

		for _, usage := range []certs.Usage{certs.ClientOrServer, certs.ServerAuth} {
			if _, b, err := anchorsOf(t, usage, limitedCA); err != nil || len(b.Warnings) > 0 {
				t.Errorf("the limited one for %s: %v", usage, err)
			}
		}
	})
}

func TestTrustDependsOnAnchorsAndUsageAlone(t *testing.T) {
	one, two := root(t, "One"), root(t, "Two")
	trust := func(usage certs.Usage, files folder) [32]byte {
		_, b, err := anchorsOf(t, usage, plain(t, files))
		if err != nil {
			t.Fatal(texts(err))
		}
		return b.Trust
	}
	base := trust(certs.ClientAuth, folder{"a.crt": one.PEM(), "b.crt": two.PEM()})
	for _, test := range []struct {
		name string
		got  [32]byte
		same bool
	}{
		{"other files and order", trust(certs.ClientAuth, folder{"x.pem": join([]byte("text\n"), two.PEM(), one.PEM())}), true},
		{"one anchor less", trust(certs.ClientAuth, folder{"a.crt": one.PEM()}), false},
		{"another usage", trust(certs.ClientOrServer, folder{"a.crt": one.PEM(), "b.crt": two.PEM()}), false},
	} {
		if same := test.got == base; same != test.same {
			t.Errorf("%s: the same trust is %v", test.name, same)
		}
	}
}

func TestItemsNameEveryCertificate(t *testing.T) {
	top := root(t, "Root")
	below := must[*minica.CA](t)(top.NewCA(minica.Options{Subject: "CN=Issuing"}))
	m := mount(t, pair(issue(t, below, "gate")).with("ca.crt", top.PEM()))
	store, err := certs.Open(certs.Files{Certificate: m.Dir, CA: []string{m.Dir}}, certs.Options{})
	if err != nil {
		t.Fatal(texts(err))
	}
	var got []string
	for _, item := range store.Current().Items {
		got = append(got, fmt.Sprintf("%s %s %s", must[string](t)(filepath.Rel(m.Dir, item.File)), item.Role, item.Cert.Subject.CommonName))
	}
	want := []string{"ca.crt ca Root", "tls.crt certificate gate", "tls.crt chain Issuing"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("items (-want +got):\n%s", diff)
	}
}

// The root in the file is one of version 1 (openssl x509 -req -signkey, OpenSSL 1.1),
// valid until 2076.
func TestRootOfVersion1IsAnAnchorButNoClient(t *testing.T) {
	const path = "testdata/v1-root.pem"
	names, b, err := anchorsOf(t, certs.ClientAuth, path)
	if err != nil {
		t.Fatal(texts(err))
	}
	if diff := cmp.Diff([]string{"Old Root"}, names); diff != "" {
		t.Errorf("anchors (-want +got):\n%s", diff)
	}
	_, err = b.Verify([]*x509.Certificate{b.Anchors[0]}, time.Now())
	if got := reason(t, err); got != certs.ReasonNotACA {
		t.Errorf("presented as a client's: %s, want %s", got, certs.ReasonNotACA)
	}
}
