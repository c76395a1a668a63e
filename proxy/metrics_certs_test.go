package proxy_test

import (
	"crypto/x509"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sidegate/sidegate/proxy"
	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/metric"
	"github.com/sidegate/sidegate/proxy/minica"
)

// An alert compares nextUpdate with the time, as it does with the ends of certificates.
func TestRevocationListsAreMeasured(t *testing.T) {
	one, two := newCA(t, "CN=One,O=Trust"), newCA(t, "CN=Two")
	next := time.Now().Add(time.Hour).Truncate(time.Second)
	dir := t.TempDir()
	write := func(name string, data []byte, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("ca.pem", append(one.PEM(), two.PEM()...), nil)
	der, err := one.CRL(minica.CRLOptions{Number: 7, NextUpdate: next, Revoked: []minica.Revoked{{Serial: big.NewInt(1)}, {Serial: big.NewInt(2)}}})
	write("one.crl", der, err)
	der, err = two.CRL(minica.CRLOptions{NextUpdate: next, Change: func(l *x509.RevocationList) { l.Number = new(big.Int).Lsh(big.NewInt(1), 100) }})
	write("two.crl", der, err)
	store, err := certs.Open(certs.Files{CA: []string{filepath.Join(dir, "ca.pem")},
		CRL: []string{filepath.Join(dir, "one.crl"), filepath.Join(dir, "two.crl")}}, certs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	reg := new(metric.Registry)
	proxy.NewMetrics(reg).Watch("ingress", store)
	var got []string
	for line := range strings.Lines(string(reg.Append(nil))) {
		if strings.HasPrefix(line, "sidegate_crl_") {
			got = append(got, strings.TrimSpace(strings.ReplaceAll(line, dir+"/", "")))
		}
	}
	ofOne, ofTwo := `{file="one.crl",issuer="CN=One,O=Trust",listener="ingress"}`, `{file="two.crl",issuer="CN=Two",listener="ingress"}`
	want := []string{
		"sidegate_crl_entries" + ofOne + " 2", "sidegate_crl_entries" + ofTwo + " 0",
		fmt.Sprintf("sidegate_crl_next_update_seconds%s %v", ofOne, float64(next.Unix())), fmt.Sprintf("sidegate_crl_next_update_seconds%s %v", ofTwo, float64(next.Unix())),
		"sidegate_crl_number" + ofOne + " 7", // that of two is too large for a float64
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
