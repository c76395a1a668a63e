package certs_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/minica"
)

func TestFaultsAreFoundInAnyError(t *testing.T) {
	_, err := certs.Open(certs.Files{Certificate: t.TempDir()}, certs.Options{})
	wrapped := errors.Join(errors.New("first"), fmt.Errorf("open listener %q: %w", ":8443", err))
	faults := certs.Faults(wrapped)
	if len(faults) != 2 || faults[0].Code != certs.CodeMissing || !errors.Is(faults[1], os.ErrNotExist) {
		t.Errorf("faults %v", faults)
	}
	if got := certs.Faults(errors.New("another")); got != nil {
		t.Errorf("faults %v in an error without any", got)
	}
}

func TestNamesInMessagesAreBounded(t *testing.T) {
	ca := root(t, "Root")
	long := issueWith(t, ca, minica.Options{Subject: "CN=" + strings.Repeat("x", 5000)})
	dir := plain(t, folder{"tls.crt": long.PEM(), "tls.key": ca.KeyPEM(), "ca.crt": root(t, "Other").PEM()})
	_, err := certs.Open(certs.Files{Certificate: dir}, certs.Options{})
	if n := len(err.Error()); n > 2000 {
		t.Errorf("a fault of %d bytes", n)
	}
	_, b, err := anchorsOf(t, certs.ClientAuth, filepath.Join(dir, "ca.crt"))
	if err != nil {
		t.Fatal(texts(err))
	}
	if _, err := b.Verify(presented(long), time.Now()); err == nil || len(err.Error()) > 2000 {
		t.Errorf("a refusal of %d bytes", len(err.Error()))
	}
}
